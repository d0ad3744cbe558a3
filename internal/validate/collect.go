package validate

import (
	"sort"
)

// check is one thing that is looked for in a table.
type check struct {
	rule     string
	severity Severity
	field    string // the name of the field, or of several
	name     string // what a person called it
	expected string
	// message says what is wrong with a value.
	message func(value string) string
	cols    []int // whose cells are the value, if a hit has none
	named   bool  // a message names the columns of cols with their cells, else it begins with these
}

// hit is one finding before anything is known but its row.
type hit struct {
	row   int64 // in the table, from 0; -1 if it is none of a row
	value string
	text  string // the message, "" has the check make it
	line  int64
	col   int
}

// tally is what one check has found.
type tally struct {
	count int64
	first []hit
}

// tallies are those of a table's checks, by their numbers.
type tallies struct {
	limit int
	of    []tally
}

func newTallies(checks, limit int) *tallies { return &tallies{limit: limit, of: make([]tally, checks)} }

// add counts a finding; its value is copied if the finding is kept.
func (t *tallies) add(check int, row int64, value []byte) {
	a := &t.of[check]
	if a.count++; len(a.first) < t.limit {
		a.first = append(a.first, hit{row: row, value: string(value)})
	}
}

// addText counts a finding that has a message of its own.
func (t *tallies) addText(check int, h hit) {
	a := &t.of[check]
	if a.count++; len(a.first) < t.limit {
		a.first = append(a.first, h)
	}
}

// join adds what was found in later rows.
func (t *tallies) join(o *tallies) {
	for i := range o.of {
		a, b := &t.of[i], &o.of[i]
		a.count += b.count
		a.first = append(a.first, b.first[:min(len(b.first), t.limit-min(t.limit, len(a.first)))]...)
	}
}

// merge adds what was found in rows that stand in between, and keeps the first.
func (t *tallies) merge(check int, count int64, hits []hit) {
	a := &t.of[check]
	a.count += count
	a.first = append(a.first, hits...)
	sort.SliceStable(a.first, func(i, j int) bool { return a.first[i].row < a.first[j].row })
	a.first = a.first[:min(len(a.first), t.limit)]
}
