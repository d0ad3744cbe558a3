package repo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular/stats"
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

// A commit keeps the statistics of what is new in it, which say what reading all of
// the table would have said; a clean-up forgets what the version that is checked out
// does not have.
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
	before := len(r.openStatCache().known)
	first := state("")
	if n := len(r.openStatCache().known); before == 0 || n != before {
		t.Errorf("the commit made %d sketches, showing them %d more", before, n-before)
	}
	if s := first.Fields[2].Sketch; s.Cells != 60000 || s.High.Text != "96" {
		t.Errorf("%+v", s)
	}
	put(t, r, "t.csv", countedRows(30000))
	commit(t, r, "changed")
	after := len(r.openStatCache().known)
	next := state("")
	if n := len(r.openStatCache().known); after-before != 1 || n != after {
		t.Errorf("one changed cell: %d sketches made, after %d; showing them made %d", after-before, before, n-after)
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
	if n := len(r.openStatCache().known); had != after+2 || n != after-1 {
		t.Errorf("after a clean-up %d sketches of %d are kept, of the version itself %d", n, had, after-1)
	}
}

// Files of the cache become one when they are many, with what the version that is
// checked out has.
func TestStatisticsFilesAreFew(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", "id,n\n1,2\n2,3\n3,3\n")
	commit(t, r, "first")
	for i := range 3 * maxStatFiles {
		c := r.openStatCache()
		c.Put(object.Sum([]byte{byte(i)}), object.ID{}, []byte{byte(i)})
		c.save(t.Context())
		if c = r.openStatCache(); len(c.files) > maxStatFiles {
			t.Fatalf("%d files", len(c.files))
		}
	}
	st, err := r.State(t.Context(), "", StateOptions{Statistics: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.openStatCache().known); st.Tables[0].Fields[0].Sketch.Cells != 3 || n > maxStatFiles+2 {
		t.Errorf("%d sketches are kept", n)
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

// What a column is shows only when all of it is read: the sketches are nevertheless
// those of its type.
func TestStatisticsOfMixedColumns(t *testing.T) {
	r := dataset(t, person(t))
	var b strings.Builder
	b.WriteString("id,code,day,late,none\n")
	for i := range 60000 {
		code, late, day := fmt.Sprint(i%1000), "", "2026-01-01"
		if i > 59000 {
			code, late = "12A", fmt.Sprint(i)
		}
		if i < 20 {
			day = "soon"
		}
		fmt.Fprintf(&b, "%d,%s,%s,%s,\n", i, code, day, late)
	}
	put(t, r, "t.csv", b.String())
	commit(t, r, "first")
	made := len(r.openStatCache().known)
	st, err := r.State(t.Context(), "", StateOptions{Statistics: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.openStatCache().known); made == 0 || n != made {
		t.Errorf("%d sketches were made with the commit, %d to show them", made, n-made)
	}
	for i, want := range []stats.Kind{stats.Number, stats.Text, stats.Text, stats.Number, stats.Text} {
		if f := st.Tables[0].Fields[i]; f.Kind != want || f.Sketch.Cells != 60000 {
			t.Errorf("%s: %v, %d cells", f.Name, f.Kind, f.Sketch.Cells)
		}
	}
}
