package repo

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

func TestQueryNormalForm(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "columns *",
		"  *":                                  "columns *",
		"columns a,b ORDER  by a DESC , b asc": `columns "a", "b" order by "a" desc, "b"`,
		`"a b" , "c,""d" where  x == 'two  spaces'   && y>1`: `columns "a b", "c,""d" where x == 'two  spaces' && y>1`,
		`* where s == "order by z" order by s`:               `columns * where s == "order by z" order by "s"`,
		`"where" where row["order by"] > 1`:                  `columns "where" where row["order by"] > 1`,
		`where 'it\'s where' == a`:                           `columns * where 'it\'s where' == a`,
	} {
		q, err := parseQuery(text)
		if err != nil || q.String() != want {
			t.Errorf("%q: %v, %v, expected %s", text, q, err, want)
		}
	}
	for _, text := range []string{"a where", "a order by", "where"} {
		if _, err := parseQuery(text); !errors.Is(err, ErrQuery) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add(`columns a, "b c" where x == 'y' && "z" != w order by a desc, b`)
	f.Add(`"a""b", * where where order by by order by desc desc`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseQuery(text)
		if err != nil {
			return
		}
		again, err := parseQuery(q.String())
		if strings.Count(text, `"`)+strings.Count(text, "'")+strings.Count(text, `\`) > 0 || err == nil && again.String() == q.String() {
			return // within quotes that nobody closed, all is one
		}
		t.Fatalf("%q became %q and then %v, %v", text, q, again, err)
	})
}

func TestQueryResults(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", "id,n,x,day,ok,name\n1,3,0.5,2024-01-05,true,b\n2,10,NA,2024-02-01,false,a\n3,NA,-1.25,2024-01-01,true,é\n4,7,2e3,NA,false,a\n")
	commit(t, r, "first")
	for query, want := range map[string]string{
		"":                                   "id,n,x,day,ok,name\n1,3,0.5,2024-01-05,true,b\n2,10,NA,2024-02-01,false,a\n3,NA,-1.25,2024-01-01,true,é\n4,7,2e3,NA,false,a\n",
		"id order by n":                      "id\n1\n4\n2\n3\n",
		"id order by n desc":                 "id\n2\n4\n1\n3\n",
		"id where x < 1.0":                   "id\n1\n3\n",
		"id, name where ok order by name":    "id,name\n1,b\n3,é\n",
		"id where day >= date('2024-01-05')": "id\n1\n2\n",
		"id where name == 'a' order by x":    "id\n4\n2\n",
		"id where n > 100":                   "id\n",
	} {
		part, err := r.CiteQuery(t.Context(), "", "t.csv", query)
		if err != nil {
			t.Errorf("%q: %v", query, err)
			continue
		}
		if query == "" {
			if part.ID != "" || part.Rows != 4 {
				t.Errorf("the whole table: %+v", part)
			}
			continue
		}
		var b bytes.Buffer
		if err := r.CatQuery(t.Context(), &b, part.ID); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
		again, err := r.VerifyQuery(t.Context(), part.ID, object.ID{})
		if diff := cmp.Diff(part, again); err != nil || diff != "" {
			t.Errorf("%q again: %v %s", query, err, diff)
		}
		if part.Rows != int64(strings.Count(want, "\n")-1) {
			t.Errorf("%q has %d rows", query, part.Rows)
		}
	}
	sound(t, r)
}

// TestQueryThatWasChanged forges stored queries as somebody with a key could.
func TestQueryThatWasChanged(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", "id,n\n1,3\n2,10\n")
	id := commit(t, r, "first")
	part, err := r.CiteQuery(t.Context(), "", "t.csv", "id where n > 5")
	if err != nil {
		t.Fatal(err)
	}
	q, _, err := r.loadQuery(t.Context(), part.ID)
	if err != nil {
		t.Fatal(err)
	}
	q.Rows++
	lie := q.id(id)
	if _, err := r.CreateTag(t.Context(), QueryTags+lie, "", q.text()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.VerifyQuery(t.Context(), lie, id); !errors.Is(err, ErrMismatch) {
		t.Errorf("a wrong number of rows: %v", err)
	}
	other := strings.Repeat("0", 32)
	if _, err := r.CreateTag(t.Context(), QueryTags+other, "", q.text()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.VerifyQuery(t.Context(), other, id); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("a text of another id: %v", err)
	}
	if _, err := r.VerifyQuery(t.Context(), part.ID, object.Sum([]byte("x"))); !errors.Is(err, ErrMismatch) {
		t.Errorf("another version: %v", err)
	}
	if _, err := r.VerifyQuery(t.Context(), strings.Repeat("1", 32), id); !errors.Is(err, ErrUnknownRevision) {
		t.Errorf("none: %v", err)
	}
	if _, err := refs.Tag(QueryTags + part.ID); err != nil {
		t.Error(err)
	}
}
