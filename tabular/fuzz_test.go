package tabular

import (
	"bytes"
	"errors"
	"testing"

	"github.com/constl/constl/object"
)

// seedObjects returns every object of some tables, of one kind.
func seedObjects(f *testing.F, kind object.Kind) []object.Object {
	f.Helper()
	store := &recording{ReadWriter: newStore()}
	g := observations(3000, 1)
	g.exceptions = []Exception{{Row: 3, Col: WholeRow, Code: 2}, {Row: 3, Col: 1, Code: 1, Text: []byte("x")}}
	g.build(f, store, 1000, nil)
	(&grid{names: []string{"a"}, rows: [][]string{{"1"}, {""}}}).build(f, store, 2, nil)
	(&grid{names: []string{"a", "b"}}).build(f, store, 2, nil)
	observations(20_000, 1).build(f, store, 1000, nil)
	var list []object.Object
	for _, o := range store.objects {
		if o.Kind() == kind {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		f.Fatalf("no %s to begin with", kind)
	}
	return list
}

func fuzzDecoder(f *testing.F, kind object.Kind, recode func(object.Object) (object.Object, error)) {
	for _, o := range seedObjects(f, kind) {
		if again, err := recode(o); err != nil || !bytes.Equal(again, o) {
			f.Fatalf("a %s does not decode and encode to itself: %v", kind, err)
		}
		f.Add([]byte(o.Payload()))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		o := object.New(kind, payload)
		again, err := recode(o)
		if err != nil {
			if !errors.Is(err, object.ErrCorrupt) {
				t.Fatalf("%v does not wrap ErrCorrupt", err)
			}
			return
		}
		if !bytes.Equal(again, o) {
			t.Fatalf("decoded, but encodes to %x", []byte(again))
		}
	})
}

func FuzzDecodeSchema(f *testing.F) {
	fuzzDecoder(f, object.KindSchema, func(o object.Object) (object.Object, error) {
		s, err := DecodeSchema(o)
		if err != nil {
			return nil, err
		}
		return s.Object()
	})
}

func FuzzDecodeTable(f *testing.F) {
	fuzzDecoder(f, object.KindTable, func(o object.Object) (object.Object, error) {
		b, err := decodeTable(o)
		if err != nil {
			return nil, err
		}
		return encodeTable(b), nil
	})
}

func FuzzDecodeNode(f *testing.F) {
	fuzzDecoder(f, object.KindNode, func(o object.Object) (object.Object, error) {
		height, children, err := decodeNode(o)
		if err != nil {
			return nil, err
		}
		return encodeNode(height, children), nil
	})
}

func FuzzDecodeGroup(f *testing.F) {
	fuzzDecoder(f, object.KindGroup, func(o object.Object) (object.Object, error) {
		rows, segments, err := decodeGroup(o)
		if err != nil {
			return nil, err
		}
		return encodeGroup(rows, segments), nil
	})
}

func FuzzDecodeExceptions(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 3, 2, 'a', 'b'})
	f.Fuzz(func(t *testing.T, cell []byte) {
		list, err := decodeExceptions(nil, cell, 5, 300)
		if err != nil {
			return
		}
		var x exceptionCells
		if err := x.set(list, 6, 300); err != nil {
			t.Fatal(err)
		}
		if len(cell) > 0 && !bytes.Equal(x.cells.Data, cell) {
			t.Fatalf("decoded, but encodes to %x", x.cells.Data)
		}
	})
}
