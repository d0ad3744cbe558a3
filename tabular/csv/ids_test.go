package csv

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constl/constl/object/mem"
)

var addIDs = flag.Bool("add-ids", false, "add the ids of files that testdata/ids.txt does not have yet")

// TestTableIDsNeverChange reads real files, each as if it were new, and compares
// the tables' ids with testdata/ids.txt. An id there is never rewritten: it is
// what makes two people who commit the same file hold the same table.
func TestTableIDsNeverChange(t *testing.T) {
	known := readIDs(t)
	var files []string
	for _, pattern := range []string{"odd/*", "versions/*/v001.*", "merges/*/base.*"} {
		found, err := filepath.Glob(filepath.Join("../../testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 50 {
		t.Fatalf("only %d files", len(files))
	}
	var missing []string
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		res, err := Read(t.Context(), mem.New(), f, &ReadOptions{Name: filepath.Base(file)})
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		name := strings.TrimPrefix(filepath.ToSlash(file), "../../testdata/")
		switch want, ok := known[name]; {
		case !ok:
			missing = append(missing, res.Table.String()+" "+name)
		case want != res.Table.String():
			t.Errorf("%s is now table %s, was %s", name, res.Table, want)
		}
	}
	if len(missing) == 0 {
		return
	}
	if !*addIDs {
		t.Fatalf("no id is known of %d files; add them with -add-ids", len(missing))
	}
	f, err := os.OpenFile("testdata/ids.txt", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, strings.Join(missing, "\n"))
}

func readIDs(t *testing.T) map[string]string {
	t.Helper()
	known := make(map[string]string)
	f, err := os.Open("testdata/ids.txt")
	if os.IsNotExist(err) {
		return known
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if id, name, ok := strings.Cut(lines.Text(), " "); ok {
			known[name] = id
		}
	}
	return known
}
