package pack

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/objecttest"
)

// vectorObjects are what the pack in testdata holds: one raw, one compressed, one
// a delta.
func vectorObjects() []object.Object {
	sum := object.Sum([]byte("constl")).String()
	base := object.New(object.KindSegment, []byte(sum+" "+sum+" "+sum[32:]+" without a server"))
	like := bytes.Clone(base)
	like[70] = 'x'
	return []object.Object{object.New(object.KindChunk, []byte("raw")), base, like}
}

// The pack was written once and must be read for ever.
func TestVector(t *testing.T) {
	const from = "../testdata/vectors/pack"
	names, _ := folder(t, from)
	if len(names) != 1 || !isPackName(names[0]) {
		t.Fatalf("%s holds %v, want one pack", from, names)
	}
	data, err := os.ReadFile(filepath.Join(from, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	if end, err := decodeFooter(data[len(data)-footerSize:], int64(len(data))); err != nil || packName(data[end.start:]) != names[0] {
		t.Errorf("the pack's name is %s, its index makes %s, %v", names[0], packName(data[end.start:]), err)
	}
	s := open(t, from, &Options{ReadOnly: true})
	for i, o := range vectorObjects() {
		objecttest.Want(t, s, o)
		e, err := s.GetEntry(t.Context(), o.ID())
		if want := []entry.Encoding{entry.Raw, entry.Zstd, entry.Delta}[i]; err != nil || e.Encoding != want {
			t.Errorf("object %d is a %s, %v; want a %s", i, e.Encoding, err, want)
		}
	}
	wantClean(t, s)
}

// FuzzIndex changes index and footer of a pack. What is accepted encodes to the
// same bytes, and every look-up ends.
func FuzzIndex(f *testing.F) {
	locs := make(map[object.ID]location)
	for i := range 5 {
		locs[object.Sum([]byte{byte(i)})] = location{offset: int64(10 + i), length: 3, depth: uint8(i)}
	}
	start := int64(20)
	f.Add(start, encodeIndex(locs, start, nil, [8]byte{1}))
	f.Add(start, encodeIndex(nil, start, nil, [8]byte{}))
	f.Add(start, encodeIndex(locs, start, []string{packName([]byte("a")), packName(nil)}, [8]byte{2}))
	f.Fuzz(func(t *testing.T, start int64, b []byte) {
		if start < 0 || start > 1<<20 || len(b) < footerSize {
			return
		}
		size := start + int64(len(b))
		if size < int64(len(packMagic)+footerSize) {
			return
		}
		// Checksums are made good, or nearly nothing would come past them.
		b = bytes.Clone(b)
		foot := b[len(b)-footerSize:]
		binary.BigEndian.PutUint32(foot[28:], crc32.Checksum(b[:len(b)-footerSize], castagnoli))
		binary.BigEndian.PutUint32(foot[32:], crc32.Checksum(foot[:32], castagnoli))
		end, err := decodeFooter(foot, size)
		if err != nil || end.start != start {
			return
		}
		x, replaced, err := decodeIndex(b[:end.size()], end)
		if err != nil {
			return
		}
		again := make(map[object.ID]location)
		for i := range x.n {
			loc, ok := x.find(x.id(i))
			if !ok || loc != x.loc(i) {
				t.Fatalf("entry %d is not found", i)
			}
			again[x.id(i)] = loc
		}
		if got := encodeIndex(again, start, replaced, [8]byte(foot[20:28])); !bytes.Equal(got, b) {
			t.Fatalf("%x re-encodes to %x", b, got)
		}
	})
}

func TestFindInUnevenIndex(t *testing.T) {
	// Ids as nobody's hash makes them: all but at the ends.
	var ids []object.ID
	for i := range 300 {
		var id object.ID
		if i >= 150 {
			id = object.ID(bytes.Repeat([]byte{0xff}, object.IDSize))
		}
		id[30], id[31] = byte(i>>8), byte(i)
		ids = append(ids, id)
	}
	slices.SortFunc(ids, object.ID.Compare)
	locs := make(map[object.ID]location)
	for i, id := range ids {
		if i%2 == 0 {
			locs[id] = location{offset: int64(100 + i), length: 1}
		}
	}
	b := encodeIndex(locs, 1000, nil, [8]byte{})
	end, err := decodeFooter(b[len(b)-footerSize:], 1000+int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := decodeIndex(b[:end.size()], end)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		loc, ok := x.find(id)
		if ok != (i%2 == 0) || ok && loc != locs[id] {
			t.Errorf("id %d is found: %v, %+v", i, ok, loc)
		}
	}
}
