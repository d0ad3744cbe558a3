package transport

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// PairSecret is known to the two devices that pair, and to whoever saw the address
// that one of them showed. It is for one use.
type PairSecret [16]byte

// NewPairSecret returns a random secret.
func NewPairSecret() PairSecret {
	var s PairSecret
	rand.Read(s[:])
	return s
}

// ParsePairSecret reads what [PairSecret.String] writes. Anything else is an error
// that wraps [refs.ErrInvalidURL].
func ParsePairSecret(text string) (PairSecret, error) {
	var s PairSecret
	if n, err := hex.Decode(s[:], []byte(text[:min(len(text), 2*len(s))])); err != nil || n != len(s) || s.String() != text {
		return PairSecret{}, fmt.Errorf("%w: its secret should be %d hexadecimal digits in lower case", refs.ErrInvalidURL, 2*len(s))
	}
	return s, nil
}

// String returns the secret's 32 lower-case hexadecimal digits.
func (s PairSecret) String() string { return hex.EncodeToString(s[:]) }

// Pair says who pairs, in the view of both sides (PROTOCOL.md §10).
type Pair struct {
	Dataset object.ID
	Host    refs.PeerID // the device that the dataset knows
	Guest   refs.PeerID // the device that is to join
	Secret  PairSecret
}

// Paired is the host's answer.
type Paired struct {
	// InForce says that the dataset knows the guest from now on; if not, the change
	// waits for more maintainers' signatures.
	InForce bool
	Version int // of the identity that lists the guest
}

// maxPairName is the most bytes of a device's name.
const maxPairName = 128

type nonce [32]byte

// The hashes of pairing. All fields have fixed lengths.
func (p *Pair) hash(domain string, further ...[]byte) object.ID {
	data := append([]byte(domain), p.Secret[:]...)
	data = append(data, p.Dataset[:]...)
	data = append(append(data, p.Host[:]...), p.Guest[:]...)
	for _, f := range further {
		data = append(data, f...)
	}
	return object.Sum(data)
}

func (p *Pair) proof() object.ID { return p.hash("constl pair proof v1\x00") }

// code returns the six digits that people compare. The guest is bound to its nonce
// before it sees the host's, and the host chooses its own before it sees the
// guest's, so whoever stands in between has one guess.
func (p *Pair) code(host, guest nonce) string {
	sum := p.hash("constl pair code v1\x00", host[:], guest[:])
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum[:8])%1_000_000)
}

func commitTo(n nonce) object.ID {
	return object.Sum(append([]byte("constl pair nonce v1\x00"), n[:]...))
}

// pairMessage is the body of a pair frame.
type pairMessage struct {
	version    uint64
	dataset    object.ID
	name       string
	proof      object.ID
	commitment object.ID
	extensions []extension
}

func (m *pairMessage) encode() []byte {
	var e object.Encoder
	e.Uvarint(m.version)
	e.ID(m.dataset)
	e.Text(m.name)
	e.ID(m.proof)
	e.ID(m.commitment)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

func decodePair(body []byte) (*pairMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &pairMessage{version: d.Uvarint()}
	if d.Err() == nil && m.version != Version {
		return nil, checkFeatures(m.version, 0, 0, nil)
	}
	m.dataset, m.name, m.proof, m.commitment = d.ID(), d.Text(maxPairName), d.ID(), d.ID()
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("pair request: %w", err)
	}
	return m, checkFeatures(m.version, 0, 0, m.extensions)
}

// pairedMessage is the body of a paired frame.
type pairedMessage struct {
	inForce    bool
	version    uint64
	extensions []extension
}

func (m *pairedMessage) encode() []byte {
	var e object.Encoder
	e.Byte(map[bool]byte{true: 1, false: 2}[m.inForce])
	e.Uvarint(m.version)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

func decodePaired(body []byte) (*pairedMessage, error) {
	d := object.NewBodyDecoder(body)
	status := d.Byte()
	if status != 1 && status != 2 {
		d.Fail("unknown status %d", status)
	}
	m := &pairedMessage{inForce: status == 1, version: uint64(d.Size(refs.MaxIdentityVersions))}
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("paired: %w", err)
	}
	return m, checkFeatures(Version, 0, 0, m.extensions)
}

