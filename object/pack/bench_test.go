package pack

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/objecttest"
	"github.com/constl/constl/object/pack/internal/vfs"
)

func openBench(b *testing.B, opts *Options) (*Store, string) {
	b.Helper()
	dir := b.TempDir()
	s, err := Open(b.Context(), dir, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s, dir
}

// column returns an object of 32 KiB that compresses as measured values do.
func column(i uint64) object.Object {
	o := objecttest.Chunk(i, 32<<10)
	for j := 1 + 9; j < len(o); j++ {
		o[j] &= 0x3f
	}
	return o
}

func BenchmarkPut(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("goroutines=%d", workers), func(b *testing.B) {
			const n = 1000
			var objects []object.Object
			for i := range n {
				objects = append(objects, column(uint64(i)))
			}
			b.SetBytes(n * int64(len(objects[0])))
			for b.Loop() {
				b.StopTimer()
				s, _ := openBench(b, nil)
				b.StartTimer()
				batch, err := s.Begin(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				var next atomic.Int64
				var wg sync.WaitGroup
				for range workers {
					wg.Go(func() {
						for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
							if _, err := batch.Put(b.Context(), objects[i], object.ID{}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				if err := batch.Commit(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s, _ := openBench(b, &Options{CacheBytes: 1})
	var ids []object.ID
	batch, err := s.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 500 {
		id, err := batch.Put(b.Context(), column(uint64(i)), object.ID{})
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := batch.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(32 << 10)
	i := 0
	for b.Loop() {
		if _, err := s.Get(b.Context(), ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkHas looks for objects in a store of 200,000, half of them held.
func BenchmarkHas(b *testing.B) {
	s, _ := openBench(b, nil)
	batch, err := s.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var ids []object.ID
	for i := range 200_000 {
		o := object.New(object.KindChunk, fmt.Append(nil, i))
		if _, err := batch.Put(b.Context(), o, object.ID{}); err != nil {
			b.Fatal(err)
		}
		if i%100 == 0 {
			ids = append(ids, o.ID(), object.Sum(fmt.Append(nil, i)))
		}
	}
	if err := batch.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		if _, err := s.holds(ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkSmallCommits makes a thousand commits of six small objects, each a
// small change of those before.
func BenchmarkSmallCommits(b *testing.B) {
	for b.Loop() {
		s, dir := openBench(b, nil)
		all := commitVersions(b, s, 1000)
		var content int64
		for _, o := range all {
			content += int64(len(o))
		}
		names, size := folder(b, dir)
		b.ReportMetric(float64(len(names)), "files")
		b.ReportMetric(float64(size), "disk-bytes")
		b.ReportMetric(float64(content), "content-bytes")
	}
}

func BenchmarkOpen(b *testing.B) {
	s, dir := openBench(b, nil)
	commitVersions(b, s, 100)
	b.Logf("%d packs", len(s.view.packs))
	for b.Loop() {
		again, err := openFS(b.Context(), vfs.Dir(dir), &Options{ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
