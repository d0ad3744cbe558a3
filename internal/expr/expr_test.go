package expr

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
	"github.com/constl/constl/tabular"
	"pgregory.net/rapid"
)

func testEnv(t testing.TB) *Env {
	e, err := NewEnv([]Variable{
		{"count", Integer}, {"total", Integer}, {"temp_c", Number}, {"lat", Number}, {"species", Text}, {"note text", Text},
		{"seen", Boolean}, {"day", Moment}, {"type", Text}, {"old.count", Integer},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// batch returns columns of one row; nil stands for a missing value.
func batch(e *Env, values map[string]any) []Column {
	columns := make([]Column, len(e.vars))
	for i, v := range e.vars {
		c := &columns[i]
		c.Kind, c.Values = v.Kind, []int64{0}
		given := values[v.Name]
		c.Absent = []bool{given == nil}
		switch x := given.(type) {
		case int:
			c.Values[0] = int64(x)
		case float64:
			c.Values[0] = floatBits(x)
		case bool:
			if x {
				c.Values[0] = 1
			}
		case string:
			c.Texts.Append([]byte(x))
			continue
		}
		c.Texts = tabular.Cells{Ends: []uint32{0}}
	}
	return columns
}

func TestRows(t *testing.T) {
	e := testEnv(t)
	row := map[string]any{"count": 3, "temp_c": -12.5, "species": "Larus", "note text": "ä", "seen": true, "day": 0, "type": "x", "old.count": 2}
	tests := map[string]Verdict{
		`temp_c > -60.0 && (count == 0 || species != '')`: True,
		`temp_c > -60`:                             True,
		`count > 2.5`:                              True,
		`count * 2 == 6`:                           True,
		`row["note text"] == "ä"`:                  True,
		`row.species.startsWith("Lar")`:            True,
		`type == "x"`:                              True,
		`row["type"] == "x"`:                       True,
		`count > old.count`:                        True,
		`size(row["note text"]) == 1`:              True,
		`species.matches("^L.*s$")`:                True,
		`species in ["Larus", "Sterna"]`:           True,
		`count in [1, 2]`:                          False,
		`seen ? count > 1 : false`:                 True,
		`day < date("2026-01-01")`:                 True,
		`day == timestamp("1970-01-01T00:00:00Z")`: True,
		`lat > 0.0`:                                Unknown,
		`lat == 0.0`:                               Unknown,
		`lat == null`:                              True,
		`lat != null`:                              False,
		`count != null && null == total`:           True,
		`lat > 0.0 || count == 3`:                  True,
		`lat > 0.0 && count == 4`:                  False,
		`!(lat > 0.0)`:                             Unknown,
		`1 / (count - 3) > 0`:                      Failed,
		`[1, 2, 3].exists(x, x == count)`:          True,
		`["a", "b"].all(count, count != species)`:  True,
		`species.lowerAscii() == "larus"`:          True,
		`total + count > 0`:                        Unknown,
		`math.abs(temp_c) < 13.0`:                  True,
		`day.getFullYear() == 1970`:                True,
	}
	for text, want := range tests {
		p, err := e.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got [1]Verdict
		if err := p.Rows(context.Background(), batch(e, row), nil, got[:]); err != nil || got[0] != want {
			t.Errorf("%s: %v, %v, expected %v", text, got[0], err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	e := testEnv(t)
	tests := []struct {
		text         string
		line, column int
		says         string
	}{
		{"count >", 1, 8, "the expression ends where something must follow"},
		{"count > > 1", 1, 9, "'>' cannot stand here"},
		{"specis == ''", 1, 1, `there is no column "specis"; did you mean species?`},
		{"count > 0 &&\n  tmep > 1", 2, 3, `there is no column "tmep"`},
		{"temp_c * 2 > 0", 1, 8, "write 2.0 for 2"},
		{"count + 1", 1, 1, "expected an expression that is true or false"},
		{"[count]", 1, 1, "no value of a cell"},
		{"note_text == ''", 1, 1, `row["note text"]`},
		{strings.Repeat("x", MaxText+1), 1, 1, "at most"},
		{strings.Repeat("(", 500), 1, 1, ""},
		{`species.matches("(")`, 1, 17, "missing closing )"},
		{`count > 0 && day > date("2026-13-01")`, 1, 25, "is no date: expected YYYY-MM-DD"},
		{`day > timestamp("now")`, 1, 17, "is no time"},
		{`day > "2026-01-01"`, 1, 5, `write date("2026-05-31") for a day`},
		{"count = 1", 1, 7, "write == to compare"},
		{"count > 1 and seen", 1, 11, "'and' cannot stand here; write &&"},
		{"(count > 1", 1, 11, "')' is missing"},
		{"count == NULL", 1, 10, "what is missing is null"},
		{"sum(count) > 1", 1, 4, `sum is about many rows: it can stand in a rule under "table"`},
		{"now() > day", 1, 4, "the same data must give the same answer"},
		{"counts(1) > 1", 1, 7, `there is no function "counts"`},
		{`seen && row.cuont > 1`, 1, 12, `there is no column "cuont"; did you mean count`},
		{`row["nosuch"] > 1`, 1, 4, `there is no column "nosuch"; there are: count, total`},
		{`new.nosuch > 1`, 1, 4, `there is no column "nosuch"`},
	}
	for _, tt := range tests {
		_, err := e.Compile(tt.text)
		var wrong *Error
		if !errors.As(err, &wrong) {
			if tt.says != "" {
				t.Errorf("%.40s: %v", tt.text, err)
			}
			continue
		}
		if tt.says != "" && (wrong.Line != tt.line || wrong.Column != tt.column || !strings.Contains(wrong.Msg, tt.says)) {
			t.Errorf("%.40s: line %d, column %d: %s", tt.text, wrong.Line, wrong.Column, wrong.Msg)
		}
	}
	_, err := e.Compile("count > 0 && tmep > 1")
	if !strings.HasSuffix(err.Error(), "\n    count > 0 && tmep > 1\n                 ^") {
		t.Errorf("the place is not shown:\n%v", err)
	}
}

// What has no old and new row is not spoken of as if it had, and the other way round.
func TestMembersOfOtherRules(t *testing.T) {
	plain, err := NewEnv([]Variable{{"count", Integer}})
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{`new.count > 1`: `new.name stands in rules under "change" only (line 1, column 4)`} {
		if _, err := plain.Compile(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	change, err := NewEnv([]Variable{{"old.count", Integer}, {"new.count", Integer}, {"change", Text}})
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		`row.count > 1`:             "a change has an old and a new row",
		`count > 1`:                 "did you mean old.count or new.count?",
		`new.cuont > 1`:             `there is no column "cuont"; did you mean old.count or new.count?`,
		`[1].all(old, old == 1)`:    "",
		`{"a": 1}["a"] > new.count`: "",
	} {
		if _, err := change.Compile(text); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := plain.CompileTable("rows() > 1 && sum(count > 1) > 2"); err == nil || !strings.Contains(err.Error(), "sum needs numbers, this is a bool (line 1, column 18)") {
		t.Error(err)
	}
}

func TestTooSlow(t *testing.T) {
	e := testEnv(t)
	list := "[" + strings.Repeat("1,", 60) + "1]"
	p, err := e.Compile(list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c < count + 100)))")
	if err != nil {
		t.Fatal(err)
	}
	var out [1]Verdict
	if err := p.Rows(context.Background(), batch(e, map[string]any{"count": 1}), nil, out[:]); !errors.Is(err, ErrSlow) {
		t.Errorf("%v", err)
	}
}

// What is evaluated without the library means what the library makes of it.
func TestFastAgrees(t *testing.T) {
	e := testEnv(t)
	rapid.Check(t, func(t *rapid.T) {
		text := drawBool(t, 3)
		p, err := e.Compile(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if p.fast == nil {
			t.Fatalf("%s is not evaluated fast", text)
		}
		row := make(map[string]any)
		draw := func(name string, v any) {
			if rapid.IntRange(0, 3).Draw(t, name+" is there") > 0 {
				row[name] = v
			}
		}
		whole := rapid.SampledFrom([]int{0, 1, -1, 3, math.MaxInt64, math.MinInt64})
		number := rapid.SampledFrom([]float64{0, 1, -1.5, 1e300, math.Inf(1), math.NaN()})
		words := rapid.SampledFrom([]string{"", "a", "ab", "é"})
		draw("count", whole.Draw(t, "count"))
		draw("total", whole.Draw(t, "total"))
		draw("temp_c", number.Draw(t, "temp"))
		draw("lat", number.Draw(t, "lat"))
		draw("species", words.Draw(t, "species"))
		draw("seen", rapid.Bool().Draw(t, "seen"))
		columns := batch(e, row)
		v, ok := p.fast.number(p.kind, columns, 0)
		val, err := p.interpret(context.Background(), columns, 0)
		if err != nil || ok != (val != nil) || ok && (val == types.True) != (v != 0) {
			t.Fatalf("%s with %v: %v %v, the library says %v %v", text, row, v, ok, val, err)
		}
	})
}

func drawBool(t *rapid.T, depth int) string {
	n := 9
	if depth == 0 {
		n = 6
	}
	op := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "==", "!="}).Draw(t, "operator")
	switch rapid.IntRange(0, n).Draw(t, "boolean") {
	case 0:
		return drawInt(t, depth) + op + drawInt(t, depth)
	case 1:
		return drawFloat(t, depth) + op + drawFloat(t, depth)
	case 2:
		return drawText(t) + op + drawText(t)
	case 3:
		return drawText(t) + rapid.SampledFrom([]string{".startsWith", ".endsWith", ".contains"}).Draw(t, "method") + "(" + drawText(t) + ")"
	case 4:
		return rapid.SampledFrom([]string{"seen", "true", "count == null", "lat != null", "species in ['a', 'é']", "count in [0, 3]", "species.matches('^a')"}).Draw(t, "atom")
	case 5:
		return "size(" + drawText(t) + ")" + op + drawInt(t, depth)
	case 6:
		return "double(" + drawInt(t, depth) + ")" + op + drawFloat(t, depth)
	case 7:
		return "!(" + drawBool(t, depth-1) + ")"
	case 8:
		return "(" + drawBool(t, depth-1) + " ? " + drawBool(t, depth-1) + " : " + drawBool(t, depth-1) + ")"
	}
	return "(" + drawBool(t, depth-1) + rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "logic") + drawBool(t, depth-1) + ")"
}

func drawInt(t *rapid.T, depth int) string {
	atom := rapid.SampledFrom([]string{"count", "total", "0", "2", "-(1)"}).Draw(t, "whole")
	if depth == 0 || rapid.Bool().Draw(t, "plain") {
		return atom
	}
	return "(" + atom + rapid.SampledFrom([]string{" + ", " - ", " * ", " / ", " % "}).Draw(t, "arithmetic") + drawInt(t, depth-1) + ")"
}

func drawFloat(t *rapid.T, depth int) string {
	atom := rapid.SampledFrom([]string{"temp_c", "lat", "0.0", "1.5"}).Draw(t, "number")
	if depth == 0 || rapid.Bool().Draw(t, "plain") {
		return atom
	}
	return "(" + atom + rapid.SampledFrom([]string{" + ", " - ", " * ", " / "}).Draw(t, "arithmetic") + drawFloat(t, depth-1) + ")"
}

func drawText(t *rapid.T) string {
	return rapid.SampledFrom([]string{"species", "row['note text']", "''", "'a'"}).Draw(t, "text")
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{"count > 0", `species in ["a"] && lat != null`, "[1].all(x, x == count)", "old.count < 1", "{'a': count}['a'] > 0"} {
		f.Add(text)
	}
	e := testEnv(f)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := e.Compile(text)
		if err != nil {
			return
		}
		var out [1]Verdict
		_ = p.Rows(t.Context(), batch(e, map[string]any{"count": 1, "species": "a"}), nil, out[:])
	})
}
