package repo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestHistoriesStaySmall commits real tables version by version. A history costs
// little more than one version and what cannot be left out of the others (ids and
// signatures), and GC makes it smaller still.
func TestHistoriesStaySmall(t *testing.T) {
	for name, want := range map[string]struct{ before, after int64 }{
		"ameta-env-samples":    {54_000, 44_000},
		"co2-mm-mlo":           {54_000, 46_000},
		"portal-moon-dates":    {40_000, 36_000},
		"portal-plant-species": {40_000, 30_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join(testdata, "versions", name, "v*"))
			if err != nil || len(files) < 20 {
				t.Fatalf("%d versions, %v", len(files), err)
			}
			r := dataset(t, person(t))
			table := "table" + filepath.Ext(files[0])
			var versions [][]byte
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				put(t, r, table, string(data))
				commit(t, r, filepath.Base(file))
				versions = append(versions, data)
			}
			before := size(t, r.path(packsDir))
			if _, err := r.GC(t.Context()); err != nil {
				t.Fatal(err)
			}
			after := size(t, r.path(packsDir))
			t.Logf("%d versions: %d bytes, after GC %d", len(versions), before, after)
			if before > want.before || after > want.after {
				t.Errorf("%d bytes, after GC %d; want at most %d and %d", before, after, want.before, want.after)
			}
			for i, data := range versions {
				var out bytes.Buffer
				spec := fmt.Sprintf("HEAD~%d:%s", len(versions)-1-i, table)
				if err := r.Cat(t.Context(), &out, spec, CatOptions{}); err != nil || !bytes.Equal(out.Bytes(), data) {
					t.Errorf("after GC, version %d is not as it was committed: %v", i+1, err)
				}
			}
			sound(t, r)
		})
	}
}

// TestTakenBackChangeIsSmall rewrites a column, takes that back and changes one
// cell: the last commit costs next to nothing, for the column is held as it was.
func TestTakenBackChangeIsSmall(t *testing.T) {
	r := dataset(t, person(t))
	table := func(suffix, last string) string {
		var b bytes.Buffer
		b.WriteString("id,place,note\n")
		for i := range 20_000 {
			note := fmt.Sprintf("%x%s", uint32(i)*2654435761, suffix)
			if i == 10_000 {
				note += last
			}
			fmt.Fprintf(&b, "%d,S%d,%s\n", i, i%7, note)
		}
		return b.String()
	}
	grown := func(content, message string) int64 {
		before := size(t, r.path(packsDir))
		put(t, r, "t.csv", content)
		commit(t, r, message)
		return size(t, r.path(packsDir)) - before
	}
	put(t, r, "t.csv", table("", ""))
	commit(t, r, "first")
	grown(table("!", ""), "every note ends with a mark")
	if n := grown(table("", "x"), "no longer, but for one"); n > 4000 {
		t.Errorf("a change taken back costs %d bytes", n)
	}
}
