package entry

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/constl/constl/object"
)

func TestRoundTrip(t *testing.T) {
	var c Codec
	rapid.Check(t, func(t *rapid.T) {
		base := object.New(object.KindSegment, rapid.SliceOf(rapid.Byte()).Draw(t, "base"))
		payload := rapid.SliceOfN(rapid.ByteRange(0, 3), 0, 3000).Draw(t, "payload")
		if rapid.Bool().Draw(t, "similar") {
			payload = append(bytes.Clone(base.Payload()), payload...)
		}
		o := object.New(object.KindSegment, payload)
		for _, e := range []Entry{c.Encode(o), c.EncodeDelta(o, base.ID(), base)} {
			wire := e.Append(nil)
			withoutBase := len(wire)
			if e.Encoding == Delta {
				withoutBase -= object.IDSize
			}
			if len(wire) != e.Size() || withoutBase > len(o)+1 {
				t.Fatalf("%s entry of %d bytes, Size says %d, object has %d", e.Encoding, len(wire), e.Size(), len(o))
			}
			back, err := Parse(wire)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Decode(back, base)
			if err != nil || !bytes.Equal(got, o) {
				t.Fatalf("%s: decoded %x, %v; want %x", e.Encoding, got, err, o)
			}
		}
	})
}

func TestOneChangeIsSmall(t *testing.T) {
	var c Codec
	for _, size := range []int{300, 5 << 10, 40 << 10, 200 << 10, 1 << 20} {
		base, o := column(size)
		inserted := append(append(bytes.Clone(base[:size/3]), 1, 2), base[size/3:]...)
		for name, o := range map[string]object.Object{"changed": o, "inserted": inserted} {
			e := c.EncodeDelta(o, base.ID(), base)
			if e.Encoding != Delta || e.Size() > 32+150 {
				t.Errorf("%d bytes, one value %s: a %s of %d bytes", size, name, e.Encoding, e.Size())
			}
			got, err := c.Decode(e, base)
			if err != nil || !bytes.Equal(got, o) {
				t.Errorf("%d bytes, one value %s: comes back otherwise: %v", size, name, err)
			}
		}
	}
}

func TestLargestObject(t *testing.T) {
	var c Codec
	o := object.New(object.KindChunk, make([]byte, object.MaxPayload))
	e := c.Encode(o)
	if e.Encoding != Zstd {
		t.Fatal(e.Encoding)
	}
	got, err := c.Decode(e, nil)
	if err != nil || !bytes.Equal(got, o) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestConcurrentUse(t *testing.T) {
	var c Codec
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			base, o := column(1000 * (i + 1))
			for range 20 {
				for _, e := range []Entry{c.Encode(o), c.EncodeDelta(o, base.ID(), base)} {
					if got, err := c.Decode(e, base); err != nil || !bytes.Equal(got, o) {
						t.Errorf("comes back otherwise: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestRefusals(t *testing.T) {
	var c Codec
	base, o := column(2000)
	zs := c.Encode(object.New(object.KindChunk, bytes.Repeat([]byte("abc"), 100)))
	delta := c.EncodeDelta(o, base.ID(), base)
	noBase := delta
	noBase.Base = object.ID{}
	longer, shorter := zs, zs
	longer.Length++
	shorter.Length--
	huge := zs
	huge.Length = maxLength + 1
	trailing := zs
	trailing.Data = append(bytes.Clone(zs.Data), 0)
	second := zs
	second.Data = append(bytes.Clone(zs.Data), 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0)
	bloated := zs // empty blocks before the others
	bloated.Data = append(bytes.Repeat([]byte{0, 0, 0}, zs.Length/3), zs.Data...)
	long := delta
	long.Length = MaxDelta + 1
	cut := zs
	cut.Data = zs.Data[:len(zs.Data)-1]
	for name, wire := range map[string][]byte{
		"nothing": {}, "no object": {0}, "unknown encoding": {3, 1, 1}, "no data": {1, 5},
		"over-long length": {1, 0x85, 0, 1, 0, 0}, "base cut short": {2, 5, 1, 2, 3},
		"zero base": noBase.Append(nil), "length over the limit": huge.Append(nil),
		"declared too long": longer.Append(nil), "declared too short": shorter.Append(nil),
		"trailing byte": trailing.Append(nil), "second frame": second.Append(nil), "longer than the object": bloated.Append(nil),
		"a delta of a large object": long.Append(nil), "cut": cut.Append(nil),
	} {
		e, err := Parse(wire)
		if err == nil {
			_, err = c.Decode(e, base)
		}
		if !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: %v, want one that wraps ErrCorrupt", name, err)
		}
	}
	other := object.New(object.KindChunk, base.Payload())
	if e := c.EncodeDelta(o, other.ID(), other); e.Encoding == Delta {
		if _, err := c.Decode(e, other); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("a delta against another kind: %v", err)
		}
	} else {
		t.Errorf("a like object is a %s", e.Encoding)
	}
	if _, err := c.Decode(delta, nil); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("a delta without its base: %v", err)
	}
}

// The bytes of an entry are read by other implementations, so what an older
// constl wrote must decode for ever.
func TestVectors(t *testing.T) {
	var c Codec
	sum := object.Sum([]byte("constl")).String()
	base := object.New(object.KindChunk, []byte(sum+" "+sum[32:]+" without a server"))
	for _, v := range []struct{ wire, want string }{
		{"0001616263", "\x01abc"},
		{"01655d0000200161626301540402296e", "\x01" + strings.Repeat("abc", 33) + "a"},
		{"0273949ce5984f710568a9ff16d01cccfa0c3ae5543fc59f5ab01f9ab336340b9b3b550000082c021006da91d89680", "\x01" + sum + "," + sum[32:] + " without a server"},
	} {
		b, err := hex.DecodeString(v.wire)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", v.wire, err)
			continue
		}
		got, err := c.Decode(e, base)
		if err != nil || string(got) != v.want {
			t.Errorf("%s: %q, %v", v.wire, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	var c Codec
	base, o := column(500)
	seeds := []Entry{
		c.Encode(object.New(object.KindChunk, nil)), c.Encode(o), c.EncodeDelta(o, base.ID(), base),
		c.Encode(object.New(object.KindChunk, bytes.Repeat([]byte("abc"), 100))),
	}
	for _, e := range seeds {
		f.Add(e.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Append(nil), b) {
			t.Fatalf("%x re-encodes to %x", b, e.Append(nil))
		}
		if o, err := c.Decode(e, base); err == nil && len(o) != e.Length {
			t.Fatalf("%d bytes declared, %d decoded", e.Length, len(o))
		}
	})
}
