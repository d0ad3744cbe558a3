package serving

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object/pack"
)

// BenchmarkManyDatasets measures what 300 datasets cost that nobody asks for: to read
// their cards, to look whether something has changed, and in memory.
func BenchmarkManyDatasets(b *testing.B) {
	const datasets = 300
	home, root := person(b), b.TempDir()
	for i := range datasets {
		r, err := repo.Init(b.Context(), filepath.Join(root, fmt.Sprint(i)), repo.InitOptions{Name: fmt.Sprint(i)}, &repo.Options{Home: home})
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
	values, err := bounds.Resolve(nil, func(string) (string, bool) { return "", false })
	if err != nil {
		b.Fatal(err)
	}
	fill := func() *Shelf {
		s := newShelf(shelfOptions{home: home, cache: pack.NewCache(1 << 20), events: newNotices(Events{})}, values)
		if n := len(s.scan(b.Context(), sources{roots: []string{root}}, false)); n != datasets {
			b.Fatalf("%d of %d were found", n, datasets)
		}
		return s
	}
	b.Run("begin", func(b *testing.B) {
		for b.Loop() {
			fill()
		}
	})
	b.Run("look", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := fill()
		runtime.GC()
		runtime.ReadMemStats(&after)
		for b.Loop() {
			s.scan(b.Context(), sources{roots: []string{root}}, false)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/datasets, "B/dataset")
	})
}
