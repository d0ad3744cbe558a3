package entry

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/constl/constl/object"
)

// MaxDelta is the largest object, in bytes, that is stored as a delta or serves
// as a base: beyond it the search costs more than it saves.
const MaxDelta = 4 << 20

// Effort says how long a [Codec] searches for smaller entries.
type Effort byte

// The efforts, with what encoding takes on one core: whole objects, and the delta
// of a small one. The thorough search for deltas needs 70 MB, so a Codec does one
// at a time.
const (
	Quick    Effort = iota // some 300 MB/s; 0.02 ms
	Good                   // some 150 MB/s; 0.1 ms
	Thorough               // some 60 MB/s; 5 ms
)

// Codec turns objects into entries and back. The zero Codec is ready to use. It
// keeps encoders and decoders for reuse, so one Codec should serve a whole store
// or session. It is safe for use by several goroutines at once and must not be
// copied.
type Codec struct {
	// Effort is set before the first use.
	Effort Effort

	encoders [classes]sync.Pool // of *zstd.Encoder, by window
	deltas   [classes]sync.Pool // of *zstd.Encoder with a dictionary, by window
	decoders sync.Pool          // of *zstd.Decoder
	buffers  sync.Pool          // of *[]byte

	searching sync.Mutex
	searcher  *zstd.Encoder // for thorough deltas
}

// Windows double from 64 KiB; the last covers any object or MaxDelta twice.
const (
	minWindow = 16
	classes   = 9
	// searchClass is the window of the thorough search for deltas.
	searchClass = 4
)

func classOf(size int) int {
	return min(max(bits.Len(uint(size-1))-minWindow, 0), classes-1)
}

// level chooses the search. The fastest one knows too few positions of a large
// dictionary to find its way back to it after a change.
func (c *Codec) level(class int, delta bool) zstd.EncoderLevel {
	switch {
	case c.Effort == Thorough && delta && class <= searchClass:
		return zstd.SpeedBestCompression
	case c.Effort == Thorough, delta && class > 4:
		return zstd.SpeedBetterCompression
	case c.Effort == Good, delta && class > 1:
		return zstd.SpeedDefault
	}
	return zstd.SpeedFastest
}

func (c *Codec) encoder(class int, dict []byte) *zstd.Encoder {
	opts := []zstd.EOption{
		zstd.WithEncoderLevel(c.level(class, dict != nil)),
		zstd.WithWindowSize(1 << (minWindow + class)),
		zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false),
		zstd.WithSingleSegment(true),
		zstd.WithAllLitEntropyCompression(true),
	}
	if dict != nil {
		opts = append(opts, zstd.WithEncoderDictRaw(0, dict))
	}
	e, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		// Only options outside their documented ranges fail, and these are constants.
		panic("object/entry: " + err.Error())
	}
	return e
}

// Encode returns the object in the smaller of its raw and its compressed form.
// A raw entry shares the object's bytes.
func (c *Codec) Encode(o object.Object) Entry {
	raw := Entry{Encoding: Raw, Length: len(o), Data: o}
	if len(o) < 24 {
		return raw
	}
	class := classOf(len(o))
	enc, ok := c.encoders[class].Get().(*zstd.Encoder)
	if !ok {
		enc = c.encoder(class, nil)
	}
	defer c.encoders[class].Put(enc)
	return c.compress(enc, Entry{Encoding: Zstd, Length: len(o)}, o, raw)
}

// EncodeDelta returns the object as a delta against the base, or raw if the data
// is not smaller; the base's id is left out of account, for packs mostly need a byte
// or two for it. It does not try the plain compressed form. Objects over
// [MaxDelta] come back raw.
func (c *Codec) EncodeDelta(o object.Object, baseID object.ID, base object.Object) Entry {
	raw := Entry{Encoding: Raw, Length: len(o), Data: o}
	if len(o) > MaxDelta || len(base) > MaxDelta || len(base) < 16 || len(o) < 16 {
		return raw
	}
	e := Entry{Encoding: Delta, Length: len(o), Base: baseID}
	class := classOf(len(o) + len(base))
	if c.Effort == Thorough && class <= searchClass {
		c.searching.Lock()
		defer c.searching.Unlock()
		c.searcher = c.withBase(c.searcher, searchClass, base)
		return c.compress(c.searcher, e, o, raw)
	}
	enc, _ := c.deltas[class].Get().(*zstd.Encoder)
	enc = c.withBase(enc, class, base)
	defer c.deltas[class].Put(enc)
	return c.compress(enc, e, o, raw)
}

