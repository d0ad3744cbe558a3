package object_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/constl/constl/object"
)

func FuzzParseID(f *testing.F) {
	id := object.Sum([]byte("moths")).String()
	for _, s := range []string{id, strings.ToUpper(id), id[:63], "", strings.Repeat("0", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := object.ParseID(s)
		if err != nil {
			if !errors.Is(err, object.ErrInvalidID) || !id.IsZero() {
				t.Fatalf("%q: %s, %v", s, id, err)
			}
			return
		}
		if id.String() != s {
			t.Fatalf("%q is written as %q", s, id)
		}
	})
}
