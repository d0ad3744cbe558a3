package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with an expression, and where.
type Error struct {
	Text   string // the expression
	Line   int    // from 1
	Column int    // from 1, in characters
	Msg    string
}

// Error gives the place and what is wrong there, and points at it in the line.
func (e *Error) Error() string {
	lines := strings.Split(e.Text, "\n")
	line := ""
	if e.Line <= len(lines) {
		line = strings.ReplaceAll(lines[e.Line-1], "\t", " ")
	}
	column := min(e.Column, utf8.RuneCountInString(line)+1)
	return fmt.Sprintf("%s (line %d, column %d)\n    %s\n    %s^", e.Msg, e.Line, e.Column, line, strings.Repeat(" ", column-1))
}