// Join asks the host at the other end of the stream to list this device, the
// guest, which calls itself name. show is told the six digits that the host's
// person compares. It closes the stream, and takes as long as that person does. It
// fails with a [*RemoteError] if the host refuses, or as [Sync] does.
func Join(ctx context.Context, stream io.ReadWriteCloser, p *Pair, name string, show func(code string)) (*Paired, error) {
	c := newConn(stream)
	release := context.AfterFunc(ctx, c.abort)
	paired, err := p.join(ctx, c, name, show)
	release()
	if err != nil {
		c.abandon()
		return nil, fmt.Errorf("joining %s: %w", p.Dataset.Short(), err)
	}
	_ = c.close()
	return paired, nil
}

func (p *Pair) join(ctx context.Context, c *conn, name string, show func(code string)) (*Paired, error) {
	var own nonce
	rand.Read(own[:])
	m := pairMessage{version: Version, dataset: p.Dataset, name: name, proof: p.proof(), commitment: commitTo(own)}
	if err := c.sendNow(framePair, m.encode()); err != nil {
		return nil, c.peerError(ctx, "asking to join", err)
	}
	host, err := c.readNonce(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.sendNow(frameNonce, own[:]); err != nil {
		return nil, c.peerError(ctx, "asking to join", err)
	}
	show(p.code(host, own))
	t, body, err := c.next()
	if err != nil {
		return nil, streamError(ctx, "waiting for the other device", err)
	}
	if t != framePaired {
		return nil, unexpected(t, body)
	}
	answer, err := decodePaired(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return &Paired{InForce: answer.inForce, Version: int(answer.version)}, nil
}

// ServePair answers one guest's request to join, on the stream, which it closes. The
// guest is the peer at the other end, as the connection has proved it. accept is
// told what it calls itself, without control characters, and the six digits; it
// lists the guest, or refuses with an error that wraps [ErrNotAllowed], whose text the
// guest is shown. ServePair fails with accept's error, an error that wraps
// [ErrForged] if the guest does not know the secret, or as a request does.
func ServePair(ctx context.Context, stream io.ReadWriteCloser, p *Pair, accept func(ctx context.Context, name, code string) (*Paired, error)) error {
	c := startConn(stream, &guest{maxRequest: MaxRequest})
	release := c.guard(ctx, defaultStall, defaultMinProgress)
	err := p.serve(ctx, c, accept)
	if err != nil {
		c.fail(err)
	}
	release()
	if cerr := c.close(); err == nil && cerr != nil && !errors.Is(cerr, io.ErrClosedPipe) {
		err = fmt.Errorf("closing the stream: %w", cerr)
	}
	return err
}

func (p *Pair) serve(ctx context.Context, c *conn, accept func(ctx context.Context, name, code string) (*Paired, error)) error {
	t, body, err := c.next()
	if err != nil {
		return streamError(ctx, "waiting for a device to join", err)
	}
	if t != framePair {
		return badRequest(fmt.Errorf("a frame of type %s; devices join here: constl device join", t))
	}
	m, err := decodePair(body)
	if err != nil {
		return badRequest(err)
	}
	want := p.proof()
	if m.dataset != p.Dataset || subtle.ConstantTimeCompare(m.proof[:], want[:]) != 1 {
		return fmt.Errorf("%w: the device does not know the secret of the address", ErrForged)
	}
	var own nonce
	rand.Read(own[:])
	if err := c.sendNow(frameNonce, own[:]); err != nil {
		return streamError(ctx, "answering the device", err)
	}
	guest, err := c.readNonce(ctx)
	if err != nil {
		return err
	}
	if commitTo(guest) != m.commitment {
		return fmt.Errorf("%w: the device changed its mind about its number", ErrForged)
	}
	paired, err := accept(ctx, printable(m.name), p.code(own, guest))
	if err != nil {
		return err
	}
	answer := pairedMessage{inForce: paired.InForce, version: uint64(paired.Version)}
	return streamError(ctx, "answering the device", c.sendNow(framePaired, answer.encode()))
}

func (c *conn) sendNow(t frameType, body []byte) error {
	if err := c.writeFrame(t, body); err != nil {
		return err
	}
	return c.flush()
}

func (c *conn) readNonce(ctx context.Context) (nonce, error) {
	var n nonce
	t, body, err := c.next()
	if err != nil {
		return n, streamError(ctx, "waiting for the other device", err)
	}
	if t != frameNonce {
		return n, unexpected(t, body)
	}
	if copy(n[:], body) != len(body) || len(body) != len(n) {
		return n, protocolError("a number of %d bytes, expected %d", len(body), len(n))
	}
	return n, nil
}
