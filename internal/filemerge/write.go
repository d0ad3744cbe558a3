package filemerge

import (
	"bufio"
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/constl/constl/merge"
)

// Replace writes a file whole, or leaves it as it is. It fails as write does, and
// if the file cannot be written.
func Replace(name string, write func(io.Writer) error) (err error) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".constl-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	w := bufio.NewWriterSize(temp, 1<<20)
	if err = errors.Join(write(w), w.Flush(), temp.Chmod(mode), temp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(temp.Name(), name)
}

// listSuffix is what is added to a path for the list of its conflicts.
const listSuffix = ".conflicts.csv"

// listHeader is the first line of a list of conflicts.
var listHeader = []string{"key", "column", "base", "ours", "theirs", "kind", "detail"}

// WriteList lists conflicts in a CSV file beside the file that they are about, and
// returns what was added to its path. A file of that name that is no such list is
// not touched; another name is taken. It fails if the list cannot be written.
func WriteList(file string, conflicts []merge.Conflict) (suffix string, err error) {
	text, head := listText(conflicts)
	for n := 1; ; n++ {
		suffix = listSuffix
		if n > 1 {
			suffix = "." + strconv.Itoa(n) + listSuffix
		}
		have, err := os.ReadFile(file + suffix)
		if err == nil && !bytes.HasPrefix(have, text[:head]) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return suffix, Replace(file+suffix, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
}

// listText returns the list, and the length of its first line.
func listText(conflicts []merge.Conflict) (text []byte, head int) {
	var buf bytes.Buffer
	w := stdcsv.NewWriter(&buf)
	_ = w.Write(listHeader) // memory does not fail
	w.Flush()
	head = buf.Len()
	for _, c := range conflicts {
		key, column := c.Cell()
		_ = w.Write([]string{key, column, c.Text(c.Base), c.Text(c.Ours), c.Text(c.Theirs), string(c.Kind), c.Detail})
	}
	w.Flush()
	return buf.Bytes(), head
}
