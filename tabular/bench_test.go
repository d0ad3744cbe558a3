package tabular

import "testing"

func BenchmarkBuild(b *testing.B) {
	const n, size = 200_000, 12_000
	g := observations(n, 1)
	var batches []Rows
	bytes := 0
	for from := 0; from < n; from += size {
		rows := g.batch(from, min(from+size, n))
		bytes += len(rows.Buf) + len(rows.Cells)
		batches = append(batches, rows)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		builder := NewBuilder(b.Context(), forgetful{}, len(g.names), []int{0}, nil)
		for _, rows := range batches {
			if err := builder.Add(rows); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := builder.Finish(g.schema(), testLayout); err != nil {
			b.Fatal(err)
		}
		builder.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*len(g.names)), "ns/cell")
}

func BenchmarkRead(b *testing.B) {
	g := observations(200_000, 1)
	t := g.build(b, newStore(), 12_000, nil)
	for b.Loop() {
		if err := t.ForEach(b.Context(), 0, func(*Group) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*200_000*len(g.names)), "ns/cell")
}

func BenchmarkUnique(b *testing.B) {
	t := observations(200_000, 1).build(b, newStore(), 12_000, nil)
	for b.Loop() {
		if ok, err := t.Unique(b.Context(), []int{0}); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*200_000), "ns/row")
}

func BenchmarkCompare(b *testing.B) {
	g := observations(200_000, 1)
	store := newStore()
	before := g.build(b, store, 12_000, nil)
	for i := range 100 {
		g.rows[i*2000][4] = "4711"
	}
	after := g.build(b, store, 12_000, nil)
	for b.Loop() {
		d, err := Compare(b.Context(), before, after, nil)
		if err != nil {
			b.Fatal(err)
		}
		if c, err := d.Counts(b.Context()); err != nil || c.Cells != 100 {
			b.Fatal(c, err)
		}
	}
}
