package validate

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"time"
	"unicode"
)

// Format is a form of a report that other programs read.
type Format string

// The forms.
const (
	FormatText   Format = "text"   // for people
	FormatGitHub Format = "github" // commands that GitHub Actions turns into annotations
	FormatSARIF  Format = "sarif"  // SARIF 2.1.0, for code scanning
	FormatJUnit  Format = "junit"  // JUnit XML, for most test reporters
	FormatGitLab Format = "gitlab" // GitLab's code quality report
	FormatHTML   Format = "html"   // a page that needs nothing else
)

// Formats returns all forms.
func Formats() []Format {
	return []Format{FormatText, FormatGitHub, FormatSARIF, FormatJUnit, FormatGitLab, FormatHTML}
}

// Limit returns how many findings of each kind a report in the form has, if nobody
// says how many: those that only programs read have nearly all.
func (f Format) Limit() int {
	if f == FormatSARIF || f == FormatGitLab {
		return maxResults
	}
	return defaultLimit
}

// WriteOptions say what a report does not know.
type WriteOptions struct {
	// Prefix is put before each path, for reports that are read from another folder;
	// it is empty or ends in "/".
	Prefix string
	// Version is that of the program.
	Version string
	// Now is when the checks ended.
	Now time.Time
}

// Write writes a report in a form. It fails with the error of w.
func Write(w io.Writer, r *Report, f Format, o WriteOptions) error {
	switch f {
	case FormatGitHub:
		return writeGitHub(w, r, o.Prefix)
	case FormatSARIF:
		return writeSARIF(w, r, o)
	case FormatJUnit:
		return writeJUnit(w, r, o)
	case FormatGitLab:
		return writeGitLab(w, r, o.Prefix)
	case FormatHTML:
		return writeHTML(w, r)
	}
	return WriteText(w, r)
}

// each calls do for every finding that is kept, and once more for a kind of which
// not all are, with a finding that says how many there are.
func (r *Report) each(do func(k *Kind, f *Finding)) {
	for i := range r.Kinds {
		k := &r.Kinds[i]
		for j := range k.Findings {
			do(k, &k.Findings[j])
		}
		if more := k.Count - int64(len(k.Findings)); more > 0 && len(k.Findings) > 0 {
			rest := Finding{Line: k.Findings[0].Line, Message: fmt.Sprintf("and %d more like this", more), more: true}
			do(k, &rest)
		}
	}
}

// sentence says of a finding all that a reader elsewhere needs.
func (k *Kind) sentence(f *Finding) string {
	var b strings.Builder
	b.WriteString(k.subjectText())
	b.WriteString(f.Message)
	if len(f.Key) > 0 {
		fmt.Fprintf(&b, " (row %s)", strings.Join(f.Key, ", "))
	}
	return visible(b.String(), maxMessage)
}

func (k *Kind) subjectText() string {
	if k.Field == "" {
		return ""
	}
	return k.Field + ": "
}

// maxMessage is how many characters a message elsewhere has, at most.
const maxMessage = 1000

// visible shortens a text and shows the characters in it that act on what shows it.
func visible(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// fingerprints tell findings apart wherever they stand: by what is wrong in which
// row, and not by its line. Of several that are alike, each gets a number.
type fingerprints map[string]int

func (known fingerprints) of(k *Kind, f *Finding) string {
	h := fnv.New128a()
	row := strings.Join(f.Key, "\x00")
	if row == "" && f.Row > 0 {
		row = fmt.Sprint(f.Row)
	}
	for _, part := range []string{k.Path, k.Rule, k.Field, k.Name, k.Expected, row} {
		_, _ = io.WriteString(h, part+"\x01")
	}
	if row == "" && !f.more {
		_, _ = io.WriteString(h, f.Message)
	}
	print := fmt.Sprintf("%x", h.Sum(nil))
	known[print]++
	if n := known[print]; n > 1 {
		print += fmt.Sprintf("-%d", n)
	}
	return print
}

// writeGitLab writes GitLab's code quality report, a part of what Code Climate has.
func writeGitLab(w io.Writer, r *Report, prefix string) error {
	type lines struct {
		Begin int64 `json:"begin"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		Check       string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	issues, known := []issue{}, make(fingerprints)
	r.each(func(k *Kind, f *Finding) {
		severity := "major"
		if k.Severity == SeverityWarning {
			severity = "minor"
		}
		issues = append(issues, issue{k.sentence(f), k.Rule, known.of(k, f), severity, location{prefix + k.Path, lines{max(1, f.Line)}}})
	})
	return encode(w, issues)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
