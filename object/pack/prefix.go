package pack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"

	"github.com/constl/constl/object"
)

// Prefix returns the ids of the objects here that begin with the given
// lower-case hexadecimal digits, sorted, each once. Anything else than such
// digits fails with an error that wraps [object.ErrInvalidID].
func (s *Store) Prefix(digits string) ([]object.ID, error) {
	low, high, err := prefixRange(digits)
	if err != nil {
		return nil, err
	}
	v, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer v.release()
	var found []object.ID
	for _, p := range v.packs {
		from := sort.Search(p.n, func(i int) bool { return p.compare(i, low) >= 0 })
		for i := from; i < p.n && p.compare(i, high) <= 0; i++ {
			found = append(found, p.id(p.at(i)))
		}
	}
	slices.SortFunc(found, object.ID.Compare)
	return slices.Compact(found), nil
}

// prefixRange returns the first and the last id with the prefix.
func prefixRange(digits string) (low, high object.ID, err error) {
	full := func(pad byte) (id object.ID, err error) {
		text := append([]byte(digits), bytes.Repeat([]byte{pad}, max(0, 2*object.IDSize-len(digits)))...)
		if _, err := hex.Decode(id[:], text[:min(len(text), 2*object.IDSize)]); err != nil || len(digits) > 2*object.IDSize {
			return id, fmt.Errorf("%w: %q is no beginning of one", object.ErrInvalidID, digits)
		}
		return id, nil
	}
	if low, err = full('0'); err == nil {
		high, err = full('f')
	}
	return low, high, err
}
