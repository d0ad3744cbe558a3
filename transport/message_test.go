package transport

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

func seedSync() *syncMessage {
	var log refs.LogID
	log.Signer[0], log.Copy[0] = 1, 2
	return &syncMessage{
		version: Version, flags: flagFlat | flagGuess, dataset: object.Sum([]byte("d")), identities: 3,
		logs:     []KnownLog{{Log: log, Seq: 300, Statement: object.Sum([]byte("s"))}},
		patterns: []refs.Pattern{"*", "heads/*", "tags/v1"},
		wants:    []object.ID{object.Sum([]byte("w"))}, haves: []object.ID{object.Sum([]byte("h"))},
		budget: 1 << 20, extensions: []extension{{1, []byte("x")}, {3, nil}},
	}
}

func seedKnown() *knownMessage { return &knownMessage{logs: seedSync().logs} }

func seedWant() *wantMessage {
	return &wantMessage{flags: flagWhole, wants: []object.ID{object.Sum([]byte("w"))}, haves: []object.ID{object.Sum([]byte("h"))}, budget: 9}
}

// The bytes on the wire never change within a version.
func TestGolden(t *testing.T) {
	id := object.Sum([]byte("w"))
	for _, test := range []struct {
		name string
		got  []byte
		want string
	}{
		{"sync", seedSync().encode(), "010a" + hexID("d") + "03" + "01" +
			"01" + zeros(31) + "02" + zeros(15) + "ac02" + hexID("s") +
			"03" + "012a" + "0768656164732f2a" + "07746167732f7631" +
			"01" + hexID("w") + "01" + hexID("h") + "808040" + "02" + "010178" + "0300"},
		{"known", seedKnown().encode(), "01" + "01" + zeros(31) + "02" + zeros(15) + "ac02" + hexID("s") + "00"},
		{"want", seedWant().encode(), "04" + "01" + hexID("w") + "01" + hexID("h") + "09" + "00"},
		{"push", (&pushMessage{version: Version, dataset: object.Sum([]byte("d")), identities: 1, statements: 300}).encode(),
			"0100" + hexID("d") + "01" + "ac02" + "00"},
		{"end", (&endMessage{status: endMissing, objects: 7, missing: 1}).encode(), "02070100"},
		{"result", (&resultMessage{statements: 2}).encode(), "0200"},
		{"result with a remark", (&resultMessage{statements: 1, extensions: []extension{{tagRemark, []byte("ok")}}}).encode(), "010101026f6b"},
		{"pair", (&pairMessage{version: Version, dataset: object.Sum([]byte("d")), name: "desk", proof: object.Sum([]byte("p")), commitment: object.Sum([]byte("c"))}).encode(),
			"01" + hexID("d") + "046465736b" + hexID("p") + hexID("c") + "00"},
		{"paired", (&pairedMessage{inForce: true, version: 300}).encode(), "01ac0200"},
		{"bundle", (&bundleMessage{version: Version, dataset: object.Sum([]byte("d")), maker: refs.PeerID{31: 9}, wants: []object.ID{object.Sum([]byte("w"))}}).encode(),
			"0100" + hexID("d") + zeros(31) + "09" + "01" + hexID("w") + "00" + "00"},
		{"error", (&errorMessage{code: 2, text: "no"}).encode(), "02026e6f"},
		{"object", raw(object.New(object.KindChunk, []byte("w"))).Append(append([]byte(nil), id[:]...)), hexID("w") + "000177"},
	} {
		if got := hex.EncodeToString(test.got); got != test.want {
			t.Errorf("%s:\n%s, want\n%s", test.name, got, test.want)
		}
	}
	var b bytes.Buffer
	c := &conn{w: bufio.NewWriter(&b)}
	if err := c.writeFrame(frameObject, make([]byte, 100), make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	c.flush()
	if got := hex.EncodeToString(b.Bytes()[:4]); got != "13c80100" {
		t.Errorf("a frame begins with %s", got)
	}
}

func hexID(s string) string { return object.Sum([]byte(s)).String() }

func zeros(n int) string { return hex.EncodeToString(make([]byte, n)) }

func TestWireCodes(t *testing.T) {
	// The numbers stand in PROTOCOL.md and are never given another meaning.
	for code, want := range map[Code]error{
		1: ErrNotFound, 2: ErrNotAllowed, 3: ErrTooLarge, 4: ErrBusy, 5: ErrBadRequest,
		6: ErrInternal, 7: ErrUnsupported, 8: ErrRefused, 9: ErrIncomplete, 10: ErrStale,
	} {
		if got, _ := codeOf(want); got != code {
			t.Errorf("%v has the code %d, want %d", want, got, code)
		}
		if got := (&RemoteError{Code: code}).Unwrap(); got != want {
			t.Errorf("code %d is %v, want %v", code, got, want)
		}
	}
	if code, text := codeOf(errors.New("/home/ana/secret")); code != codeInternal || text != "" {
		t.Errorf("an inner error is told to the peer: %d %q", code, text)
	}
}

func TestIDSet(t *testing.T) {
	var s idSet
	if s.has(object.ID{}) || s.marked(object.ID{}) {
		t.Error("the empty set holds something")
	}
	id := func(i int) object.ID { return object.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)}) }
	const n = 20000
	for i := range n {
		if !s.add(id(i)) {
			t.Fatalf("%d was there before", i)
		}
		if i%3 == 0 {
			s.mark(id(i))
		}
	}
	for i := range n {
		if s.add(id(i)) || !s.has(id(i)) || s.marked(id(i)) != (i%3 == 0) {
			t.Fatalf("%d: has %t, marked %t", i, s.has(id(i)), s.marked(id(i)))
		}
		if s.has(id(i + n)) {
			t.Fatalf("%d is there", i+n)
		}
	}
	if len(s.slots) > 2*n*4/3 {
		t.Errorf("%d slots for %d ids", len(s.slots), n)
	}
}

