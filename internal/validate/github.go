package validate

import (
	"fmt"
	"html"
	"io"
	"strings"
)

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
// step of a workflow: no more than it takes, used being the bytes of the step's
// summary so far.
func WriteSummary(w io.Writer, r *Report, used int64) error {
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
		if used+int64(b.Len()+len(row)) > maxSummary-200 {
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
