package validate

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// WriteText writes a report for people: each finding with its place in the file,
// as programs that go to a line understand it.
func WriteText(w io.Writer, r *Report) error {
	out := bufio.NewWriter(w)
	for i := range r.Kinds {
		k := &r.Kinds[i]
		fmt.Fprintf(out, "%s: %s%s: %s, expected %s\n", k.Path, k.subject(), k.Rule, count(k.Count, string(k.Severity)), printable(k.Expected))
		for j := range k.Findings {
			f := &k.Findings[j]
			first, more, _ := strings.Cut(f.Message, "\n")
			fmt.Fprintf(out, "  %s: %s%s\n", place(k, f), f.keyText(), printable(first))
			for line := range strings.Lines(more) {
				fmt.Fprintf(out, "  %s\n", printable(strings.TrimSuffix(line, "\n")))
			}
		}
		if more := k.Count - int64(len(k.Findings)); more > 0 {
			fmt.Fprintf(out, "  and %d more\n", more)
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "note: %s\n", printable(note))
	}
	fmt.Fprintln(out, r.Summary())
	return out.Flush()
}

// Summary says in one line what was checked and found.
func (r *Report) Summary() string {
	rows, checked := int64(0), int64(0)
	for _, t := range r.Tables {
		rows += t.Rows
		checked += t.Checked
	}
	what := fmt.Sprintf("%s in %s", count(rows, "row"), count(int64(len(r.Tables)), "table"))
	if checked < rows {
		what = fmt.Sprintf("%s of %s", count(checked, "changed row"), what)
	}
	verdict := "Valid"
	if !r.Valid {
		verdict = "Not valid"
	}
	return fmt.Sprintf("%s: %s checked, %s, %s", verdict, what, count(r.Errors, "error"), count(r.Warnings, "warning"))
}

// count says a number of things.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// subject names the field, and the rule that a person wrote, if there are.
func (k *Kind) subject() string {
	s := ""
	if k.Field != "" {
		s = printable(k.Field) + ": "
	}
	if k.Name != "" {
		s += printable(k.Name) + ": "
	}
	return s
}

// place is where a finding is, as FILE:LINE.
func place(k *Kind, f *Finding) string {
	switch {
	case f.Line == 0:
		return k.Path
	case f.Column > 0:
		return fmt.Sprintf("%s:%d:%d", k.Path, f.Line, f.Column)
	}
	return fmt.Sprintf("%s:%d", k.Path, f.Line)
}

func (f *Finding) keyText() string {
	if len(f.Key) == 0 {
		return ""
	}
	return "[" + printable(strings.Join(f.Key, ", ")) + "] "
}

// maxShown is how many characters of a text are shown.
const maxShown = 200

// printable makes a text safe for a terminal and keeps it in one line.
func printable(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxShown {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
