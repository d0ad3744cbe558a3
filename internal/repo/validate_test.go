package repo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/object"
)

// counting counts the objects that are read.
type counting struct {
	object.Reader
	mu sync.Mutex
	of map[object.Kind]int
}

func (c *counting) Get(ctx context.Context, id object.ID) (object.Object, error) {
	o, err := c.Reader.Get(ctx, id)
	if err == nil {
		c.mu.Lock()
		c.of[o.Kind()]++
		c.mu.Unlock()
	}
	return o, err
}

const ruledPackage = `{"name":"x","resources":[{"name":"t","path":"t.csv","schema":{"fields":[
{"name":"id","type":"integer","constraints":{"required":true,"minimum":0}},
{"name":"site","type":"string","constraints":{"required":true,"pattern":"s[0-9]+"}},
{"name":"n","type":"integer","constraints":{"minimum":0,"maximum":1000}},
{"name":"note","type":"string","constraints":{"required":true,"maxLength":40}}],"primaryKey":["id"],
"constl":{"rules":[{"row":"n >= 0 && site != ''"}]}}}]}
`

func ruledRows(n, changed int) string {
	var b strings.Builder
	b.WriteString("id,site,n,note\n")
	for i := range n {
		v := i * 31 % 97
		if i == changed {
			v++
		}
		fmt.Fprintf(&b, "%d,s%d,%d,as seen %d\n", i, i*7919%500, v, i*104729%10_007)
	}
	return b.String()
}

// With a version to compare with, only what changed is read: of a table of many row
// groups with one changed cell, the columns that matter in that one group, as it is and
// as it was.
func TestValidateReadsOnlyWhatChanged(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "datapackage.json", ruledPackage)
	put(t, r, "t.csv", ruledRows(50_000, -1))
	commit(t, r, "first")
	put(t, r, "t.csv", ruledRows(50_000, 25_000))
	commit(t, r, "second")
	trees := func() (object.ID, object.ID) {
		next, err := r.treeOf(t.Context(), mustResolve(t, r, "HEAD"))
		if err != nil {
			t.Fatal(err)
		}
		old, err := r.treeOf(t.Context(), mustResolve(t, r, "HEAD~1"))
		if err != nil {
			t.Fatal(err)
		}
		return next, old
	}
	next, old := trees()
	read := func(changedOnly bool) (*validate.Report, *counting) {
		c := &counting{Reader: r.store, of: make(map[object.Kind]int)}
		report, err := r.ValidateTrees(t.Context(), c, next, old, changedOnly)
		if err != nil {
			t.Fatal(err)
		}
		return report, c
	}
	report, some := read(true)
	if !report.Valid || report.Tables[0].Checked != 1 {
		t.Errorf("%+v", report)
	}
	_, all := read(false)
	// The changed column now and before, for the comparison; then the rule's two.
	if n := some.of[object.KindSegment]; n > 4 || all.of[object.KindSegment] < 20 {
		t.Errorf("%d segments are read, of the whole table %d", n, all.of[object.KindSegment])
	}
}

func mustResolve(t testing.TB, r *Repo, rev string) object.ID {
	t.Helper()
	id, err := r.Resolve(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// BenchmarkValidate checks a table with 7 constraints, a key and a rule, whole and
// since a version with one other cell, and says how long it takes beside the commit.
func BenchmarkValidate(b *testing.B) {
	r := dataset(b, person(b))
	put(b, r, "datapackage.json", ruledPackage)
	put(b, r, "t.csv", ruledRows(500_000, -1))
	began := time.Now()
	commit(b, r, "first")
	took := time.Since(began)
	put(b, r, "t.csv", ruledRows(500_000, 250_000))
	commit(b, r, "second")
	for _, since := range []string{"", "HEAD~1"} {
		b.Run("since="+since, func(b *testing.B) {
			for b.Loop() {
				report, err := r.Validate(b.Context(), ValidateOptions{Rev: "HEAD", Since: since})
				if err != nil || !report.Valid {
					b.Fatal(report, err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/took.Seconds(), "commits/op")
		})
	}
}
