package pack

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/constl/constl/object"
)

func TestPrefix(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ids []object.ID
	for pack := range 3 {
		b, err := s.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			id, err := b.Put(t.Context(), object.New(object.KindChunk, fmt.Append(nil, pack, i)), object.ID{})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		if err := b.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(ids, object.ID.Compare)
	for _, prefix := range []string{"", "0", "7f", "f", ids[5].String()[:9], ids[0].String(), "ffffffffff"} {
		var want []object.ID
		for _, id := range ids {
			if len(prefix) <= 64 && id.String()[:len(prefix)] == prefix {
				want = append(want, id)
			}
		}
		if got, err := s.Prefix(prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %d ids, %v; want %d", prefix, len(got), err, len(want))
		}
	}
	for _, wrong := range []string{"xyz", ids[0].String() + "0"} {
		if _, err := s.Prefix(wrong); !errors.Is(err, object.ErrInvalidID) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
