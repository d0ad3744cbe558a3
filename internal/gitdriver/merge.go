package gitdriver

import (
	"bufio"
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// Files are the versions that Git hands to a merge driver.
type Files struct {
	Base   string // %O, empty or without a name if both sides added the file
	Ours   string // %A, which takes the result
	Theirs string // %B
	Path   string // %P, the file's path in the repository
}

// Result is what a merge came to.
type Result struct {
	// Conflicts are what the sides contradict each other about; the result has
	// what ours says there.
	Conflicts []merge.Conflict
	// List is the file that names the conflicts; "" if there are none.
	List string
	// Plain says that a version is no table, so that Git merged the lines, and why.
	Plain string
	// Clean says that nothing is left to decide.
	Clean bool
}

// listSuffix is what is added to a path for the list of its conflicts.
const listSuffix = ".conflicts.csv"

// Merge merges three versions of a table row by row and writes the result over
// Ours. What conflicts is listed in a CSV file beside the file, under dir, the top
// of the working tree. If a version is no table, git merge-file does what Git
// would have done. It fails if a file cannot be read or written; then Ours is as
// it was.
func Merge(ctx context.Context, dir string, f Files) (*Result, error) {
	m := &merging{store: mem.New(), dir: dir, f: f}
	list, err := m.tables(ctx)
	var none *csv.NotTableError
	switch {
	case errors.As(err, &none):
		clean, err := m.lines(ctx)
		return &Result{Plain: none.Reason, Clean: clean}, err
	case err != nil:
		return nil, err
	}
	r := &Result{Conflicts: list, Clean: len(list) == 0}
	if r.Clean {
		return r, nil
	}
	r.List, err = m.writeList(list)
	return r, err
}

type merging struct {
	store *mem.Store
	dir   string
	f     Files
}

func (m *merging) at(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(m.dir, name)
}

// tables merges rows and writes the result.
func (m *merging) tables(ctx context.Context) ([]merge.Conflict, error) {
	var base *tabular.Table
	if info, err := os.Stat(m.at(m.f.Base)); err == nil && info.Size() > 0 {
		if base, err = m.read(ctx, m.f.Base, nil); err != nil {
			return nil, err
		}
	}
	ours, err := m.read(ctx, m.f.Ours, base)
	if err != nil {
		return nil, err
	}
	parent := base
	if parent == nil {
		parent = ours
	}
	theirs, err := m.read(ctx, m.f.Theirs, parent)
	if err != nil {
		return nil, err
	}
	res, err := merge.Tables(ctx, m.store, base, ours, theirs, &merge.Options{Codecs: map[string]merge.Codec{csv.Codec: csv.Merger{}}})
	if err != nil {
		return nil, fmt.Errorf("merging %s: %w", m.f.Path, err)
	}
	merged, err := tabular.Open(ctx, m.store, res.Table)
	if err != nil {
		return nil, err
	}
	return res.Conflicts, m.replace(m.at(m.f.Ours), func(w io.Writer) error { return csv.Write(ctx, w, merged, nil) })
}

func (m *merging) read(ctx context.Context, name string, parent *tabular.Table) (*tabular.Table, error) {
	file, err := os.Open(m.at(name))
	if err != nil {
		return nil, fmt.Errorf("opening a version of %s: %w", m.f.Path, err)
	}
	defer file.Close()
	res, err := csv.Read(ctx, m.store, file, &csv.ReadOptions{Name: m.f.Path, Parent: parent})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", m.f.Path, err)
	}
	return tabular.Open(ctx, m.store, res.Table)
}

// replace writes a file whole, or leaves it as it is.
func (m *merging) replace(name string, write func(io.Writer) error) (err error) {
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

// lines lets Git merge the lines; it reports whether that left no conflict.
func (m *merging) lines(ctx context.Context) (bool, error) {
	base := m.at(m.f.Base)
	if base == "" {
		base = os.DevNull
	}
	cmd := exec.CommandContext(ctx, "git", "merge-file", "-L", "ours", "-L", "base", "-L", "theirs",
		m.at(m.f.Ours), base, m.at(m.f.Theirs))
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Run()
	var status *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &status) && status.ExitCode() > 0 && status.ExitCode() < 128:
		return false, nil
	}
	return false, fmt.Errorf("merging the lines of %s: git merge-file: %w: %s", m.f.Path, err, strings.TrimSpace(said.String()))
}

// listHeader is the first line of a list of conflicts.
var listHeader = []string{"key", "column", "base", "ours", "theirs", "kind", "detail"}

// writeList writes the conflicts beside the file, and returns the list's path. A
// file of that name that is no such list is not touched.
func (m *merging) writeList(conflicts []merge.Conflict) (string, error) {
	var text bytes.Buffer
	w := csvWriter(&text)
	w(listHeader)
	head := text.Len()
	for _, c := range conflicts {
		key, column := c.Cell()
		w([]string{key, column, c.Text(c.Base), c.Text(c.Ours), c.Text(c.Theirs), string(c.Kind), c.Detail})
	}
	for n := 1; ; n++ {
		name := m.f.Path + listSuffix
		if n > 1 {
			name = m.f.Path + "." + strconv.Itoa(n) + listSuffix
		}
		have, err := os.ReadFile(m.at(name))
		if err == nil && !bytes.HasPrefix(have, text.Bytes()[:head]) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return name, m.replace(m.at(name), func(w io.Writer) error {
			_, err := w.Write(text.Bytes())
			return err
		})
	}
}

// csvWriter returns a function that writes records into memory.
func csvWriter(to *bytes.Buffer) func([]string) {
	w := stdcsv.NewWriter(to)
	return func(record []string) {
		_ = w.Write(slices.Clone(record))
		w.Flush()
	}
}
