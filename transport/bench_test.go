package transport

import (
	"testing"

	"github.com/constl/constl/object/mem"
)

// BenchmarkClone moves a table that compresses as measured values do, out of a
// pack and into memory or another pack.
func BenchmarkClone(b *testing.B) {
	d := newDatasetIn(b, packStore(b), testKey(1), nil)
	d.fill(100, 10, 8000)
	d.commit()
	s := server(nil, d)
	for _, into := range []string{"mem", "pack"} {
		b.Run(into, func(b *testing.B) {
			b.SetBytes(100 * 10 * 16000)
			for b.Loop() {
				r := newReplica(b, d.id, testKey(2))
				r.store = mem.New()
				if into == "pack" {
					r.store = packStore(b)
				}
				r.mustSync(dial(b, s, r.key))
			}
		})
	}
}

// BenchmarkUpdate fetches one changed cell.
func BenchmarkUpdate(b *testing.B) {
	d := newDataset(b, testKey(1), nil)
	d.fill(100, 10, 2000)
	d.commit()
	s := server(nil, d)
	r := newReplica(b, d.id, testKey(2))
	r.mustSync(dial(b, s, r.key))
	bytes := int64(0)
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		d.change(n%100, n%10, n%2000)
		d.commit()
		b.StartTimer()
		bytes = r.mustSync(dial(b, s, r.key)).Stats.BytesIn
	}
	b.ReportMetric(float64(bytes), "wire-bytes")
}
