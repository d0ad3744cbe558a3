package validate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A change is judged by the cells that it changed: with a base, exactly those
// findings are left that speak of them.
func TestChangedOnlyIsWhatChanged(t *testing.T) {
	b := newBench(t, `{"fields":[{"name":"id","type":"integer"},{"name":"n","type":"integer","constraints":{"maximum":5}},{"name":"s","constraints":{"required":true,"pattern":"[a-c]*"}}],
		"primaryKey":"id","constl":{"rules":[{"row":"n != 3 || s != 'c'"}]}}`)
	rapid.Check(t, func(rt *rapid.T) {
		cell := func(col, label string) string {
			if col == "n" {
				return rapid.SampledFrom([]string{"", "1", "3", "7", "x"}).Draw(rt, label)
			}
			return rapid.SampledFrom([]string{"", "a", "c", "z", " b"}).Draw(rt, label)
		}
		base, next := map[int][2]string{}, map[int][2]string{}
		for id := range rapid.IntRange(1, 12).Draw(rt, "rows") {
			base[id] = [2]string{cell("n", "old n"), cell("s", "old s")}
			switch rapid.IntRange(0, 4).Draw(rt, "fate") {
			case 0: // gone
			case 1:
				next[id] = [2]string{cell("n", "new n"), base[id][1]}
			case 2:
				next[id] = [2]string{base[id][0], cell("s", "new s")}
			default:
				next[id] = base[id]
			}
		}
		for id := range rapid.IntRange(0, 3).Draw(rt, "added") {
			next[100+id] = [2]string{cell("n", "n"), cell("s", "s")}
		}
		if len(next) == 0 {
			rt.Skip("no rows left")
		}
		old := b.table(tableOf(base), nil)
		now := b.table(tableOf(next), old)
		got := b.run(now, old, true, &Options{Limit: 1000})
		want := []string{}
		ids := slices.Sorted(maps.Keys(next))
		for _, line := range b.run(now, nil, false, &Options{Limit: 1000}) {
			var row int
			if _, err := fmt.Sscanf(line, "t.csv:%d ", &row); err != nil {
				rt.Fatal(line)
			}
			id := ids[row-2]
			was, both := base[id]
			n, s := !both || was[0] != next[id][0], !both || was[1] != next[id][1]
			switch {
			case strings.Contains(line, " n: ") && n, strings.Contains(line, " s: ") && s, strings.Contains(line, "row-constraint") && (n || s):
				want = append(want, line)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("from\n%sto\n%s(-want +got):\n%s", tableOf(base), tableOf(next), diff)
		}
	})
}

func tableOf(rows map[int][2]string) string {
	var b strings.Builder
	b.WriteString("id,n,s\n")
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "%d,%s,%s\n", id, rows[id][0], rows[id][1])
	}
	return b.String()
}

// A reference may dangle because of a change on the other side, even where that
// has a new column as well.
func TestReferencesToWhatIsGone(t *testing.T) {
	b := newBench(t, `{"fields":[{"name":"site"},{"name":"id"}],"primaryKey":"id","foreignKeys":[{"fields":"site","reference":{"resource":"sites","fields":"site"}}]}`)
	now := b.table("site,id\ns1,1\ns2,2\n", nil)
	before := b.table("site\ns1\ns2\n", nil)
	for _, after := range []string{"site\ns1\n", "site,name\ns1,x\ns3,y\n"} {
		sites := b.table(after, before)
		in := &Input{Package: b.pkg, Tables: []Table{{Path: "t.csv", Now: now, Base: now}}, ChangedOnly: true,
			Open:     func(context.Context, string) (*tabular.Table, error) { return sites, nil },
			OpenBase: func(context.Context, string) (*tabular.Table, error) { return before, nil }}
		r, err := Run(t.Context(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Kinds) != 1 || r.Kinds[0].Rule != RuleForeignKey || r.Kinds[0].Findings[0].Line != 3 {
			t.Errorf("%q: %+v", after, r.Kinds)
		}
	}
}

// Who changes a row does not answer for its key, which was another's before.
func TestKeysThatWereBroken(t *testing.T) {
	b := newBench(t, `{"fields":[{"name":"u","constraints":{"unique":true}},{"name":"site"},{"name":"n"}],
		"foreignKeys":[{"fields":"site","reference":{"resource":"sites","fields":"site"}}]}`)
	b.key = []string{"n"}
	base := b.table("u,site,n\n1,s1,1\n1,s9,2\n2,s1,3\n", nil)
	b.expect("another cell", b.run(b.table("u,site,n\n1,s1,1\n1,s9,2\n3,s1,3\n", base), base, true, nil), []string{})
	b.expect("the key", b.run(b.table("u,site,n\n1,s1,1\n1,s9,2\n1,s8,3\n", base), base, true, nil), []string{
		`t.csv:4 unique-error u: "1": row 1 has the same u`, `t.csv:4 foreign-key site: "s8": no row of sites.csv has this site`})
}

// memory is a [Cache].
type memory struct {
	mu         sync.Mutex
	data       map[object.ID][]byte
	hits, puts int
}

func (m *memory) Get(key object.ID) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.data[key]
	if ok {
		m.hits++
	}
	return data, ok
}

