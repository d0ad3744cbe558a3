package repo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
)

// query is "columns A, B where EXPRESSION order by C desc", parsed. Each part may be
// missing.
type query struct {
	columns []string // none stand for all
	where   string
	order   []queryOrder
}

type queryOrder struct {
	column     string
	descending bool
}

// String returns the query's normal form: one for all spellings that differ in
// spaces, in capitals of the words of the language, or in needless quotes.
func (q *query) String() string {
	var parts []string
	if len(q.columns) > 0 {
		var names []string
		for _, c := range q.columns {
			names = append(names, quoteName(c))
		}
		parts = append(parts, "columns "+strings.Join(names, ", "))
	} else {
		parts = append(parts, "columns *")
	}
	if q.where != "" {
		parts = append(parts, "where "+q.where)
	}
	if len(q.order) > 0 {
		var names []string
		for _, o := range q.order {
			name := quoteName(o.column)
			if o.descending {
				name += " desc"
			}
			names = append(names, name)
		}
		parts = append(parts, "order by "+strings.Join(names, ", "))
	}
	return strings.Join(parts, " ")
}

// quoteName always quotes, so that no column's name is taken for a word.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// parseQuery reads a query. It fails with [ErrQuery].
func parseQuery(text string) (*query, error) {
	q := &query{}
	words := splitWords(text)
	section, from := "columns", 0
	var err error
	take := func(to int) {
		if err == nil {
			err = q.take(section, words[from:to])
		}
	}
	for i := 0; i < len(words); i++ {
		switch w := strings.ToLower(words[i]); {
		case w == "columns" && i == 0:
			from = 1
		case w == "where" && section == "columns":
			take(i)
			section, from = "where", i+1
		case w == "order" && section != "order" && i+1 < len(words) && strings.EqualFold(words[i+1], "by"):
			take(i)
			section, from = "order", i+2
			i++
		}
	}
	take(len(words))
	if err != nil {
		return nil, err
	}
	return q, nil
}

func (q *query) take(section string, words []string) error {
	if section == "where" {
		if q.where = strings.Join(words, " "); q.where == "" {
			return fmt.Errorf("%w: expected a condition behind where", ErrQuery)
		}
		return nil
	}
	if section == "columns" && (len(words) == 0 || len(words) == 1 && words[0] == "*") {
		return nil
	}
	if len(words) == 0 {
		return fmt.Errorf("%w: expected a column behind order by", ErrQuery)
	}
	for _, part := range splitCommas(words) {
		if section == "columns" {
			q.columns = append(q.columns, unquoteName(part))
			continue
		}
		o := queryOrder{column: part}
		if name, ok := cutWord(part, "desc"); ok {
			o = queryOrder{name, true}
		} else if name, ok := cutWord(part, "asc"); ok {
			o.column = name
		}
		o.column = unquoteName(o.column)
		q.order = append(q.order, o)
	}
	return nil
}

// cutWord takes a word off the end of a text.
func cutWord(text, word string) (string, bool) {
	at := len(text) - len(word) - 1
	if at <= 0 || text[at] != ' ' || !strings.EqualFold(text[at+1:], word) {
		return text, false
	}
	return text[:at], true
}

func unquoteName(text string) string {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return strings.ReplaceAll(text[1:len(text)-1], `""`, `"`)
	}
	return text
}

// splitWords parts a text at white space outside quotes.
func splitWords(text string) []string {
	var words []string
	var word strings.Builder
	quote := byte(0)
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			word.WriteByte(c)
			if c == '\\' && i+1 < len(text) {
				i++
				word.WriteByte(text[i])
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
			word.WriteByte(c)
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			flush()
		default:
			word.WriteByte(c)
		}
	}
	flush()
	return words
}

// splitCommas joins words and parts them at commas outside quotes.
func splitCommas(words []string) []string {
	var parts []string
	text, from, quoted := strings.Join(words, " "), 0, false
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == ',' && !quoted:
			parts = append(parts, strings.TrimSpace(text[from:i]))
			from = i + 1
		case text[i] == '"':
			quoted = !quoted
		}
	}
	return parts
}

func kindOfType(t tabular.Type) expr.Kind {
	switch t {
	case tabular.TypeInteger, tabular.TypeYear:
		return expr.Integer
	case tabular.TypeNumber:
		return expr.Number
	case tabular.TypeBoolean:
		return expr.Boolean
	case tabular.TypeDate, tabular.TypeDatetime:
		return expr.Moment
	}
	return expr.Text
}

// typed returns cells as values. A cell that is missing, or is no value of the kind,
// is absent.
func typed(kind expr.Kind, c tabular.Cells) expr.Column {
	n := c.Len()
	out := expr.Column{Kind: kind, Absent: make([]bool, n)}
	if kind == expr.Text {
		out.Texts = c
		for i := range n {
			out.Absent[i] = tabular.IsMissing(c.At(i))
		}
		return out
	}
	out.Values = make([]int64, n)
	for i := range n {
		text := c.At(i)
		ok := !tabular.IsMissing(text)
		if ok {
			out.Values[i], ok = valueOf(kind, string(text))
		}
		out.Absent[i] = !ok
	}
	return out
}

// moments are the forms of dates and times that queries understand.
var moments = []string{time.DateOnly, "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04"}

func valueOf(kind expr.Kind, text string) (int64, bool) {
	switch kind {
	case expr.Integer:
		v, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, 64)
		return v, err == nil
	case expr.Number:
		v, err := strconv.ParseFloat(text, 64)
		return int64(math.Float64bits(v)), err == nil
	case expr.Boolean:
		switch strings.ToLower(text) {
		case "true":
			return 1, true
		case "false":
			return 0, true
		}
		return 0, false
	}
	for _, form := range moments {
		if t, err := time.Parse(form, text); err == nil {
			return t.UnixMicro(), true
		}
	}
	return 0, false
}
