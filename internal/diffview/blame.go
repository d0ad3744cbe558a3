package diffview

import (
	"bufio"
	_ "embed"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"
)

//go:embed blame.css
var blameStyle string

// Blamed is a table of which is known who last changed each cell.
type Blamed struct {
	Title   string
	Columns []string
	Key     []string       // names of the key's columns
	Commits []BlamedCommit // newest first
	Rows    iter.Seq2[BlamedRow, error]
}

// BlamedCommit is one of the commits that last changed a cell.
type BlamedCommit struct {
	ID, Author, Message string
	Time                time.Time
}

// BlamedRow is one row of a [Blamed].
type BlamedRow struct {
	Number int64
	Key    []string
	Values []string
	Last   []int // of each value, its commit
}

// ages is how many shades of age a page tells apart.
const ages = 6

// Blame writes the table as one web page that needs nothing else, as [HTML] does.
// Behind each value stands the number of the commit in the list above; the shade of
// the cell says how old it is among them.
func Blame(w io.Writer, b *Blamed) error {
	p := &page{w: bufio.NewWriter(w)}
	p.put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n",
		"<title>", esc(b.Title), "</title>\n<style>\n", pageStyle, blameStyle, "</style>\n</head>\n<body>\n<main>\n<h1>", esc(b.Title), "</h1>\n",
		"<p>The number behind a value is that of the commit that last changed it. The darker a cell, the newer.</p>\n",
		"<div class=\"wide\" role=\"region\" aria-label=\"Commits\" tabindex=\"0\">\n<table>\n<caption>Commits</caption>\n",
		"<thead><tr><th scope=\"col\">Number</th><th scope=\"col\">Commit</th><th scope=\"col\">Date</th><th scope=\"col\">Author</th><th scope=\"col\">Message</th></tr></thead>\n<tbody>\n")
	for i, c := range b.Commits {
		n := strconv.Itoa(i + 1)
		p.put("<tr id=\"c", n, "\"><td class=\"n ", b.age(i), "\">", n, "</td><td><code>", esc(c.ID), "</code></td><td>", c.Time.Format(time.DateOnly),
			"</td><td>", esc(c.Author), "</td><td>", esc(c.Message), "</td></tr>\n")
	}
	p.put("</tbody>\n</table>\n</div>\n<div class=\"wide\" role=\"region\" aria-label=\"Cells\" tabindex=\"0\">\n<table>\n<caption>Cells</caption>\n<thead><tr><th scope=\"col\">Row</th>")
	keyed := slices.ContainsFunc(b.Key, func(k string) bool { return !slices.Contains(b.Columns, k) })
	var names []string
	if keyed {
		names = append(names, b.Key...)
	}
	for _, name := range append(names, b.Columns...) {
		p.put("<th scope=\"col\">", esc(name), "</th>")
	}
	p.put("</tr></thead>\n<tbody>\n")
	for row, err := range b.Rows {
		if err != nil {
			return err
		}
		p.put("<tr><th scope=\"row\">", strconv.FormatInt(row.Number, 10), "</th>")
		for i := 0; keyed && i < len(row.Key); i++ {
			p.put("<th>", esc(row.Key[i]), "</th>")
		}
		for i, v := range row.Values {
			n := strconv.Itoa(row.Last[i] + 1)
			p.put("<td class=\"", b.age(row.Last[i]), "\">", esc(v), " <a href=\"#c", n, "\">", n, "</a></td>")
		}
		p.put("</tr>\n")
	}
	p.put("</tbody>\n</table>\n</div>\n</main>\n</body>\n</html>\n")
	return p.w.Flush()
}

// age returns the class of a commit's shade: a0 for the newest.
func (b *Blamed) age(commit int) string {
	return "a" + strconv.Itoa(commit*ages/len(b.Commits))
}