// withBase returns the encoder, or a new one if it is nil, with the base as its
// dictionary.
func (c *Codec) withBase(enc *zstd.Encoder, class int, base object.Object) *zstd.Encoder {
	if enc == nil {
		return c.encoder(class, base)
	}
	if err := enc.ResetWithOptions(nil, zstd.WithEncoderDictRaw(0, base)); err != nil {
		panic("object/entry: " + err.Error()) // as in encoder
	}
	return enc
}

func (c *Codec) compress(enc *zstd.Encoder, e Entry, o object.Object, raw Entry) Entry {
	buf := c.buffer(len(o) + len(o)/128 + 64)
	defer c.buffers.Put(buf)
	frame := enc.EncodeAll(o, (*buf)[:0])
	*buf = frame
	data := frame[headerLen(len(o)):]
	if len(data)+uvarintLen(len(o)) >= len(o) {
		return raw
	}
	e.Data = append(make([]byte, 0, len(data)), data...)
	return e
}

func (c *Codec) buffer(n int) *[]byte {
	b, ok := c.buffers.Get().(*[]byte)
	if !ok {
		b = new([]byte)
	}
	if cap(*b) < n {
		*b = make([]byte, 0, n)
	}
	return b
}

// Decode returns the object that the entry holds. For a Delta, base is the
// object that e.Base names; else it is ignored. A Raw entry's object shares the
// entry's Data. It allocates the declared length and no more, fails with an
// error that wraps [object.ErrCorrupt], and does not compute the object's id.
func (c *Codec) Decode(e Entry, base object.Object) (object.Object, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	switch {
	case e.Encoding == Raw:
		return object.Object(e.Data), nil
	case e.Encoding == Delta && (len(base) == 0 || len(base) > MaxDelta):
		return nil, fmt.Errorf("%w: a delta against an object of %d bytes", object.ErrCorrupt, len(base))
	}
	dec, err := c.decoder(e, base)
	if err != nil {
		return nil, err
	}
	defer c.decoders.Put(dec)
	buf := c.buffer(9 + len(e.Data))
	defer c.buffers.Put(buf)
	*buf = append(appendHeader((*buf)[:0], e.Length), e.Data...)
	// The spare bytes let the decoder copy in whole words up to the end.
	out, err := dec.DecodeAll(*buf, make([]byte, 0, e.Length+32))
	if err != nil {
		return nil, fmt.Errorf("%w: decompressing: %w", object.ErrCorrupt, err)
	}
	if len(out) != e.Length {
		return nil, fmt.Errorf("%w: an entry declares %d bytes and decompresses to %d", object.ErrCorrupt, e.Length, len(out))
	}
	if e.Encoding == Delta && out[0] != base[0] {
		return nil, fmt.Errorf("%w: a delta against an object of another kind", object.ErrCorrupt)
	}
	return out, nil
}

func (c *Codec) decoder(e Entry, base object.Object) (*zstd.Decoder, error) {
	dec, ok := c.decoders.Get().(*zstd.Decoder)
	if !ok {
		var err error
		dec, err = zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxLength),
			zstd.WithDecoderMaxWindow(32<<20))
		if err != nil {
			return nil, fmt.Errorf("object/entry: starting a zstd decoder: %w", err)
		}
	}
	opts := []zstd.DOption{zstd.WithDecoderDictDelete()}
	if e.Encoding == Delta {
		opts = append(opts, zstd.WithDecoderDictRaw(0, base))
	}
	if err := dec.ResetWithOptions(nil, opts...); err != nil {
		return nil, fmt.Errorf("object/entry: resetting a zstd decoder: %w", err)
	}
	return dec, nil
}