func fuzzMessage[M interface{ encode() []byte }](f *testing.F, decode func([]byte) (M, error), seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		if got := m.encode(); !bytes.Equal(got, b) {
			t.Errorf("%x decodes to what is written as %x", b, got)
		}
	})
}

// FuzzSync fuzzes the requests of a sync and of a watch, which have one body.
func FuzzSync(f *testing.F) {
	fuzzMessage(f, decodeSync, seedSync().encode(), (&syncMessage{version: Version}).encode())
}

func FuzzKnown(f *testing.F) {
	fuzzMessage(f, decodeKnown, seedKnown().encode(), (&knownMessage{extensions: []extension{{1, []byte("x")}}}).encode())
}

func FuzzWant(f *testing.F) {
	fuzzMessage(f, decodeWant, seedWant().encode(), (&wantMessage{}).encode())
}

func FuzzPush(f *testing.F) {
	fuzzMessage(f, decodePush, (&pushMessage{version: Version, identities: 2, statements: 3, extensions: []extension{{5, []byte("ab")}}}).encode())
}

func FuzzEnd(f *testing.F) {
	fuzzMessage(f, decodeEnd, (&endMessage{status: endBudget, objects: 1000}).encode(), (&endMessage{}).encode())
}

func FuzzResult(f *testing.F) {
	fuzzMessage(f, decodeResult, (&resultMessage{statements: 1}).encode())
}

func FuzzError(f *testing.F) {
	fuzzMessage(f, decodeError, (&errorMessage{code: 2, text: "only maintainers"}).encode())
}

func FuzzObject(f *testing.F) {
	o := segment(1, 100)
	id := o.ID()
	var codec entry.Codec
	f.Add(raw(o).Append(append([]byte(nil), id[:]...)))
	f.Add(codec.Encode(o).Append(append([]byte(nil), id[:]...)))
	base := append(object.Object(nil), o...)
	base[9]++
	f.Add(codec.EncodeDelta(o, base.ID(), base).Append(append([]byte(nil), id[:]...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, e, err := decodeObject(b)
		if err != nil {
			return
		}
		if got := e.Append(append([]byte(nil), id[:]...)); !bytes.Equal(got, b) {
			t.Errorf("%x decodes to what is written as %x", b, got)
		}
	})
}

// readWatch reads frames as the side of a watch does.
func readWatch(t *testing.T, b []byte) {
	var p atomic.Pointer[pulse]
	p.Store(newPulse(nil))
	r := frameReader{r: bufio.NewReader(bytes.NewReader(b)), pulse: &p}
	for {
		ft, body, err := r.next()
		if err != nil {
			return
		}
		if limit, _ := ft.limit(); ft == frameStill || len(body) > limit {
			t.Errorf("a %s frame of %d bytes", ft, len(body))
		}
	}
}

func FuzzFrames(f *testing.F) {
	frames := func(write func(c *conn)) []byte {
		var b bytes.Buffer
		c := &conn{w: bufio.NewWriter(&b)}
		write(c)
		c.flush()
		return b.Bytes()
	}
	f.Add(frames(func(c *conn) { c.writeFrame(frameSync, seedSync().encode()) }))
	f.Add(frames(func(c *conn) {
		c.writeFrame(frameIgnorable+1, []byte("later"))
		c.writeFrame(frameEnd, (&endMessage{}).encode())
		c.writeFrame(frameError, nil)
	}))
	f.Add([]byte{byte(frameObject), 0xff, 0xff, 0xff, 0x07, 1})
	f.Add(frames(func(c *conn) {
		c.writeFrame(frameWatch, seedSync().encode())
		c.writeFrame(frameKnown, seedKnown().encode())
		for range stillBurst + 1 {
			c.writeFrame(frameStill)
		}
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		readWatch(t, b)
		r := frameReader{r: bufio.NewReader(bytes.NewReader(b))}
		var again bytes.Buffer
		c := &conn{w: bufio.NewWriter(&again)}
		ignored := false
		for {
			ft, body, err := r.next()
			if err != nil {
				ignored = ignored || r.ignored > 0
				if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !ignored {
					c.flush()
					if !bytes.Equal(again.Bytes(), b) {
						t.Errorf("%x was read as %x", b, again.Bytes())
					}
				}
				return
			}
			if limit, _ := ft.limit(); len(body) > limit {
				t.Errorf("a %s frame of %d bytes", ft, len(body))
			}
			c.writeFrame(ft, body)
		}
	})
}
