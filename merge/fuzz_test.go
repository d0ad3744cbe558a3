package merge_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/constl/constl/merge"
)

func FuzzTexts(f *testing.F) {
	f.Add([]byte("a\nb\nc\n"), []byte("a\nX\nc\n"), []byte("a\nb\nc\nd"))
	f.Add([]byte("a\r\nb\r\n"), []byte("a\nb\n"), []byte("b\r\n"))
	f.Add([]byte(""), []byte("\n"), []byte("\r\n"))
	f.Add([]byte("x\nx\nx"), []byte("x\nx"), []byte("x\nx\nx\nx"))
	f.Fuzz(func(t *testing.T, base, ours, theirs []byte) {
		checkDocument(t, base, ours, theirs, func(b, o, t []byte) ([]byte, []merge.Conflict) { return merge.Texts(b, o, t) })
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1,2]}`), []byte(`{"a":2,"b":[1,2,3]}`), []byte(`{"b":[0,1,2],"c":null}`))
	f.Add([]byte(`[{"name":"x"},{"name":"y","t":"\\u0041"}]`), []byte(`[{"name":"y"},{"name":"x"}]`), []byte(`[{"name":"z"}]`))
	f.Add([]byte(`1`), []byte(` "\\""`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, base, ours, theirs []byte) {
		merged, _, ok := merge.JSON(base, ours, theirs)
		if !ok {
			return
		}
		if !json.Valid(merged) {
			t.Fatalf("%q is no JSON", merged)
		}
		checkDocument(t, base, ours, theirs, func(b, o, t []byte) ([]byte, []merge.Conflict) {
			merged, conflicts, _ := merge.JSON(b, o, t)
			return merged, conflicts
		})
	})
}

// checkDocument checks what holds for every merge.
func checkDocument(t *testing.T, base, ours, theirs []byte, f func(base, ours, theirs []byte) ([]byte, []merge.Conflict)) {
	one, conflicts := f(base, ours, theirs)
	other, again := f(base, theirs, ours)
	if len(conflicts) != len(again) || len(conflicts) == 0 && !bytes.Equal(one, other) {
		t.Fatalf("the result depends on who merges: %q %v, %q %v", one, conflicts, other, again)
	}
	for _, x := range [][]byte{ours, theirs} {
		for _, three := range [][3][]byte{{base, x, base}, {base, base, x}, {base, x, x}, {nil, x, x}} {
			if got, conflicts := f(three[0], three[1], three[2]); !bytes.Equal(got, x) || len(conflicts) > 0 {
				t.Fatalf("%q became %q, %v", x, got, conflicts)
			}
		}
	}
}
