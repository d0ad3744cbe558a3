package stats

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/constl/constl/tabular"
)

// A segment as each kind of column has them.
func BenchmarkOf(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		r    Reading
		cell func(i int) string
	}{
		{"ids", Reading{Kind: Number}, func(i int) string { return fmt.Sprint(3_000_000 + 7*i) }},
		{"decimals", Reading{Kind: Number}, func(int) string { return fmt.Sprintf("%.5f", 47+5*r.Float64()) }},
		{"moments", Reading{Kind: Moment}, func(i int) string { return fmt.Sprintf("2026-02-%02dT%02d:%02d:%02dZ", 1+i/600, i/60%24, i%60, i%60) }},
		{"names", Reading{Kind: Text}, func(i int) string { return fmt.Sprintf("name %d", i) }},
	} {
		var cells tabular.Cells
		for i := range 12_000 {
			cells.Append([]byte(c.cell(i)))
		}
		b.Run(c.name, func(b *testing.B) {
			var m Maker
			for b.Loop() {
				m.Of(cells, nil, c.r)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*cells.Len()), "ns/cell")
		})
	}
}
