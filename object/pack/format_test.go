package pack

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/objecttest"
)

// vectorObjects are what the packs in testdata hold: one raw, one compressed, one a
// delta against an object in the same pack, and one against an object in the other,
// in a record behind one that it replaces.
func vectorObjects() []object.Object {
	sum := object.Sum([]byte("constl")).String()
	base := object.New(object.KindSegment, []byte(sum+" "+sum+" "+sum[32:]+" without a server"))
	near, far := bytes.Clone(base), bytes.Clone(base)
	near[70], far[90] = 'x', 'y'
	return []object.Object{object.New(object.KindChunk, []byte("raw")), base, near, far}
}

// The packs were written once and must be read for ever.
func TestVector(t *testing.T) {
	const from = "../testdata/vectors/pack"
	names, _ := folder(t, from)
	if len(names) != 2 {
		t.Fatalf("%s holds %v, want two packs", from, names)
	}
	forms := make(map[byte]int)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		end, err := decodeFooter(data[len(data)-footerSize:], int64(len(data)))
		if err != nil || packName(data[end.start:]) != name {
			t.Errorf("the pack's name is %s, its index makes %s, %v", name, packName(data[end.start:]), err)
		}
		x, _, err := decodeIndex(data[end.start:len(data)-footerSize], end)
		if err != nil {
			t.Fatal(err)
		}
		for _, number := range x.live() {
			forms[data[x.starts[number]]&3]++
		}
	}
	if want := map[byte]int{formRaw: 1, formZstd: 1, formFar: 1, formNear: 1}; !maps.Equal(forms, want) {
		t.Errorf("the records have the forms %v, want %v", forms, want)
	}
	s := open(t, from, &Options{ReadOnly: true})
	base := vectorObjects()[1].ID()
	for i, o := range vectorObjects() {
		objecttest.Want(t, s, o)
		e, err := s.GetEntry(t.Context(), o.ID())
		if want := []entry.Encoding{entry.Raw, entry.Zstd, entry.Delta, entry.Delta}[i]; err != nil || e.Encoding != want {
			t.Errorf("object %d is a %s, %v; want a %s", i, e.Encoding, err, want)
		}
		if e.Encoding == entry.Delta && e.Base != base {
			t.Errorf("object %d is a delta against %s, want %s", i, e.Base.Short(), base.Short())
		}
	}
	wantClean(t, s)
}

// manyRecords returns records of the bytes 0 to n−1, of growing length. Every third
// is there twice, so that the first does not count.
func manyRecords(n int) *records {
	r := newRecords()
	for i := range n {
		id := object.Sum([]byte{byte(i)})
		if i%3 == 2 {
			r.add(id, 7, maxDepth)
		}
		r.add(id, minRecord+i*i, uint8(i%maxDepth))
	}
	return &r
}

// FuzzIndex changes index and footer of a pack. What is accepted encodes to the
// same bytes, and every look-up ends.
func FuzzIndex(f *testing.F) {
	for _, n := range []int{0, 1, 5, 200} {
		r := manyRecords(n)
		f.Add(r.end(), encodeIndex(r, nil, [8]byte{1}))
		f.Add(r.end(), encodeIndex(r, []string{packName([]byte("a")), packName(nil)}, [8]byte{2}))
	}
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
		x, replaced, err := decodeIndex(b[:end.size], end)
		if err != nil {
			return
		}
		again := newRecords()
		for number, depth := range x.depths {
			again.add(x.id(number), x.loc(number).length, depth)
		}
		clear(again.live)
		for _, number := range x.live() {
			loc, ok := x.find(x.id(number))
			if !ok || loc != x.loc(number) {
				t.Fatalf("record %d is not found", number)
			}
			again.live[x.id(number)] = number
		}
		if got := encodeIndex(&again, replaced, [8]byte(foot[20:28])); !bytes.Equal(got, b) {
			t.Fatalf("%x re-encodes to %x", b, got)
		}
	})
}

// FuzzRecord takes records apart. What is accepted encodes to the same bytes.
func FuzzRecord(f *testing.F) {
	base := object.Sum(nil)
	for _, e := range []entry.Entry{
		{Encoding: entry.Raw, Length: 3, Data: []byte("raw")},
		{Encoding: entry.Zstd, Length: 300, Data: []byte{1, 0, 0}},
		{Encoding: entry.Delta, Length: 300, Base: base, Data: []byte{1, 0, 0}},
	} {
		for _, back := range []int{0, 1, 200} {
			f.Add(appendRecord(nil, e, back), 200)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, number int) {
		if number < 0 {
			return
		}
		back := 0
		e, err := parseRecord(b, number, func(of int) object.ID {
			if of < 0 || of >= number {
				t.Fatalf("record %d asks for %d", number, of)
			}
			back = number - of
			return base
		})
		if err != nil || e.Check() != nil {
			return
		}
		if got := appendRecord(nil, e, back); !bytes.Equal(got, b) {
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
	r := newRecords()
	for i := len(ids) - 2; i >= 0; i -= 2 {
		r.add(ids[i], 100+i, 1)
	}
	b := encodeIndex(&r, nil, [8]byte{})
	end, err := decodeFooter(b[len(b)-footerSize:], r.end()+int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := decodeIndex(b[:end.size], end)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		loc, ok := x.find(id)
		if ok != (i%2 == 0) || ok && (loc.length != 100+i || x.id(loc.number) != id) {
			t.Errorf("id %d is found: %v, %+v", i, ok, loc)
		}
	}
}