func (m *memory) Put(key, _ object.ID, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data[key], m.puts = data, m.puts+1
}

// Sums that are kept say the same as those that are made; only groups that changed
// are summed up again, and none whose meaning has changed is taken.
func TestKeptSums(t *testing.T) {
	schema := func(missing string) string {
		return `{"missingValues":[` + missing + `],"fields":[{"name":"id","type":"integer"},{"name":"site"},{"name":"n","type":"integer"},{"name":"t","type":"number"}],"primaryKey":"id",
			"constl":{"rules":[{"table":"sum(n) < 0 && mean(t) < 0.0 && min(n) < 0 && max(t) < 0.0 && count(n > 3) < 0 && rows() < 0 && sum(t) < 0.0","per":["site"]},
			{"table":"distinct(site) < 0"}]}}`
	}
	file := func(edited int) string {
		var b strings.Builder
		b.WriteString("id,site,n,t\n")
		for i := range 40_000 {
			n := i % 7
			if i == edited {
				n = 1000
			}
			fmt.Fprintf(&b, "%d,s%d,%d,%d.5\n", i, i%3, n, i%11)
		}
		return b.String()
	}
	b := newBench(t, schema(`""`))
	base := b.table(file(-1), nil)
	now := b.table(file(20_000), base)
	cache := &memory{data: make(map[object.ID][]byte)}
	want := b.run(now, base, true, &Options{Limit: 50})
	if len(want) != 4 || !strings.Contains(want[1], "s0") && !strings.Contains(want[0], "s0") {
		t.Fatalf("%q", want)
	}
	b.run(base, nil, false, &Options{Cache: cache})
	groups := cache.puts
	b.expect("what is kept", b.run(now, base, true, &Options{Limit: 50, Cache: cache}), want)
	if cache.puts != groups+1 || cache.hits != groups-1 {
		t.Errorf("%d groups: %d made again, %d taken", groups, cache.puts-groups, cache.hits)
	}
	b.expect("the whole table", b.run(now, nil, false, &Options{Limit: 50, Cache: cache}), want)
	other := newBench(t, schema(`"","0"`))
	other.store = b.store
	b.expect("another description", other.run(now, base, true, &Options{Limit: 50, Cache: cache}), other.run(now, base, true, &Options{Limit: 50}))
	for key := range cache.data {
		cache.data[key] = []byte{3, 'x'} // as if the file were damaged
	}
	b.expect("damaged", b.run(now, base, true, &Options{Limit: 50, Cache: cache}), want)
}

// Whether a text is damaged can depend on the rest of the column, also if only one
// row is new.
func TestDamageInOneNewRow(t *testing.T) {
	b := newBench(t, `{"fields":[{"name":"gene"},{"name":"zip","type":"string"}]}`)
	base := b.table("gene,zip\nTP53,01234\nBRCA1,98765\nEGFR,00123\nMYC,12345\nKRAS,45678\n", nil)
	b.expect("new row", b.run(b.table("gene,zip\nTP53,01234\nBRCA1,98765\nEGFR,00123\nMYC,12345\nKRAS,45678\n2-Sep,1234\n", base), base, true, &Options{}), []string{
		`t.csv:7 spreadsheet-date gene: "2-Sep" looks like a date that a spreadsheet program made of a name or an id`,
	})
	dates := newBench(t, `{"fields":[{"name":"when"}]}`)
	base = dates.table("when\n1-Sep\n3-Sep\n4-Oct\n", nil)
	dates.expect("a date among dates", dates.run(dates.table("when\n1-Sep\n3-Sep\n4-Oct\n2-Sep\n", base), base, true, nil), []string{})
}

func FuzzKeptSums(f *testing.F) {
	b := newBench(f, `{"fields":[{"name":"id","type":"integer"},{"name":"site"},{"name":"t","type":"number"}],"constl":{"rules":[{"table":"sum(id) > 0 && mean(t) > 0.0 && min(id) > 0","per":"site"}]}}`)
	t := b.table("id,site,t\n1,a,2.5\n2,b,\n", nil)
	p, wrong, err := newPlan(&Input{Package: b.pkg}, &Options{}, &Table{Path: "t.csv", Now: t})
	if err != nil || len(wrong) > 0 {
		f.Fatal(err, wrong)
	}
	r := p.tableRules[0]
	ref, err := t.GroupAt(f.Context(), 0)
	if err != nil {
		f.Fatal(err)
	}
	g, err := t.Group(f.Context(), ref)
	if err != nil {
		f.Fatal(err)
	}
	s := newScanner(p)
	s.begin(g)
	if err := s.sumGroup(f.Context(), g); err != nil {
		f.Fatal(err)
	}
	f.Add(encodeSums(&s.sums[0], r.program.Aggregates, 0))
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		sums, ok := p.decodeSums(data, r, ref)
		if !ok {
			return
		}
		again, ok := p.decodeSums(encodeSums(&sums, r.program.Aggregates, ref.First), r, ref)
		if !ok || len(again.order) != len(sums.order) {
			t.Fatalf("%d groups were read, %d of them again", len(sums.order), len(again.order))
		}
	})
}
