package entry

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/constl/constl/object"
)

// column returns a segment of little-endian numbers that compress about as
// measured values do, and the same with one value changed.
func column(size int) (a, b object.Object) {
	r := rand.New(rand.NewPCG(1, uint64(size)))
	buf := make([]byte, 0, size)
	for len(buf) < size {
		buf = binary.LittleEndian.AppendUint16(buf, uint16(r.NormFloat64()*300+2000))
	}
	a = object.New(object.KindSegment, buf)
	b = append(object.Object(nil), a...)
	b[len(b)/2] ^= 0x55
	return a, b
}

func BenchmarkEncode(b *testing.B) {
	for _, size := range []int{200, 5 << 10, 40 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var c Codec
			o, _ := column(size)
			var e Entry
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				e = c.Encode(o)
			}
			b.ReportMetric(float64(e.Size()), "entry-bytes")
		})
	}
}

// BenchmarkEffort shows what each effort takes and gives.
func BenchmarkEffort(b *testing.B) {
	base, o := column(40 << 10)
	for i := range 200 {
		o[i*200+5] ^= byte(i)
	}
	for name, effort := range map[string]Effort{"quick": Quick, "good": Good, "thorough": Thorough} {
		c := Codec{Effort: effort}
		for name, encode := range map[string]func() Entry{
			name + "/whole": func() Entry { return c.Encode(o) },
			name + "/delta": func() Entry { return c.EncodeDelta(o, base.ID(), base) },
		} {
			b.Run(name, func(b *testing.B) {
				var e Entry
				b.SetBytes(int64(len(o)))
				for b.Loop() {
					e = encode()
				}
				b.ReportMetric(float64(e.Size()), "entry-bytes")
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	var c Codec
	o, _ := column(40 << 10)
	e := c.Encode(o)
	b.SetBytes(int64(len(o)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(e, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeDelta(b *testing.B) {
	for _, size := range []int{200, 5 << 10, 40 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var c Codec
			base, o := column(size)
			id := base.ID()
			var e Entry
			b.ReportAllocs()
			for b.Loop() {
				e = c.EncodeDelta(o, id, base)
			}
			b.ReportMetric(float64(e.Size()), "entry-bytes")
		})
	}
}

func BenchmarkDecodeDelta(b *testing.B) {
	for _, size := range []int{200, 5 << 10, 40 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var c Codec
			base, o := column(size)
			e := c.EncodeDelta(o, base.ID(), base)
			if e.Encoding != Delta {
				b.Fatal(e.Encoding)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Decode(e, base); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
