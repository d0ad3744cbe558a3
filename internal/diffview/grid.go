package diffview

import (
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/tabular"
)

// grid lays rows that came or went out in columns.
type grid struct {
	columns []changes.Column
	shown   []int // of the columns
	widths  []int // of the shown ones
	hidden  int   // columns with something in them for which there is no room
	headed  bool
}

const (
	gridGap   = 2
	gridCell  = 40 // the widest a cell gets
	gridLeast = 6  // the narrowest a cell is made
)

// layOut chooses the columns and their widths for rows, which come behind those
// that were laid out before.
func (g *grid) layOut(table *changes.Table, rows []changes.Row, room int) {
	if g.columns == nil {
		g.columns = table.Columns()
	}
	widths := make([]int, len(g.columns))
	for i := range rows {
		if rows[i].Kind == tabular.RowModified {
			continue
		}
		for c := range g.columns {
			if text := g.text(&rows[i], c); text != "" {
				widths[c] = max(widths[c], min(columnsOf(text), gridCell))
			}
		}
	}
	var filled []int
	for c, w := range widths {
		if at := slices.Index(g.shown, c); at >= 0 {
			w = max(w, g.widths[at])
		}
		if w > 0 {
			filled = append(filled, c)
			widths[c] = max(w, min(columnsOf(visible(g.columns[c].Name)), gridCell))
		}
	}
	g.choose(filled, widths, room)
}

// choose makes the widest columns narrower, and leaves the last ones out, until
// they fit.
func (g *grid) choose(filled, widths []int, room int) {
	g.shown, g.hidden = filled, 0
	if room > 0 {
		room = max(room-4, 20)
		if most := max(1, (room+gridGap)/(gridLeast+gridGap)); len(filled) > most {
			g.shown, g.hidden = filled[:most], len(filled)-most
			room -= columnsOf(g.rest()) + gridGap
		}
	}
	g.widths = make([]int, len(g.shown))
	total := 0
	for i, c := range g.shown {
		g.widths[i] = widths[c]
		total += widths[c] + gridGap
	}
	for room > 0 && total-gridGap > room {
		widest := 0
		for i, w := range g.widths {
			if w > g.widths[widest] {
				widest = i
			}
		}
		if g.widths[widest] <= 1 {
			return
		}
		g.widths[widest]--
		total--
	}
}

func (g *grid) rest() string {
	if g.hidden == 0 {
		return ""
	}
	return fmt.Sprintf("(+%d)", g.hidden)
}

// text is what a row has in a column.
func (g *grid) text(row *changes.Row, c int) string {
	at := g.columns[c].New
	if row.Kind == tabular.RowDeleted {
		at = g.columns[c].Old
	}
	if at < 0 {
		return ""
	}
	return visible(row.Values[at])
}

func (g *grid) head() string {
	return g.join(func(c int) string { return visible(g.columns[c].Name) }) + strings.Repeat(" ", min(g.hidden, gridGap)) + g.rest()
}

func (g *grid) row(row *changes.Row) string {
	return g.join(func(c int) string { return g.text(row, c) })
}

func (g *grid) join(text func(c int) string) string {
	var b strings.Builder
	for i, c := range g.shown {
		cell := clip(text(c), g.widths[i])
		if i < len(g.shown)-1 {
			cell = pad(cell, g.widths[i]+gridGap)
		}
		b.WriteString(cell)
	}
	return strings.TrimRight(b.String(), " ")
}
