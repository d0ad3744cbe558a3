package diffview

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/merge"
)

const (
	// maxText is how long a text file may be to be compared line by line.
	maxText = 4 << 20
	// maxEdits is how many lines may differ before a text counts as rewritten.
	maxEdits = 2000
	// contextLines is how many equal lines stand around those that differ.
	contextLines = 3
)

// unified returns the lines of a unified diff of a text file, without line ends,
// or false if the file is no text, too long, or the same.
func unified(ctx context.Context, f *changes.File) ([]string, bool, error) {
	old, ok, err := f.Old.Bytes(ctx, maxText)
	if err != nil || !ok {
		return nil, false, err
	}
	now, ok, err := f.New.Bytes(ctx, maxText)
	if err != nil || !ok {
		return nil, false, err
	}
	if bytes.Equal(old, now) || !merge.IsText(old) || !merge.IsText(now) {
		return nil, false, nil
	}
	return hunks(splitLines(old), splitLines(now)), true, nil
}

// splitLines parts a text behind its line ends.
func splitLines(text []byte) []string {
	return strings.SplitAfter(string(text), "\n")
}

// edit is one line of a script that makes b of a.
type edit struct {
	op   byte // ' ', '-' or '+'
	a, b int  // how many lines of either stand before it
}

// hunks prints the lines that differ, with some around them.
func hunks(a, b []string) []string {
	a, b = withoutEmpty(a), withoutEmpty(b)
	script := compareLines(a, b)
	var out []string
	for i := 0; i < len(script); {
		if script[i].op == ' ' {
			i++
			continue
		}
		from, to, equal := max(0, i-contextLines), i, 0
		for ; to < len(script) && equal <= 2*contextLines; to++ {
			if equal++; script[to].op != ' ' {
				equal = 0
			}
		}
		to -= max(0, equal-contextLines)
		out = append(out, hunk(script[from:to], a, b)...)
		i = to
	}
	return out
}

// withoutEmpty drops the nothing that stands behind the last line end.
func withoutEmpty(lines []string) []string {
	if n := len(lines); n > 0 && lines[n-1] == "" {
		return lines[:n-1]
	}
	return lines
}

func hunk(script []edit, a, b []string) []string {
	var body []string
	olds, news := 0, 0
	for _, e := range script {
		var line string
		switch e.op {
		case '+':
			line = b[e.b]
			news++
		case '-':
			line = a[e.a]
			olds++
		default:
			line = a[e.a]
			olds, news = olds+1, news+1
		}
		text, ended := strings.CutSuffix(line, "\n")
		body = append(body, string(e.op)+text)
		if !ended {
			body = append(body, `\ No newline at end of file`)
		}
	}
	return append([]string{fmt.Sprintf("@@ -%s +%s @@", span(script[0].a, olds), span(script[0].b, news))}, body...)
}

// span writes where the lines of a hunk stand: the line before them if there are none.
func span(before, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, n)
}

// compareLines returns a shortest script, as Myers found it, or one that replaces
// all if that would be too long.
func compareLines(a, b []string) []edit {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var script []edit
	for i := range start {
		script = append(script, edit{' ', i, i})
	}
	for _, e := range myers(a[start:len(a)-end], b[start:len(b)-end]) {
		script = append(script, edit{e.op, e.a + start, e.b + start})
	}
	for i := range end {
		script = append(script, edit{' ', len(a) - end + i, len(b) - end + i})
	}
	return script
}

func myers(a, b []string) []edit {
	n, m := len(a), len(b)
	most := min(n+m, maxEdits)
	furthest := make([]int32, 2*most+3) // x by diagonal
	mid := most + 1
	var trace [][]int32
	for d := 0; d <= most; d++ {
		trace = append(trace, append([]int32(nil), furthest[mid-d-1:mid+d+2]...))
		for k := -d; k <= d; k += 2 {
			x := furthest[mid+k-1] + 1
			if k == -d || k != d && furthest[mid+k-1] < furthest[mid+k+1] {
				x = furthest[mid+k+1]
			}
			for y := int(x) - k; int(x) < n && y < m && a[x] == b[y]; y++ {
				x++
			}
			if furthest[mid+k] = x; int(x) >= n && int(x)-k >= m {
				return walkBack(trace, n, m)
			}
		}
	}
	var script []edit
	for i := range n {
		script = append(script, edit{'-', i, 0})
	}
	for j := range m {
		script = append(script, edit{'+', n, j})
	}
	return script
}

// walkBack reads the script off the trace of what was reached with d edits.
func walkBack(trace [][]int32, x, y int) []edit {
	var back []edit
	for d := len(trace) - 1; d > 0; d-- {
		v := trace[d] // of the diagonals -d-1 to d+1
		k := x - y
		prev := k - 1
		if k == -d || k != d && v[k-1+d+1] < v[k+1+d+1] {
			prev = k + 1
		}
		px := int(v[prev+d+1])
		py := px - prev
		for x > px && y > py {
			x, y = x-1, y-1
			back = append(back, edit{' ', x, y})
		}
		if x == px {
			y--
			back = append(back, edit{'+', x, y})
		} else {
			x--
			back = append(back, edit{'-', x, y})
		}
	}
	for x > 0 {
		x, y = x-1, y-1
		back = append(back, edit{' ', x, y})
	}
	script := make([]edit, 0, len(back))
	for i := len(back) - 1; i >= 0; i-- {
		script = append(script, back[i])
	}
	return script
}
