package diffview

import (
	"bufio"
	"context"
	_ "embed"
	"html"
	"io"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/tabular"
)

//go:embed page.css
var pageStyle string

// HTML writes the difference as one web page that needs nothing else: it has no
// script, follows the reader's light or dark scheme, tells everything without
// colours too, and can be printed.
func HTML(ctx context.Context, w io.Writer, s *changes.Set, o *Options) error {
	p := &page{ctx: ctx, w: bufio.NewWriter(w)}
	if o != nil {
		p.Options = *o
	}
	title := p.Title
	if title == "" {
		title = "Differences"
	}
	p.put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n",
		"<title>", esc(title), "</title>\n<style>\n", pageStyle, "</style>\n</head>\n<body>\n<main>\n<h1>", esc(title), "</h1>\n")
	p.contents(s)
	for i, t := range s.Tables {
		if err := p.table(t, i+1); err != nil {
			return err
		}
	}
	for i, f := range s.Files {
		if err := p.file(f, len(s.Tables)+i+1); err != nil {
			return err
		}
	}
	p.put("</main>\n</body>\n</html>\n")
	return p.w.Flush()
}

type page struct {
	Options
	ctx context.Context
	w   *bufio.Writer
}

func (p *page) put(parts ...string) {
	for _, s := range parts {
		p.w.WriteString(s)
	}
}

func esc(text string) string { return html.EscapeString(visible(text)) }

// contents lists what differs, with links.
func (p *page) contents(s *changes.Set) {
	if s.Empty() {
		p.put("<p>Nothing differs.</p>\n")
		return
	}
	p.put("<nav aria-label=\"What differs\">\n<ul>\n")
	n := 0
	item := func(path, text string) {
		n++
		p.put("<li><a href=\"#d", strconv.Itoa(n), "\">", esc(path), "</a> ", esc(text), "</li>\n")
	}
	for _, t := range s.Tables {
		item(t.Path, summary(t))
	}
	for _, f := range s.Files {
		item(f.Path, fileText(f))
	}
	p.put("</ul>\n</nav>\n")
}

func (p *page) section(path string, n int) {
	id := "d" + strconv.Itoa(n)
	p.put("<section aria-labelledby=\"", id, "\">\n<h2 id=\"", id, "\">", esc(path), "</h2>\n")
}

func (p *page) table(t *changes.Table, n int) error {
	p.section(t.Path, n)
	p.put("<p>", esc(summary(t)), "</p>\n")
	if len(t.Schema) > 0 {
		p.put("<ul>\n")
		for _, s := range t.Schema {
			p.put("<li>", esc(schemaText(s)), "</li>\n")
		}
		p.put("</ul>\n")
	}
	if t.Note != "" {
		p.put("<p><strong>Note:</strong> ", esc(t.Note), "</p>\n")
	}
	if changed(t) > 0 {
		if err := p.rows(t); err != nil {
			return err
		}
	}
	p.put("</section>\n")
	return nil
}

func (p *page) rows(t *changes.Table) error {
	columns := t.Columns()
	p.put("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Rows of ", esc(t.Path), "\">\n<table>\n<caption>Rows that differ in ",
		esc(t.Path), "</caption>\n<thead>\n<tr><th scope=\"col\">change</th><th scope=\"col\">row</th>")
	for i := range columns {
		p.column(&columns[i])
	}
	p.put("</tr>\n</thead>\n<tbody>\n")
	shown := int64(0)
	for line, err := range t.Lines(p.ctx, false) {
		if err != nil {
			return err
		}
		if p.Most > 0 && shown == p.Most {
			break
		}
		shown++
		p.line(columns, &line)
	}
	p.put("</tbody>\n</table>\n</div>\n")
	if rest := changed(t) - shown; rest > 0 {
		p.put("<p>… and ", Plural(rest, "more row"), "; --all writes them, too.</p>\n")
	}
	return nil
}

func (p *page) column(c *changes.Column) {
	class, remark := "", ""
	switch {
	case c.Added():
		class, remark = " class=\"new\"", " <small>(new)</small>"
	case c.Dropped():
		class, remark = " class=\"gone\"", " <small>(dropped)</small>"
	case c.Was != "":
		remark = " <small>(was " + esc(c.Was) + ")</small>"
	}
	p.put("<th scope=\"col\"", class, ">", esc(c.Name), remark, "</th>")
}

func (p *page) line(columns []changes.Column, line *changes.Line) {
	class, word, number := "mod", "~ modified", line.New
	switch line.Kind {
	case tabular.RowAdded:
		class, word = "add", "+ added"
	case tabular.RowDeleted:
		class, word, number = "del", "− deleted", line.Old
	}
	p.put("<tr class=\"", class, "\"><th scope=\"row\">", word, "</th><td class=\"n\">", strconv.FormatInt(number, 10), "</td>")
	for i := range columns {
		switch {
		case line.Changed[i]:
			p.put("<td class=\"c\"><del>", esc(Cell(line.Before[i])), "</del> <span class=\"to\">→</span> <ins>", esc(Cell(line.Now[i])), "</ins></td>")
		case line.Kind == tabular.RowDeleted || columns[i].Dropped():
			p.put("<td>", esc(line.Before[i]), "</td>")
		default:
			p.put("<td>", esc(line.Now[i]), "</td>")
		}
	}
	p.put("</tr>\n")
}

func (p *page) file(f *changes.File, n int) error {
	lines, ok, err := unified(p.ctx, f)
	if err != nil {
		return err
	}
	p.section(f.Path, n)
	if !ok {
		p.put("<p>", esc(fileText(f)), "<br><code>", esc(sums(f)), "</code></p>\n</section>\n")
		return nil
	}
	p.put("<p>", esc(f.Status+", "+lineCounts(lines)), "</p>\n<pre>")
	for i, text := range lines {
		if p.Most > 0 && int64(i) == p.Most {
			p.put("… and ", Plural(int64(len(lines)-i), "more line"), "; --all writes them, too.\n")
			break
		}
		tag := map[byte]string{'+': "ins", '-': "del", '@': "b"}[text[0]]
		text = html.EscapeString(visible(strings.ReplaceAll(strings.TrimSuffix(text, "\r"), "\t", "    ")))
		if tag != "" {
			text = "<" + tag + ">" + text + "</" + tag + ">"
		}
		p.put(text, "\n")
	}
	p.put("</pre>\n</section>\n")
	return nil
}
