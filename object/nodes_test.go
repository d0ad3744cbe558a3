package object

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
)

// sink keeps objects without a look at them.
type sink map[ID]Object

func (s sink) Put(_ context.Context, o Object, _ ...ID) (ID, error) {
	id := o.ID()
	s[id] = o
	return id, nil
}

func (s sink) Get(_ context.Context, id ID) (Object, error) {
	o, ok := s[id]
	if !ok {
		return nil, NotFound(id)
	}
	return o, nil
}

func (s sink) Has(_ context.Context, id ID) (bool, error) { return s[id] != nil, nil }

// numberedChunks returns a blob of n chunks of four bytes, in a store.
func numberedChunks(t *testing.T, n int) (sink, ID) {
	t.Helper()
	s := make(sink)
	tree := blobTree{ctx: t.Context(), w: s}
	for i := range n {
		id, err := s.Put(t.Context(), New(KindChunk, binary.BigEndian.AppendUint32(nil, uint32(i))), ID{})
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.add(0, blobChild{id, 4}); err != nil {
			t.Fatal(err)
		}
	}
	id, _, err := tree.finish()
	if err != nil {
		t.Fatal(err)
	}
	return s, id
}

func TestBlobsOfManyChunks(t *testing.T) {
	for _, n := range []int{2, 1000, 5000, 60_000} {
		s, id := numberedChunks(t, n)
		b, err := OpenBlob(t.Context(), s, id)
		if err != nil || b.Size() != int64(4*n) {
			t.Fatalf("%d chunks: %d bytes, %v", n, b.Size(), err)
		}
		var out bytes.Buffer
		if _, err := b.WriteTo(&out); err != nil || out.Len() != 4*n {
			t.Fatalf("%d chunks: %d bytes, %v", n, out.Len(), err)
		}
		for i := range n {
			if got := binary.BigEndian.Uint32(out.Bytes()[4*i:]); got != uint32(i) {
				t.Fatalf("%d chunks: chunk %d is %d", n, i, got)
			}
		}
		for i := 0; i < n; i += 1 + n/20 {
			var four [4]byte
			if _, err := b.Seek(int64(4*i), 0); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Read(four[:]); err != nil || binary.BigEndian.Uint32(four[:]) != uint32(i) {
				t.Errorf("%d chunks: at chunk %d stands % x, %v", n, i, four, err)
			}
		}
		if n == 60_000 && (b.root.height != 1 || len(b.root.children) < 20) {
			t.Errorf("%d chunks: a root of height %d with %d children", n, b.root.height, len(b.root.children))
		}
	}
}

func FuzzBlobNode(f *testing.F) {
	id := Sum(nil)
	f.Add([]byte(encodeBlobNode(0, []blobChild{{id, 3}, {id, 70000}})))
	f.Add([]byte(encodeBlobNode(2, []blobChild{{id, 1 << 40}})))
	f.Add([]byte(New(KindBlob, nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeBlobNode(b)
		if err == nil && !bytes.Equal(encodeBlobNode(n.height, n.children), b) {
			t.Fatalf("%x re-encodes to %x", b, encodeBlobNode(n.height, n.children))
		}
	})
}

func FuzzTreeNode(f *testing.F) {
	id := Sum(nil)
	f.Add([]byte(encodeTreeLeaf(nil)))
	f.Add([]byte(encodeTreeLeaf([]TreeEntry{
		{Name: "a", Type: TypeFile, Executable: true, ID: id, Size: 300, Sum: id},
		{Name: "b", Type: TypeDir, ID: id}, {Name: "c", Type: TypeSymlink, ID: id, Size: 3},
		{Name: "d", Type: TypeTable, ID: id, Sum: id},
	})))
	f.Add([]byte(encodeTreeInner(1, []treeChild{{"a", 2, id}, {"b", 300, id}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeTreeNode(b)
		if err != nil {
			return
		}
		again := encodeTreeLeaf(n.entries)
		if n.height > 0 {
			again = encodeTreeInner(n.height, n.children)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, []byte(again))
		}
		for i := range n.entries {
			if err := checkEntry(&n.entries[i]); err != nil {
				t.Fatalf("decoded %+v, which cannot be stored: %v", n.entries[i], err)
			}
		}
	})
}

func FuzzObjectLinks(f *testing.F) {
	f.Add([]byte(encodeTreeLeaf(nil)))
	f.Add([]byte(New(KindChunk, []byte("x"))))
	f.Add([]byte{byte(KindTree), 0x80, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		o := Object(b)
		if o.Check() != nil {
			return
		}
		links, err := Links(o)
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind().Leaf() != (links == nil) {
			t.Fatalf("a %s with %d links", o.Kind(), len(links))
		}
	})
}
