package validate

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
)

//go:embed report.html
var page string

// writeHTML writes a page that needs nothing else.
func writeHTML(w io.Writer, r *Report) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"shown": func(text string) string { return visible(text, maxMessage) },
		"key":   func(key []string) string { return visible(strings.Join(key, ", "), maxShown) },
		"more":  func(k Kind) int64 { return k.Count - int64(len(k.Findings)) },
		"about": describeRule,
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}
