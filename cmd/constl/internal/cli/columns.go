package cli

import (
	"strings"
	"unicode/utf8"
)

// printColumns prints rows of texts in columns that are as wide as they must be,
// the first row faint, as what names them. Columns that are empty below it are left
// out. right are the columns that hold numbers.
func (c *command) printColumns(indent string, rows [][]string, right ...int) {
	width := make([]int, len(rows[0]))
	used := make([]bool, len(width))
	for i, row := range rows {
		for col, text := range row {
			width[col] = max(width[col], utf8.RuneCountInString(text))
			used[col] = used[col] || i > 0 && text != ""
		}
	}
	toRight := make([]bool, len(width))
	for _, col := range right {
		toRight[col] = true
	}
	for i, row := range rows {
		var b strings.Builder
		for col, text := range row {
			if !used[col] {
				continue
			}
			fill := strings.Repeat(" ", width[col]-utf8.RuneCountInString(text))
			if toRight[col] {
				text = fill + text
			} else {
				text += fill
			}
			b.WriteString(text + "  ")
		}
		line := strings.TrimRight(b.String(), " ")
		if i == 0 {
			line = c.style(faint, line)
		}
		c.print("%s%s\n", indent, line)
	}
}

// shorten cuts a text for one cell of a column, and puts it in one line.
func shorten(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
