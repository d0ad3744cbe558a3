package merge_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// observations writes a table like those of field stations, and changes some
// cells of it: those whose row number edits maps to a text.
func observations(rows int, edits map[int]string) []byte {
	var out bytes.Buffer
	out.WriteString("id,site,date,species,count,weight,length,observer,verified,note\n")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		note := ""
		if r.IntN(50) == 0 {
			note = "seen twice"
		}
		weight := strconv.FormatFloat(float64(r.IntN(100000))/100, 'f', 2, 64)
		if text, ok := edits[i]; ok {
			weight = text
		}
		fmt.Fprintf(&out, "%d,S%03d,2021-%02d-%02d,sp%d,%d,%s,%d.%d,o%d,%t,%s\n", i+1, r.IntN(400), 1+r.IntN(12), 1+r.IntN(28),
			r.IntN(900), r.IntN(40), weight, r.IntN(90), r.IntN(10), r.IntN(60), r.IntN(10) > 0, note)
	}
	return out.Bytes()
}

func scattered(rows, n int, from int, text string) map[int]string {
	out := make(map[int]string, n)
	for i := range n {
		out[(from+i*rows/n)%rows] = text
	}
	return out
}

func BenchmarkScatteredEdits(b *testing.B) {
	rows := 200_000
	if s := os.Getenv("CONSTL_BENCH_ROWS"); s != "" {
		rows, _ = strconv.Atoi(s)
	}
	st := mem.New()
	put := func(data []byte, parent *tabular.Table) *tabular.Table {
		r, err := csv.Read(context.Background(), st, bytes.NewReader(data), &csv.ReadOptions{Name: "t.csv", Parent: parent})
		if err != nil {
			b.Fatal(err)
		}
		return open(b, st, r.Table)
	}
	base := put(observations(rows, nil), nil)
	ours := put(observations(rows, scattered(rows, 50, 7, "1.11")), base)
	theirs := put(observations(rows, scattered(rows, 50, 9007, "2.22")), base)
	b.ReportAllocs()
	for b.Loop() {
		var batch object.ReadWriter = st
		three := [3]*tabular.Table{open(b, st, base.ID), open(b, st, ours.ID), open(b, st, theirs.ID)}
		r, err := merge.Tables(context.Background(), batch, three[0], three[1], three[2], csvOptions)
		if err != nil || len(r.Conflicts) > 0 {
			b.Fatal(err, r)
		}
		b.ReportMetric(float64(r.Stats.GroupsReused), "reused")
		b.ReportMetric(float64(r.Stats.RowsMerged), "rows")
	}
}

// BenchmarkSortedAnew merges scattered edits with the same rows in another order.
func BenchmarkSortedAnew(b *testing.B) {
	const rows = 200_000
	st := mem.New()
	put := func(data []byte, parent *tabular.Table) *tabular.Table {
		r, err := csv.Read(context.Background(), st, bytes.NewReader(data), &csv.ReadOptions{Name: "t.csv", Parent: parent})
		if err != nil {
			b.Fatal(err)
		}
		return open(b, st, r.Table)
	}
	data := observations(rows, nil)
	lines := bytes.SplitAfter(data, []byte("\n"))
	slices.SortStableFunc(lines[1:len(lines)-1], func(x, y []byte) int {
		return bytes.Compare(bytes.SplitN(x, []byte(","), 3)[1], bytes.SplitN(y, []byte(","), 3)[1])
	})
	base := put(data, nil)
	ours, theirs := put(observations(rows, scattered(rows, 50, 7, "1.11")), base), put(bytes.Join(lines, nil), base)
	b.ReportAllocs()
	for b.Loop() {
		r, err := merge.Tables(context.Background(), st, base, ours, theirs, csvOptions)
		if err != nil || len(r.Conflicts) > 0 {
			b.Fatal(err, r)
		}
		b.ReportMetric(float64(r.Stats.GroupsReused), "reused")
	}
}
