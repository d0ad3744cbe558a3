package repo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/klauspost/compress/zstd"
)

// countedRows is a table of several row groups.
func countedRows(changed int) string {
	var b strings.Builder
	b.WriteString("id,site,n\n")
	for i := range 60000 {
		n := i % 97
		if i == changed {
			n = 100000
		}
		fmt.Fprintf(&b, "%d,S%d,%d\n", i, i%7, n)
	}
	return b.String()
}

// A new version costs no more than its new segments, and says what reading all of
// the table would have said; a clean-up forgets what belongs to nothing.
func TestStatisticsAreKept(t *testing.T) {
	ctx := t.Context()
	r := dataset(t, person(t))
	state := func(rev string) *TableState {
		t.Helper()
		st, err := r.State(ctx, rev, StateOptions{Statistics: true})
		if err != nil {
			t.Fatal(err)
		}
		return st.Tables[0]
	}
	put(t, r, "t.csv", countedRows(-1))
	commit(t, r, "first")
	first := state("")
	if s := first.Fields[2].Sketch; s.Cells != 60000 || s.High.Text != "96" {
		t.Errorf("%+v", s)
	}
	before := len(r.openStatCache().known)
	put(t, r, "t.csv", countedRows(30000))
	commit(t, r, "changed")
	next := state("")
	after := len(r.openStatCache().known)
	if after-before != 1 {
		t.Errorf("one changed cell: %d sketches made, after %d", after-before, before)
	}
	if err := os.RemoveAll(r.path(cacheDir)); err != nil {
		t.Fatal(err)
	}
	for i, f := range state("").Fields {
		if !bytes.Equal(f.Sketch.Encode(), next.Fields[i].Sketch.Encode()) {
			t.Errorf("%s: what was kept is %+v, what is found anew %+v", f.Name, next.Fields[i].Sketch, f.Sketch)
		}
	}

	// What nothing leads to any more goes with its objects.
	put(t, r, "t.csv", "id,site,n\n1,a,2\n2,b,3\n3,c,4\n")
	if _, err := r.State(ctx, "", StateOptions{Folder: true, Statistics: true}); err != nil {
		t.Fatal(err)
	}
	had := len(r.openStatCache().known)
	if _, err := r.GC(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(r.openStatCache().known); n != had-3 {
		t.Errorf("after a clean-up %d sketches of %d are kept", n, had)
	}
}

// Files of the cache become one when they are many.
func TestStatisticsFilesAreFew(t *testing.T) {
	r := dataset(t, person(t))
	var want int
	for i := range 3 * maxStatFiles {
		c := r.openStatCache()
		c.Put(object.Sum([]byte{byte(i)}), object.ID{}, []byte{byte(i)})
		c.save()
		want++
		c = r.openStatCache()
		if len(c.files) > maxStatFiles || len(c.known) != want {
			t.Fatalf("%d files with %d of %d sketches", len(c.files), len(c.known), want)
		}
	}
}

// Whatever lies in the cache's folder, it is taken whole or not at all.
func FuzzStatisticsCache(f *testing.F) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, data := range [][]byte{nil, make([]byte, 68), append(make([]byte, 64), 1, 0, 0, 0, 'x'), append(make([]byte, 64), 2, 0, 0, 0, 'x'), {1}} {
		f.Add(enc.EncodeAll(data, nil), true)
		f.Add(data, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, named bool) {
		dir := t.TempDir()
		name := filepath.Join(dir, statPrefix+"x")
		if dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(1<<20)); err == nil && named {
			plain, _ := dec.DecodeAll(data, nil)
			name = filepath.Join(dir, statPrefix+object.Sum(plain).String())
			dec.Close()
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		c := &statCache{dir: dir, prefix: statPrefix, known: make(map[object.ID]cachedSketch)}
		if !c.read(name) {
			return
		}
		again := c.write(c.known)
		o := &statCache{dir: dir, prefix: statPrefix, known: make(map[object.ID]cachedSketch)}
		if again == "" || !o.read(again) || len(o.known) != len(c.known) {
			t.Fatalf("%d sketches were read, %d of them again", len(c.known), len(o.known))
		}
	})
}

func BenchmarkStatistics(b *testing.B) {
	ctx := b.Context()
	r := dataset(b, person(b))
	put(b, r, "t.csv", countedRows(-1))
	commit(b, r, "first")
	for _, kept := range []bool{false, true} {
		b.Run(map[bool]string{false: "first", true: "kept"}[kept], func(b *testing.B) {
			for b.Loop() {
				if !kept {
					if err := os.RemoveAll(r.path(cacheDir)); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := r.State(ctx, "", StateOptions{Statistics: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
