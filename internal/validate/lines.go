package validate

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// errEnough ends a run through row groups.
var errEnough = errors.New("enough")

// lineCount is how many lines a row group has, and where wanted rows begin.
type lineCount struct {
	lines int64
	at    map[int64]int64 // by row: lines of the group before it
}

// linesOf returns the lines of the file, from 1, in which rows begin. It reads the
// table up to the last of them.
func (p *plan) linesOf(ctx context.Context, rows []int64) (map[int64]int64, error) {
	lines := make(map[int64]int64, len(rows))
	if len(rows) == 0 {
		return lines, nil
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	last := rows[len(rows)-1]
	printer, err := csv.NewPrinter(p.layout)
	if err != nil {
		return nil, err
	}
	end := []byte{'\n'}
	if p.layout.LineEnd == csv.CR {
		end[0] = '\r'
	}
	names := make([]string, len(p.table.Schema.Fields))
	for i := range names {
		names[i] = p.table.Schema.Fields[i].Name
	}
	before := 1 + int64(bytes.Count(printer.AppendHead(nil, names, false), end))
	err = tabular.MapGroups(ctx, p.table, 0, func(ctx context.Context, g *tabular.Group) (lineCount, error) {
		first := g.Ref.First
		if first > last {
			return lineCount{}, errEnough
		}
		from, _ := slices.BinarySearch(rows, first)
		to, _ := slices.BinarySearch(rows, first+int64(g.Rows()))
		return countLines(ctx, g, end, rows[from:to])
	}, func(c lineCount) error {
		for row, n := range c.at {
			lines[row] = before + n
		}
		before += c.lines
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return lines, err
}

// countLines counts the lines of a group, and those before some of its rows.
func countLines(ctx context.Context, g *tabular.Group, end []byte, rows []int64) (c lineCount, err error) {
	var inside []tabular.Cells // columns that hold line ends
	c.lines, c.at = int64(g.Rows()), make(map[int64]int64, len(rows))
	for col := range g.Width() {
		holds, err := g.MayHold(ctx, col, end[0])
		if err != nil {
			return c, err
		}
		if !holds {
			continue
		}
		cells, err := g.Cells(ctx, col)
		if err != nil {
			return c, err
		}
		if n := bytes.Count(cells.Data, end); n > 0 {
			inside = append(inside, cells)
			c.lines += int64(n)
		}
	}
	list, err := g.Exceptions(ctx)
	if err != nil {
		return c, err
	}
	before, own := make(map[int]int64), make(map[int]int64) // lines by row that exceptions bring
	for i := range list {
		x := &list[i]
		if x.Col != tabular.WholeRow || x.Code == csv.CodeShort {
			continue
		}
		n := int64(bytes.Count(x.Text, end))
		switch x.Code {
		case csv.CodeBefore:
			before[x.Row] += n
		case csv.CodeLineEnd:
			n--
			own[x.Row] += n
		default:
			own[x.Row] += n
		}
		c.lines += n
	}
	for _, row := range rows {
		at := int(row - g.Ref.First)
		n := int64(at) + before[at]
		for _, cells := range inside {
			if at > 0 {
				n += int64(bytes.Count(cells.Data[:cells.Ends[at-1]], end))
			}
		}
		for r, lines := range before {
			if r < at {
				n += lines
			}
		}
		for r, lines := range own {
			if r < at {
				n += lines
			}
		}
		c.at[row] = n
	}
	return c, nil
}
