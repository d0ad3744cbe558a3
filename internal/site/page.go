package site

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/internal/metadata"
)

//go:embed page.html
var pageSource string

// Page is what the landing page shows.
type Page struct {
	*metadata.Dataset
	// Rows are the first rows of each table, as they read, by the table's path.
	Rows map[string][][]string
	// History are the newest versions, the newest first.
	History []Version
	// More says that there are older ones.
	More bool
}

// Version is a commit and the size of what it changed in tables.
type Version struct {
	Commit                   string
	Author                   string
	Time                     time.Time
	Message                  string // its first line
	Added, Modified, Deleted int64  // rows
}

// Write writes the page as HTML.
func Write(w io.Writer, p *Page) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"w": word, "histogram": histogram, "bars": bars, "count": count, "langs": p.langs, "jsonld": p.jsonLD, "sorted": sortedTexts,
		"paragraphs": paragraphs, "clonable": p.clonable, "number": p.boxText, "percent": percent, "day": func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
	}).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// word returns one of the page's words in every language.
func word(key string) template.HTML {
	texts, ok := words[key]
	if !ok {
		panic("site: no word " + key)
	}
	var b strings.Builder
	for i, l := range languages {
		fmt.Fprintf(&b, `<span class="t" lang="%s">%s</span>`, l.tag, template.HTMLEscapeString(texts[i]))
	}
	return template.HTML(b.String())
}

// language is one of the switch.
type language struct {
	Tag, Name string
	Checked   bool
}

// langs returns the languages of the page's words; the dataset's own is on, or else
// English.
func (p *Page) langs() []language {
	base, _, _ := strings.Cut(p.Language, "-")
	var list []language
	found := false
	for _, l := range languages {
		list = append(list, language{l.tag, l.name, l.tag == base})
		found = found || l.tag == base
	}
	list[0].Checked = list[0].Checked || !found
	return list
}

// jsonLD returns the schema.org description, in which nothing can end the script
// element that it stands in.
func (p *Page) jsonLD() (template.JS, error) {
	data, err := metadata.SchemaOrg(p.Dataset)
	text := strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "\u2028", `\u2028`, "\u2029", `\u2029`).Replace(string(data))
	return template.JS(text), err
}

// translation is a text in another language.
type translation struct{ Lang, Text string }

func sortedTexts(texts map[string]string) []translation {
	var out []translation
	for _, lang := range slices.Sorted(maps.Keys(texts)) {
		out = append(out, translation{lang, texts[lang]})
	}
	return out
}

func paragraphs(text string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// clonable reports whether the live address is one that can be cloned.
func (p *Page) clonable() bool { return strings.HasPrefix(p.Live, "constl://") }

func (p *Page) boxText() string {
	b := p.Spatial.Box
	return fmt.Sprintf("%g, %g, %g, %g", b[0], b[1], b[2], b[3])
}

// count writes a number with a narrow space between groups of three digits, as no
// language mistakes it.
func count(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

func percent(part, of int64) string {
	if of == 0 || part == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f\u202f%%", float64(part)*100/float64(of))
}

// The size of a plot, in the units of its view box.
const (
	plotWidth  = 160
	plotHeight = 36
)

// histogram draws the counts as bars. It is hidden from screen readers: what it
// shows stands beside it in words.
func histogram(h *metadata.Histogram) template.HTML {
	if h == nil || len(h.Counts) == 0 {
		return ""
	}
	top := max(slices.Max(h.Counts), 1)
	width := float64(plotWidth) / float64(len(h.Counts))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot" viewBox="0 0 %d %d" width="%d" height="%d" preserveAspectRatio="none" aria-hidden="true" focusable="false">`, plotWidth, plotHeight, plotWidth, plotHeight)
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		height := max(float64(n)/float64(top)*plotHeight, 1)
		fmt.Fprintf(&b, `<rect x="%.2f" y="%.2f" width="%.2f" height="%.2f"/>`, float64(i)*width, plotHeight-height, max(width-0.5, 0.5), height)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// bar is a frequent value, with its share of the most frequent one in percent.
type bar struct {
	Text  string
	Count int64
	Width int
}

// bars returns the most frequent values, at most eight.
func bars(s *metadata.Statistics) []bar {
	if s == nil || len(s.Top) == 0 {
		return nil
	}
	var out []bar
	for _, v := range s.Top[:min(len(s.Top), 8)] {
		out = append(out, bar{v.Text, v.Count, int(max(v.Count*100/max(s.Top[0].Count, 1), 1))})
	}
	return out
}
