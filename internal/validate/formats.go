package validate

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"html"
	"io"
	"strings"
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

// Write writes a report in a form. prefix is put before each path, for reports that
// are read from another folder; it is empty or ends in "/". It fails with the error
// of w.
func Write(w io.Writer, r *Report, f Format, prefix string) error {
	switch f {
	case FormatGitHub:
		return writeGitHub(w, r, prefix)
	case FormatSARIF:
		return writeSARIF(w, r, prefix)
	case FormatJUnit:
		return writeJUnit(w, r, prefix)
	case FormatGitLab:
		return writeGitLab(w, r, prefix)
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
			rest := Finding{Line: k.Findings[0].Line, Message: fmt.Sprintf("and %d more like this", more)}
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

// writeGitHub writes workflow commands. Only about ten annotations of a kind are
// shown for a step, so that the summary (see WriteSummary) must say the rest.
func writeGitHub(w io.Writer, r *Report, prefix string) error {
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	var failed error
	r.each(func(k *Kind, f *Finding) {
		at := fmt.Sprintf("file=%s", property.Replace(prefix+k.Path))
		if f.Line > 0 {
			at += fmt.Sprintf(",line=%d", f.Line)
		}
		if f.Column > 0 {
			at += fmt.Sprintf(",col=%d", f.Column)
		}
		_, err := fmt.Fprintf(w, "::%s %s,title=%s::%s\n", k.Severity, at, property.Replace(k.Rule), value.Replace(k.sentence(f)))
		if failed == nil {
			failed = err
		}
	})
	return failed
}

// maxSummary is how many bytes GitHub takes of a step's summary.
const maxSummary = 1 << 20

// WriteSummary writes a report as Markdown for people, as GitHub shows it for a
// step of a workflow: no more than it takes.
func WriteSummary(w io.Writer, r *Report) error {
	cell := func(text string) string {
		text = html.EscapeString(visible(text, maxShown))
		return strings.NewReplacer("|", "&#124;", "\n", "<br>", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;",
			"]", "&#93;", "~", "&#126;", "@", "&#64;", "#", "&#35;", "\\", "&#92;", ":", "&#58;").Replace(text)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n", cell(r.Summary()))
	if len(r.Kinds) > 0 {
		b.WriteString("\n| | file | line | row | found | expected |\n|---|---|---:|---|---|---|\n")
	}
	left := 0
	r.each(func(k *Kind, f *Finding) {
		line := ""
		if f.Line > 0 {
			line = fmt.Sprint(f.Line)
		}
		row := fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", k.Severity, cell(k.Path), line,
			cell(strings.Join(f.Key, ", ")), cell(k.subjectText()+f.Message), cell(k.Expected))
		if b.Len()+len(row) > maxSummary-200 {
			left++
			return
		}
		b.WriteString(row)
	})
	if left > 0 {
		fmt.Fprintf(&b, "\n%d more are not shown here.\n", left)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// maxResults is how many results GitHub shows of a SARIF file.
const maxResults = 5000

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Short sarifText `json:"shortDescription"`
	Full  sarifText `json:"fullDescription"`
	Help  sarifText `json:"help"`
}

type sarifRegion struct {
	StartLine   int64 `json:"startLine"`
	StartColumn int   `json:"startColumn,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	} `json:"physicalLocation"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

func writeSARIF(w io.Writer, r *Report, prefix string) error {
	rules, results, known := []sarifRule{}, []sarifResult{}, make(map[string]bool)
	r.each(func(k *Kind, f *Finding) {
		if !known[k.Rule] {
			known[k.Rule] = true
			text := sarifText{describeRule(k.Rule)}
			rules = append(rules, sarifRule{k.Rule, text, text, sarifText{text.Text + " See constl help validate."}})
		}
		if len(results) == maxResults {
			return
		}
		var at sarifLocation
		at.Physical.Artifact.URI = uriPath(prefix + k.Path)
		at.Physical.Region = sarifRegion{max(1, f.Line), f.Column}
		results = append(results, sarifResult{k.Rule, string(k.Severity), sarifText{k.sentence(f)}, []sarifLocation{at},
			map[string]string{"primaryLocationLineHash": fingerprint(k, f)}})
	})
	doc := map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []any{map[string]any{
			"tool":       map[string]any{"driver": map[string]any{"name": "constl validate", "rules": rules}},
			"columnKind": "unicodeCodePoints",
			"results":    results,
		}},
	}
	return encode(w, doc)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// uriPath writes a path as a relative URI.
func uriPath(path string) string {
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c == '/' || c == '.' || c == '-' || c == '_' || c == '~' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// fingerprint tells findings apart wherever they stand: by what is wrong in which
// row, and not by its line.
func fingerprint(k *Kind, f *Finding) string {
	h := fnv.New128a()
	row := strings.Join(f.Key, "\x00")
	if row == "" && f.Row > 0 {
		row = fmt.Sprint(f.Row)
	}
	for _, part := range []string{k.Path, k.Rule, k.Field, k.Name, k.Expected, row} {
		_, _ = io.WriteString(h, part+"\x01")
	}
	if row == "" {
		_, _ = io.WriteString(h, f.Message)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int64         `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

// writeJUnit writes each kind of finding as a test case; a table in which nothing
// is wrong is one that passes.
func writeJUnit(w io.Writer, r *Report, prefix string) error {
	suite := junitSuite{Name: "constl validate"}
	wrong := make(map[string]bool)
	for i := range r.Kinds {
		k := &r.Kinds[i]
		var text strings.Builder
		for j := range k.Findings {
			f := &k.Findings[j]
			fmt.Fprintf(&text, "%s%s: %s\n", prefix, place(k, f), k.sentence(f))
		}
		if more := k.Count - int64(len(k.Findings)); more > 0 {
			fmt.Fprintf(&text, "and %d more\n", more)
		}
		c := junitCase{Class: prefix + k.Path, Name: strings.TrimSpace(k.subjectText() + k.Rule + " " + k.Name), File: prefix + k.Path}
		if len(k.Findings) > 0 {
			c.Line = k.Findings[0].Line
		}
		if k.Severity == SeverityError {
			wrong[k.Path] = true
			suite.Failures++
			c.Failure = &junitFailure{k.Rule, count(k.Count, "error") + ", expected " + visible(k.Expected, maxShown), text.String()}
		} else {
			c.Out = text.String()
		}
		suite.Cases = append(suite.Cases, c)
	}
	for _, t := range r.Tables {
		if !wrong[t.Path] {
			suite.Cases = append(suite.Cases, junitCase{Class: prefix + t.Path, Name: count(t.Checked, "row") + " checked", File: prefix + t.Path})
		}
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
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
	issues := []issue{}
	r.each(func(k *Kind, f *Finding) {
		severity := "major"
		if k.Severity == SeverityWarning {
			severity = "minor"
		}
		print := fingerprint(k, f)
		if f.Row == 0 {
			print += fmt.Sprintf("-%d", len(issues))
		}
		issues = append(issues, issue{k.sentence(f), k.Rule, print, severity, location{prefix + k.Path, lines{max(1, f.Line)}}})
	})
	return encode(w, issues)
}
