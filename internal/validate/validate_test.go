package validate

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
	"github.com/google/go-cmp/cmp"
)

// bench is a dataset of one or two tables in memory.
type bench struct {
	t     testing.TB
	store *mem.Store
	pkg   *datapackage.Package
	key   []string // by which rows are matched, if the description says nothing
}

func newBench(t testing.TB, schema string) *bench {
	t.Helper()
	pkg, err := datapackage.Parse([]byte(`{"name":"x","resources":[
{"name":"t","path":"t.csv","schema":` + schema + `},
{"name":"sites","path":"sites.csv","schema":{"fields":[{"name":"site","type":"string"}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, store: mem.New(), pkg: pkg}
}

func (b *bench) table(text string, parent *tabular.Table) *tabular.Table {
	b.t.Helper()
	o := &csv.ReadOptions{Name: "t.csv", Parent: parent, Key: b.key}
	if res, ok := b.pkg.Resource("t.csv"); ok && b.key == nil {
		o.Key = res.PrimaryKey()
	}
	res, err := csv.Read(context.Background(), b.store, strings.NewReader(text), o)
	if err != nil {
		b.t.Fatal(err)
	}
	t, err := tabular.Open(context.Background(), b.store, res.Table)
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

// run validates a table and returns one line for each finding.
func (b *bench) run(now, base *tabular.Table, changedOnly bool, o *Options) []string {
	b.t.Helper()
	sites := b.table("site\ns1\ns2\n", nil)
	in := &Input{
		Package: b.pkg, Tables: []Table{{Path: "t.csv", Now: now, Base: base}}, ChangedOnly: changedOnly,
		Open: func(_ context.Context, path string) (*tabular.Table, error) {
			if path == "sites.csv" {
				return sites, nil
			}
			return nil, nil
		},
	}
	r, err := Run(context.Background(), in, o)
	if err != nil {
		b.t.Fatal(err)
	}
	lines := []string{}
	for _, k := range r.Kinds {
		for _, f := range k.Findings {
			first, _, _ := strings.Cut(f.Message, "\n")
			lines = append(lines, fmt.Sprintf("%s:%d %s %s: %s", k.Path, f.Line, k.Rule, k.Field, first))
		}
	}
	return lines
}

func (b *bench) expect(name string, got, want []string) {
	b.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestChecks(t *testing.T) {
	tests := []struct {
		name, schema, file string
		want               []string
	}{
		{"types and missing values",
			`{"fields":[{"name":"n","type":"integer"},{"name":"d","type":"date","missingValues":["?"]}],"missingValues":["","x"]}`,
			"n,d\n1,2026-01-01\nx,?\nNA,\n",
			[]string{`t.csv:4 type-error n: "NA" is not a whole number`, `t.csv:4 type-error d: "" is not a date as YYYY-MM-DD`}},
		{"the usual words where nothing is said", `{"fields":[{"name":"n","type":"integer"},{"name":"m","type":"string"}]}`,
			"n,m\n1,a\nNA,NA\n", []string{}},
		{"constraints",
			`{"fields":[{"name":"n","type":"number","constraints":{"required":true,"exclusiveMinimum":0,"maximum":"9.5"}},
			{"name":"s","type":"string","constraints":{"minLength":2,"pattern":"[a-zé]+","enum":["ab","é","éé"]}}]}`,
			"n,s\n0,ab\n10,é\n,éé\n1,AB\nNaN,ab\n",
			[]string{`t.csv:2 constraint-error n: 0 is not more than 0`,
				`t.csv:6 constraint-error n: NaN is not more than 0`,
				`t.csv:3 constraint-error n: 10 is not at most 9.5`,
				`t.csv:6 constraint-error n: NaN is not at most 9.5`,
				`t.csv:3 constraint-error s: "é" does not have at least 2 characters`,
				`t.csv:4 constraint-error n: n must not be missing`,
				`t.csv:5 constraint-error s: "AB" does not match the pattern [a-zé]+`,
				`t.csv:5 constraint-error s: "AB" is not one of "ab", "é", "éé"`}},
		{"an enum of numbers goes by value", `{"fields":[{"name":"n","type":"number","constraints":{"enum":[1,2.5]}}]}`,
			"n\n1.0\n2.50\n3\n", []string{`t.csv:4 constraint-error n: "3" is not one of "1", "2.5"`}},
		{"keys", `{"fields":[{"name":"a"},{"name":"b"},{"name":"u","constraints":{"unique":true}}],"primaryKey":["a","b"],"uniqueKeys":[["b","u"]]}`,
			"a,b,u\n1,1,x\n1,2,\n1,1,\n,3,x\n",
			[]string{`t.csv:4 primary-key a, b: "1, 1": row 1 has the same a, b`, `t.csv:5 primary-key a, b: a part of the key is missing`,
				`t.csv:5 unique-error u: "x": row 1 has the same u`}},
		{"keys go by value", `{"fields":[{"name":"i","type":"integer"},{"name":"n","type":"number"},{"name":"s"},{"name":"d","type":"datetime"}],"uniqueKeys":[["i"],["n"],["s"],["d"]]}`,
			"i,n,s,d\n1,1.0,1,2026-01-01T00:00:00Z\n01,1,01,2026-01-01T01:00:00+01:00\n+1,0,x,x\n2,-0.0,X,y\nx,12345678901234567,y,\nx,12345678901234568,z,\n",
			[]string{`t.csv:3 unique-error i: "01": row 1 has the same i`, `t.csv:4 unique-error i: "+1": row 1 has the same i`, `t.csv:7 unique-error i: "x": row 5 has the same i`,
				`t.csv:3 unique-error n: "1": row 1 has the same n`, `t.csv:5 unique-error n: "-0.0": row 3 has the same n`, `t.csv:3 unique-error d: "2026-01-01T01:00:00+01:00": row 1 has the same d`,
				`t.csv:4 type-error d: "x" is not a date and time as 2026-05-31T14:30:00Z`, `t.csv:5 type-error d: "y" is not a date and time as 2026-05-31T14:30:00Z`,
				`t.csv:6 type-error i: "x" is not a whole number`, `t.csv:7 type-error i: "x" is not a whole number`}},
		{"references by value, where both have one", `{"fields":[{"name":"id","type":"integer"},{"name":"up","type":"integer"},{"name":"site","type":"integer"}],"foreignKeys":[
			{"fields":"up","reference":{"fields":"id"}},{"fields":"site","reference":{"resource":"sites","fields":"site"}}]}`,
			"id,up,site\n1,,\n2,01,7\n", []string{`t.csv:3 foreign-key site: "7": no row of sites.csv has this site`}},
		{"references", `{"fields":[{"name":"site"},{"name":"up"},{"name":"id"}],"foreignKeys":[
			{"fields":"site","reference":{"resource":"sites","fields":"site"}},{"fields":"up","reference":{"fields":"id"}}]}`,
			"site,up,id\ns1,,1\ns3,1,2\n,3,4\n",
			[]string{`t.csv:3 foreign-key site: "s3": no row of sites.csv has this site`, `t.csv:4 foreign-key up: "3": no row of t.csv has this id`}},
		{"shapes of rows", `{"fields":[{"name":"a"},{"name":"b"}]}`, "a,b\n1,2\n3\n4,5,6\n,\n",
			[]string{`t.csv:3 missing-cell : the row has 1 cells instead of 2`, `t.csv:4 extra-cell : the row goes on behind its last cell: ,6`,
				`t.csv:5 blank-row : the row is blank`}},
		{"labels", `{"fields":[{"name":"a"},{"name":"gone","constraints":{"required":true}}],"fieldsMatch":"equal"}`, "a,b\n1,2\n",
			[]string{`t.csv:1 missing-label gone: datapackage.json describes the column "gone", which is not in the file`,
				`t.csv:1 extra-label b: datapackage.json does not describe the column "b"`}},
		{"lines", `{"fields":[{"name":"n","type":"integer"},{"name":"s"}]}`,
			"n,s\r\n1,\"two\r\nlines\"\r\n\r\nx,a\r\n2,\"b\r\nc\r\nd\"\r\ny,e\r\n",
			[]string{`t.csv:5 type-error n: "x" is not a whole number`, `t.csv:9 type-error n: "y" is not a whole number`}},
		{"mistakes in the description",
			`{"fields":[
			{"name":"n","type":"integer","constraints":{"minimum":"few","pattern":"("}},
			{"name":"s","type":"strnig","constraints":{"required":"yes"}}],
			"primaryKey":["id"],
			"constl":{"rules":[{"row":"n > "},{"row":"n > 1","table":"x"}]}}`, "n,s\n1,a\n",
			[]string{`datapackage.json:3 schema-error : t.csv: "few" should be a whole number`,
				"datapackage.json:3 schema-error : t.csv: the pattern is not checked: it is not a regular expression: error parsing regexp: missing closing ): `\\A(?:()\\z`",
				`datapackage.json:4 schema-error : t.csv: constraints.required should be true or false, found a string`,
				`datapackage.json:4 schema-error : t.csv: there is no type "strnig" in Table Schema; its cells are not checked`,
				`datapackage.json:5 schema-error : t.csv: the key names a column that the file does not have: "id"`,
				`datapackage.json:6 schema-error : t.csv: the rule n >  is not checked: the expression ends where something must follow (line 1, column 5)`,
				`datapackage.json:6 schema-error : t.csv: the rule n > 1 is not checked: a rule has exactly one of "row", "table" and "change"; "per" goes with "table"`}},
	}
	for _, tt := range tests {
		b := newBench(t, tt.schema)
		b.expect(tt.name, b.run(b.table(tt.file, nil), nil, false, nil), tt.want)
	}
}

func TestRules(t *testing.T) {
	const fields = `{"fields":[{"name":"id","type":"integer"},{"name":"site","type":"string"},{"name":"n","type":"integer"},{"name":"t","type":"number"}],"primaryKey":"id","constl":{"rules":[`
	const file = "id,site,n,t\n1,a,1,0.5\n2,a,2,\n3,b,30,2.5\n4,b,,-3\n"
	tests := []struct {
		rule string
		want []string
	}{
		{`{"row":"n < 10"}`, []string{`t.csv:4 row-constraint : the rule does not hold: n < 10 (n is "30")`}},
		{`{"row":"n < 10 || t > 0.0","message":"too many"}`, []string{}},
		{`{"row":"10 / (n - 1) > -100"}`, []string{`t.csv:2 row-constraint : the rule has no value here, as after a division by zero: 10 / (n - 1) > -100 (n is "1")`}},
		{`{"table":"rows() > 4"}`, []string{"t.csv:0 table-constraint : the rule does not hold: rows() > 4 (rows() is 4)"}},
		{`{"table":"sum(n) == 33 && mean(t) == 0.0 && min(t) == -3.0 && max(n) == 30 && count(n) == 3 && count(n > 1) == 2 && distinct(site) == 2"}`, []string{}},
		{`{"table":"sum(n * 2) < 60","per":"site"}`, []string{"t.csv:4 table-constraint : b: the rule does not hold: sum(n * 2) < 60 (sum(…) is 60)"}},
		{`{"table":"n > 1"}`, []string{"datapackage.json:2 schema-error : t.csv: the rule n > 1 is not checked: a rule about the table has many values of n: write sum, mean, min, max, count or distinct around it (line 1, column 1)"}},
	}
	for _, tt := range tests {
		b := newBench(t, fields+tt.rule+"]}}")
		b.expect(tt.rule, b.run(b.table(file, nil), nil, false, nil), tt.want)
	}
}

// A rule that takes too many steps, or too long, is stopped and says where; the others
// are checked all the same.
func TestRulesAreStopped(t *testing.T) {
	list := "[" + strings.Repeat("1,", 60) + "1]"
	slow := list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c < n + 100)))"
	b := newBench(t, `{"fields":[{"name":"id","type":"integer"},{"name":"n","type":"integer"}],"constl":{"rules":[
		{"name":"slow","row":"id < 2 || `+slow+`"},{"name":"slow sum","table":"count(`+slow+`) > 0"},{"row":"n < 4"}]}}`)
	now := b.table("id,n\n1,1\n2,2\n3,4\n", nil)
	b.expect("steps", b.run(now, nil, false, nil), []string{
		"t.csv:0 rule-stopped : took too long: one row needs more than 100000 steps; the rule is not checked any further",
		"t.csv:3 rule-stopped : took too long: one row needs more than 100000 steps; the rule is not checked any further",
		`t.csv:4 row-constraint : the rule does not hold: n < 4 (n is "4")`,
	})
	b = newBench(t, `{"fields":[{"name":"id","type":"integer"},{"name":"n","type":"integer"}],"constl":{"rules":[
		{"name":"slow","row":"[1].all(a, a < n + 1)"},{"row":"n < 4"}]}}`)
	b.expect("time", b.run(now, nil, false, &Options{RuleTime: 1}), []string{
		"t.csv:2 rule-stopped : took too long: it was stopped when its time was over; the rule is not checked any further",
		`t.csv:4 row-constraint : the rule does not hold: n < 4 (n is "4")`,
	})
}

func TestChangeRules(t *testing.T) {
	const fields = `{"fields":[{"name":"id","type":"integer"},{"name":"n","type":"integer"}],"primaryKey":"id","constl":{"rules":[`
	const before, after = "id,n\n1,10\n2,20\n3,30\n", "id,n\n1,10\n2,50\n4,40\n"
	tests := []struct {
		rule string
		want []string
	}{
		{`{"name":"append only","change":"change == 'added'"}`, []string{
			"t.csv:3 change-constraint : the rule does not hold: change == 'added'",
			`t.csv:0 change-constraint : a row that was deleted ("3"): the rule does not hold: change == 'added'`}},
		{`{"change":"new.n <= old.n * 2","severity":"warning"}`, []string{`t.csv:3 change-constraint : the rule does not hold: new.n <= old.n * 2 (old.n is "20", new.n is "50")`}},
		{`{"change":"old.n == null || new.n == null || new.n - old.n <= 30"}`, []string{}},
	}
	for _, tt := range tests {
		b := newBench(t, fields+tt.rule+"]}}")
		base := b.table(before, nil)
		got := b.run(b.table(after, base), base, false, nil)
		if len(got) == 2 && strings.Contains(got[0], "t.csv:0") {
			got[0], got[1] = got[1], got[0]
		}
		b.expect(tt.rule, got, tt.want)
	}
}

// With a base, only what is not in it alike is reported, but keys count as a whole.
func TestChangedOnly(t *testing.T) {
	b := newBench(t, `{"fields":[{"name":"id","type":"integer"},{"name":"n","type":"integer","constraints":{"maximum":5}},{"name":"site"}],"primaryKey":"id",
		"foreignKeys":[{"fields":"site","reference":{"resource":"sites","fields":"site"}}],"constl":{"rules":[{"table":"sum(n) < 40"}]}}`)
	base := b.table("id,n,site\n1,9,s9\n2,1,s1\n", nil)
	b.expect("a changed cell", b.run(b.table("id,n,site\n1,9,s9\n2,8,s1\n", base), base, true, nil),
		[]string{"t.csv:3 constraint-error n: 8 is not at most 5"})
	b.expect("a new row", b.run(b.table("id,n,site\n1,9,s9\n2,1,s1\n1,3,s2\n", base), base, true, nil),
		[]string{`t.csv:4 primary-key id: "1": row 1 has the same id`})
	b.expect("the whole table", b.run(b.table("id,n,site\n1,9,s9\n2,1,s1\n3,31,s1\n", base), base, true, nil),
		[]string{"t.csv:0 table-constraint : the rule does not hold: sum(n) < 40 (sum(n) is 41)", "t.csv:4 constraint-error n: 31 is not at most 5"})
	b.expect("nothing", b.run(base, base, true, nil), []string{})
}

// Of many findings the first are kept and all are counted, whatever ran first.
func TestMany(t *testing.T) {
	b := newBench(t, `{"fields":[{"name":"id","type":"integer"},{"name":"n","type":"integer","constraints":{"unique":true}}]}`)
	var file strings.Builder
	file.WriteString("id,n\n")
	for i := range 40_000 {
		fmt.Fprintf(&file, "%d,%d\n", i, i/2)
	}
	now := b.table(file.String(), nil)
	r, err := Run(context.Background(), &Input{Package: b.pkg, Tables: []Table{{Path: "t.csv", Now: now}}}, &Options{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Kinds) != 1 || r.Kinds[0].Count != 20_000 || r.Errors != 20_000 || len(r.Kinds[0].Findings) != 2 {
		t.Fatalf("%+v", r)
	}
	if f := r.Kinds[0].Findings[1]; f.Line != 5 || f.Row != 4 || f.Value != "1" {
		t.Errorf("%+v", f)
	}
}

// Whatever a datapackage.json says, validation ends, and says where it could not
// follow.
func FuzzSchema(f *testing.F) {
	for _, schema := range []string{
		`{"fields":[{"name":"id","type":"integer","constraints":{"minimum":"1","enum":[1,"2",true]}}],"primaryKey":"id"}`,
		`{"fields":[{"name":"d","type":"datetime","format":"%d.%m.%Y %H:%M"}],"missingValues":[{"value":"x","label":"none"}],"fieldsMatch":["equal"]}`,
		`{"fields":[{"name":"s","constraints":{"pattern":"[^\\i]+","maxLength":-1}}],"uniqueKeys":[["s","id"]],"foreignKeys":[{"fields":["s"],"reference":{"resource":"sites","fields":["site"]}}]}`,
		`{"constl":{"rules":[{"row":"id > 1"},{"table":"sum(id) > mean(id)","per":"s"},{"change":"new.s != old.s"}]}}`,
	} {
		f.Add([]byte(schema))
	}
	f.Fuzz(func(t *testing.T, schema []byte) {
		data := []byte(`{"name":"x","resources":[{"name":"t","path":"t.csv","schema":` + string(schema) + `}]}`)
		pkg, err := datapackage.Parse(data)
		if err != nil {
			return
		}
		b := &bench{t: t, store: mem.New(), pkg: pkg}
		base := b.table("id,s,d\n1,a,01.02.2026 12:00\n", nil)
		now := b.table("id,s,d\n1,b,x\n2,,\n", base)
		r, err := Run(t.Context(), &Input{Package: pkg, Tables: []Table{{Path: "t.csv", Now: now, Base: base}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines := int64(strings.Count(string(data), "\n") + 1)
		for _, k := range r.Kinds {
			for _, f := range k.Findings {
				if k.Path == datapackage.FileName && (f.Line < 1 || f.Line > lines) {
					t.Errorf("line %d of %d: %s", f.Line, lines, f.Message)
				}
			}
		}
	})
}
