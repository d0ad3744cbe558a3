package attacks

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// The frames of transport/PROTOCOL.md §2.
const (
	frameSync      = 0x01
	framePush      = 0x02
	frameBundle    = 0x03
	framePair      = 0x04
	frameIdentity  = 0x10
	frameStatement = 0x11
	frameProof     = 0x12
	frameObject    = 0x13
	frameWant      = 0x14
	frameResult    = 0x15
	frameNonce     = 0x16
	frameEnd       = 0x1e
	frameError     = 0x1f
	frameDraft     = 0x80
)

const flagNoObjects = 1

// frame is one frame as an attacker writes it.
type frame struct {
	kind byte
	body []byte
}

func (f frame) bytes() []byte {
	return append(binary.AppendUvarint([]byte{f.kind}, uint64(len(f.body))), f.body...)
}

// offer is what an attacker offers, encoded, and the objects that it gives for what is
// then wanted.
type offer struct {
	identities, statements, proofs, drafts [][]byte
	objects                                []given
	raw                                    []byte // in the place of frames
	impostor                               bool   // whoever serves it is not the peer of the address
	// honest are objects that are given besides to whoever wants them.
	honest map[object.ID]object.Object
}

// given is an object under the id that the attacker gives it.
type given struct {
	id object.ID
	o  object.Object
}

func (o *offer) frames(counted bool) []frame {
	var list []frame
	add := func(kind byte, bodies [][]byte) {
		for _, b := range bodies {
			list = append(list, frame{kind, b})
		}
	}
	if counted { // of a push: drafts stand before the last of what is counted
		add(frameDraft, o.drafts)
	}
	add(frameIdentity, o.identities)
	add(frameStatement, o.statements)
	if !counted {
		add(frameProof, o.proofs)
		add(frameDraft, o.drafts)
	}
	return list
}

// wire writes and reads frames. It goes on after an error, as who attacks would.
type wire struct {
	r *bufio.Reader
	w io.Writer
}

func newWire(stream io.ReadWriter) *wire { return &wire{bufio.NewReader(stream), stream} }

func (w *wire) send(frames ...frame) {
	for _, f := range frames {
		_, _ = w.w.Write(f.bytes()) // the victim may have hung up, and rightly so
	}
}

func (w *wire) next() (frame, error) {
	kind, err := w.r.ReadByte()
	if err != nil {
		return frame{}, err
	}
	n, err := binary.ReadUvarint(w.r)
	if err != nil || n > 1<<24 {
		return frame{}, errors.Join(err, fmt.Errorf("a frame of %d bytes", n))
	}
	body := make([]byte, n)
	_, err = io.ReadFull(w.r, body)
	return frame{kind, body}, err
}

// end is the end of an offer or of a run of objects (§4.5).
func end(objects int) frame {
	return frame{frameEnd, binary.AppendUvarint([]byte{0}, uint64(objects))}.with(0, 0)
}

func (f frame) with(more ...byte) frame { return frame{f.kind, append(f.body, more...)} }

// run is what the attacker gives of its own, whether or not it is wanted (§4.2).
func (o *offer) run() []frame {
	var frames []frame
	for _, g := range o.objects {
		frames = append(frames, g.frame())
	}
	return append(frames, end(len(o.objects)))
}

func (g given) frame() frame {
	e := entry.Entry{Encoding: entry.Raw, Length: len(g.o), Data: g.o}
	return frame{frameObject, e.Append(append([]byte(nil), g.id[:]...))}
}

// wanted is what the attacker gives to a want (§3.2): where it has honest objects, these and
// its own as far as they are reached; else its own, once more.
func (o *offer) wanted(want frame) []frame {
	if o.honest == nil {
		return o.run()
	}
	d := object.NewBodyDecoder(want.body)
	d.Uvarint()
	var queue []object.ID
	for range d.Count(object.IDSize) {
		queue = append(queue, d.ID())
	}
	var frames []frame
	sent := make(map[object.ID]bool)
	for ; len(queue) > 0; queue = queue[1:] {
		id := queue[0]
		found, ok := o.honest[id]
		for _, g := range o.objects {
			if g.id == id {
				found, ok = g.o, true
			}
		}
		if !ok || sent[id] {
			continue
		}
		sent[id] = true
		frames = append(frames, given{id, found}.frame())
		if links, err := object.Links(found); err == nil {
			queue = append(queue, links...)
		}
	}
	return append(frames, end(len(frames)))
}

// answer gives what is offered to a request for it (§3.1), and its objects as often as
// they are wanted.
func (o *offer) answer(stream io.ReadWriter) {
	w := newWire(stream)
	request, err := w.next()
	if err != nil {
		return
	}
	if o.raw != nil {
		_, _ = w.w.Write(o.raw)
	}
	w.send(append(o.frames(false), end(0))...)
	if d := object.NewBodyDecoder(request.body); d.Uvarint() == 1 && d.Uvarint()&flagNoObjects == 0 {
		w.send(o.run()...)
	}
	for {
		f, err := w.next()
		if err != nil || f.kind != frameWant {
			return
		}
		w.send(o.wanted(f)...)
	}
}

// push offers to a server (§3.3) and gives what it wants. It returns what the server
// says in the end: a result or an error.
func (o *offer) push(stream io.ReadWriter, dataset object.ID) (frame, error) {
	w := newWire(stream)
	var e object.Encoder
	e.Uvarint(1)
	e.Uvarint(0)
	e.ID(dataset)
	e.Uvarint(uint64(len(o.identities)))
	e.Uvarint(uint64(max(len(o.statements), min(len(o.raw), 1)))) // something is announced at least
	e.Uvarint(0)
	w.send(frame{framePush, e.Body()})
	if o.raw != nil {
		_, _ = w.w.Write(o.raw)
	}
	w.send(o.frames(true)...)
	for {
		f, err := w.next()
		if err != nil || f.kind != frameWant {
			return f, err
		}
		w.send(o.wanted(f)...)
	}
}

// bundle writes the offer as a file (§9).
func (o *offer) bundle(dataset object.ID, maker refs.PeerID) []byte {
	var e object.Encoder
	e.Uvarint(1)
	e.Uvarint(0)
	e.ID(dataset)
	e.Raw(maker[:])
	for range 3 { // wants, haves, extensions
		e.Uvarint(0)
	}
	data := append([]byte("constl bundle\n"), frame{frameBundle, e.Body()}.bytes()...)
	data = append(data, o.raw...)
	for _, f := range append(append(o.frames(false), end(0)), o.run()...) {
		data = append(data, f.bytes()...)
	}
	return data
}
