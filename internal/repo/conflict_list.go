package repo

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/constl/constl/internal/worktree"
	tablecsv "github.com/constl/constl/tabular/csv"
)

// conflictList is a list of conflicts as it lies beside its file, however a
// spreadsheet has saved it.
type conflictList struct {
	delimiter rune
	bom       bool // spreadsheets that write one need it to read again
	header    []string
	rows      []listRow
}

type listRow struct {
	line  int
	cells []string
}

// cell returns a cell of a row, or "".
func (r *listRow) cell(col int) string {
	if col < 0 || col >= len(r.cells) {
		return ""
	}
	return r.cells[col]
}

// column returns the position of a column, or -1.
func (l *conflictList) column(name string) int {
	return slices.IndexFunc(l.header, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), name) })
}

// readList reads the list beside a file; nil if there is none.
func (r *Repo) readList(path string) (*conflictList, error) {
	data, err := os.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(conflictFile(path))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the resolutions: %w", err)
	}
	return parseList(data)
}

// parseList understands what spreadsheets save: commas, semicolons or tabs; UTF-8
// with or without a byte order mark, UTF-16, Windows-1252; any line ends; columns and
// rows in any order; blank rows. Errors name the line.
func parseList(data []byte) (*conflictList, error) {
	text, bom := listText(data)
	skipped := 0
	if first, rest, _ := strings.Cut(text, "\n"); len(strings.TrimSpace(first)) == len("sep=;") && strings.HasPrefix(first, "sep=") {
		text, skipped = rest, 1 // a hint for spreadsheets
	}
	l := &conflictList{bom: bom}
	for _, l.delimiter = range []rune{',', ';', '\t'} {
		in := csv.NewReader(strings.NewReader(text))
		in.Comma, in.FieldsPerRecord, in.LazyQuotes = l.delimiter, -1, true
		l.header, _ = in.Read()
		if l.column("number") < 0 || l.column("resolution") < 0 {
			continue
		}
		in = csv.NewReader(strings.NewReader(text))
		in.Comma, in.FieldsPerRecord = l.delimiter, -1
		return l, l.read(in, skipped)
	}
	first, _, _ := strings.Cut(text, "\n")
	return nil, fmt.Errorf("line %d: expected a header with the columns number and resolution, as %s, found %q",
		skipped+1, strings.Join(conflictHeader, ","), strings.TrimSpace(first))
}

func (l *conflictList) read(in *csv.Reader, skipped int) error {
	for first := true; ; first = false {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return fmt.Errorf("line %d: %w: a text with quotes in it belongs in quotes, with its own doubled", bad.StartLine+skipped, bad.Err)
		}
		if err != nil {
			return err
		}
		line, _ := in.FieldPos(0)
		blank := !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" })
		if first || blank {
			continue
		}
		if extra := strings.Join(cells[min(len(cells), len(l.header)):], ""); strings.TrimSpace(extra) != "" {
			return fmt.Errorf("line %d: expected %d cells, found %d: a text with %q in it belongs in quotes",
				line+skipped, len(l.header), len(cells), string(l.delimiter))
		}
		l.rows = append(l.rows, listRow{line + skipped, cells})
	}
}

// listError names the list that has something in it which can't be understood.
type listError struct {
	path string
	err  error
}

func (e *listError) Error() string { return e.path + ": " + e.err.Error() }

func (e *listError) Unwrap() []error { return []error{ErrConflictList, e.err} }

// listText returns the text of a list as UTF-8, and whether it began with a byte order
// mark.
func listText(data []byte) (text string, bom bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return string(data[3:]), true
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		order = binary.BigEndian
	case utf8.Valid(data):
		return string(data), false
	default:
		return tablecsv.Windows1252.Text(data), false
	}
	units := make([]uint16, 0, len(data)/2)
	for data = data[2:]; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	return string(utf16.Decode(units)), true
}

