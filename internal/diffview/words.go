package diffview

import (
	"fmt"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/tabular"
)

// Plural counts things in words: 1 row, 2 rows.
func Plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %ss", thousands(n), one)
}

// thousands writes a count with its thousands apart, so that people can read it.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// summary says in a line what became of a table's rows.
func summary(t *changes.Table) string {
	n := t.Shown
	switch t.Status {
	case "added":
		return "new table, " + Plural(n.Added, "row")
	case "deleted":
		return "table removed, " + Plural(n.Deleted, "row")
	}
	var parts []string
	for _, p := range []struct {
		n    int64
		text string
	}{{n.Added, Plural(n.Added, "row") + " added"}, {n.Deleted, Plural(n.Deleted, "row") + " deleted"},
		{n.Modified, Plural(n.Modified, "row") + " modified (" + Plural(n.Cells, "cell") + ")"}} {
		if p.n > 0 {
			parts = append(parts, p.text)
		}
	}
	switch {
	case n.Reordered():
		parts = append(parts, "same rows, other order ("+Plural(n.Moved, "row")+" moved)")
	case n.Moved > 0:
		parts = append(parts, Plural(n.Moved, "row")+" moved")
	}
	if n.Respelled > 0 {
		parts = append(parts, Plural(n.Respelled, "row")+" written in another way, with the same values")
	}
	if len(parts) == 0 {
		return "same rows"
	}
	return strings.Join(parts, ", ")
}

// schemaText says in a line what became of the table apart from its rows.
func schemaText(s changes.SchemaChange) string {
	switch s.Change {
	case "added":
		return fmt.Sprintf("column %s added (%s)", visible(s.Field), s.To)
	case "dropped":
		return fmt.Sprintf("column %s dropped", visible(s.Field))
	case "renamed":
		return fmt.Sprintf("column %s renamed to %s", visible(s.From), visible(s.To))
	case "retyped":
		return fmt.Sprintf("column %s: type %s is now %s", visible(s.Field), s.From, s.To)
	case "moved":
		return fmt.Sprintf("column %s moved", visible(s.Field))
	case "key":
		return fmt.Sprintf("key %s is now %s", orNone(s.From), orNone(s.To))
	}
	return "the file is written in another way (delimiter, quotes, line ends or the like)"
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return visible(s)
}

// rowName names a modified row by its key, id=3, site=S2, or by its number.
func rowName(t *changes.Table, row *changes.Row) string {
	if len(row.Key) == 0 {
		return fmt.Sprintf("row %d", row.New)
	}
	parts := make([]string, len(row.Key))
	for i, text := range row.Key {
		parts[i] = visible(text)
		if i < len(t.Key) {
			parts[i] = visible(t.Key[i]) + "=" + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

// changed returns how many rows of a table there are to show.
func changed(t *changes.Table) int64 { return t.Shown.Added + t.Shown.Deleted + t.Shown.Modified }

// sign is the mark of a row.
func sign(kind tabular.ChangeKind) string {
	switch kind {
	case tabular.RowAdded:
		return "+"
	case tabular.RowDeleted:
		return "-"
	}
	return "~"
}

// fileText says in a line what became of a file.
func fileText(f *changes.File) string {
	if f.Old == nil || f.New == nil {
		v := f.Old
		if v == nil {
			v = f.New
		}
		return f.Status + ", " + versionText(v)
	}
	if f.Old.Link == "" && f.New.Link == "" && f.Old.Sum == f.New.Sum && f.Old.Executable != f.New.Executable {
		if f.New.Executable {
			return f.Status + ", now executable"
		}
		return f.Status + ", no longer executable"
	}
	return f.Status + ", " + versionText(f.Old) + " → " + versionText(f.New)
}

func versionText(v *changes.Version) string {
	if v.Link != "" {
		return "link to " + visible(v.Link)
	}
	return Plural(v.Size, "byte")
}

// sums returns what tells two versions of a file that is no text apart.
func sums(f *changes.File) string {
	var parts []string
	for _, v := range []*changes.Version{f.Old, f.New} {
		if v != nil && v.Link == "" {
			parts = append(parts, v.Sum.String())
		}
	}
	return "BLAKE3 " + strings.Join(parts, " → ")
}
