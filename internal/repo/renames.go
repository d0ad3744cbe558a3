package repo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
)

// ErrRenamed says that a column may have been renamed, which only a person knows.
var ErrRenamed = errors.New("a column may have another name now")

// RenameError names the tables that have lost columns of which people said something
// in datapackage.json, and have got new ones. It wraps [ErrRenamed].
type RenameError struct{ Tables []RenamedTable }

// RenamedTable is a table with columns that are gone and columns that are new, by
// their names.
type RenamedTable struct {
	Path      string
	Gone, New []string
}

// Error says what is gone and what is new.
func (e *RenameError) Error() string {
	var parts []string
	for _, t := range e.Tables {
		parts = append(parts, fmt.Sprintf("%s: datapackage.json describes %s, which the file does not have; new in it: %s",
			t.Path, quoted(t.Gone), quoted(t.New)))
	}
	return strings.Join(parts, "; ")
}

// Unwrap returns [ErrRenamed].
func (e *RenameError) Unwrap() error { return ErrRenamed }

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(list, ", ")
}

// Rename is a column's old and new name. Table restricts it to one file; "" stands for
// every table that has the old name and not the new one.
type Rename struct{ Table, From, To string }

// follow has what datapackage.json says of renamed columns follow them. It fails with
// [ErrNotFile] if nothing there has an old name.
func follow(pkg *datapackage.Package, renames []Rename) error {
	for _, n := range renames {
		found := false
		for _, res := range pkg.Resources() {
			has := func(name string) bool {
				return slices.ContainsFunc(res.Fields(), func(f datapackage.Field) bool { return f.Name == name })
			}
			if n.Table != "" && !slices.Contains(res.Paths(), n.Table) || !has(n.From) || has(n.To) {
				continue
			}
			found = res.RenameField(n.From, n.To) || found
		}
		if !found {
			return fmt.Errorf("%s describes no column %q that could be renamed to %q: %w", datapackage.FileName, n.From, n.To, ErrNotFile)
		}
	}
	return nil
}