// readConflictFile enters what the list beside a file says into the conflicts of it.
func (r *Repo) readConflictFile(path string, list []Conflict) error {
	l, err := r.readList(path)
	if l == nil || err != nil {
		return err
	}
	number, resolution := l.column("number"), l.column("resolution")
	decided := make(map[int]int) // lines, by the conflicts' numbers
	for i := range l.rows {
		row := &l.rows[i]
		n, err := strconv.Atoi(strings.TrimSpace(row.cell(number)))
		if err != nil || n < 1 || n > len(list) || list[n-1].Path != path {
			return fmt.Errorf("line %d: %q is the number of no conflict of %s; see them: constl conflicts", row.line, row.cell(number), path)
		}
		c := &list[n-1]
		word, err := c.read(row.cell(resolution))
		if err != nil {
			return fmt.Errorf("line %d: %w", row.line, err)
		}
		if word == "" {
			continue
		}
		if before := decided[n]; before > 0 && c.Resolution != word {
			return fmt.Errorf("line %d: conflict %d is %q here and %q in line %d: leave one of them", row.line, n, word, c.Resolution, before)
		}
		c.Resolution, decided[n] = word, row.line
	}
	return nil
}

// read returns the resolution that a cell of a list states: a word without what
// spreadsheets and people do to words, or a value as it stands.
func (c *Conflict) read(cell string) (string, error) {
	word := strings.TrimSpace(cell)
	known := []string{TakeOurs, TakeTheirs, TakeBase, TakeDone}
	switch {
	case word == "":
		return "", nil
	case slices.Contains(known, word):
		return word, c.Fits(word)
	case word == "#NAME?" || word == "#REF!" || word == "#VALUE!":
		return "", fmt.Errorf("%s is what a spreadsheet makes of a formula: write the text without the sign before it", word)
	case slices.Contains(known, strings.ToLower(word)) && c.TakesValue():
		lower := strings.ToLower(word)
		return "", fmt.Errorf("%q could be the side or a text: write %s for the side, or =%s for the text", word, lower, word)
	case slices.Contains(known, strings.ToLower(word)):
		return strings.ToLower(word), c.Fits(strings.ToLower(word))
	}
	return cell, c.Fits(cell)
}

// plainValue returns a resolution without the sign of a value where it is one without,
// too: a spreadsheet would take it for a formula.
func plainValue(resolution string) string {
	text, ok := strings.CutPrefix(resolution, "=")
	word := strings.ToLower(strings.TrimSpace(text))
	if !ok || word == "" || strings.HasPrefix(text, "=") || strings.HasPrefix(text, "#") ||
		slices.Contains([]string{TakeOurs, TakeTheirs, TakeBase, TakeDone}, word) {
		return resolution
	}
	return text
}

// writeConflictFile writes the list beside a file anew, in the form that it has, and
// with the columns that a person has added.
func (r *Repo) writeConflictFile(path string, list []Conflict) error {
	old, err := r.readList(path)
	if err != nil {
		return &listError{path: conflictFile(path), err: err}
	}
	if old == nil {
		old = &conflictList{delimiter: ','}
	}
	header := slices.Clone(conflictHeader)
	var added []int
	for i, name := range old.header {
		if !slices.Contains(conflictHeader, strings.ToLower(strings.TrimSpace(name))) {
			added = append(added, i)
			header = append(header, name)
		}
	}
	remarks := make(map[string]*listRow)
	for i := range old.rows {
		remarks[strings.TrimSpace(old.rows[i].cell(old.column("number")))] = &old.rows[i]
	}
	rows := [][]string{header}
	for _, c := range list {
		if c.Path != path {
			continue
		}
		row := c.record()
		for _, col := range added {
			text := ""
			if was := remarks[strconv.Itoa(c.Number)]; was != nil {
				text = was.cell(col)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return r.placeList(path, old, rows)
}

func (r *Repo) placeList(path string, form *conflictList, rows [][]string) error {
	stage, err := worktree.NewStage(r.Dir)
	if err != nil {
		return err
	}
	defer stage.Close()
	err = stage.Write(conflictFile(path), false, func(w io.Writer) error {
		if form.bom {
			if _, err := io.WriteString(w, "\ufeff"); err != nil {
				return err
			}
		}
		out := csv.NewWriter(w)
		out.Comma = form.delimiter
		return out.WriteAll(rows)
	})
	if err != nil {
		return err
	}
	return stage.Apply()
}
