package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// BundleMagic is how every bundle begins (PROTOCOL.md §9).
const BundleMagic = "constl bundle\n"

// ErrBundle says that a file is no bundle, is not whole, or holds something else
// after its end.
var ErrBundle = errors.New("transport: not a whole bundle")

// BundleHeader says what a bundle is about.
type BundleHeader struct {
	Dataset object.ID
	// Maker is the device that wrote the bundle, as it says itself.
	Maker refs.PeerID
	// Wants are objects that the bundle holds with all they link to, besides what
	// the refs of its statements reach. At most [MaxWants].
	Wants []object.ID
	// Haves are commits that the reader must hold with all they link to: nothing of
	// them is in the bundle. At most [MaxHaves].
	Haves []object.ID
}

// BundleOptions says how a bundle is read. The zero value means the defaults.
type BundleOptions struct {
	// MaxBytes and Progress: as in [SyncOptions].
	MaxBytes int64
	Progress func(Progress)
}

// WriteBundle writes a bundle of the offer and of the objects that its refs and
// the header's wants reach and the header's haves do not. It fails with an error
// that wraps [ErrIncomplete] if objects does not hold all of them.
func WriteBundle(ctx context.Context, w io.Writer, header *BundleHeader, offer *Offer, objects object.Reader, progress func(Progress)) (*Stats, error) {
	c := newConn(&bundleStream{w: &outflow{w: w, progress: progress}})
	defer c.close()
	stats := &Stats{}
	err := writeBundle(ctx, c, header, offer, objects, stats)
	stats.BytesOut = c.out.Load()
	if err != nil {
		return stats, fmt.Errorf("writing a bundle: %w", err)
	}
	return stats, nil
}

func writeBundle(ctx context.Context, c *conn, header *BundleHeader, offer *Offer, objects object.Reader, stats *Stats) error {
	if len(header.Wants) > MaxWants || len(header.Haves) > MaxHaves {
		return fmt.Errorf("%w: %d wanted and %d held objects are named", ErrTooLarge, len(header.Wants), len(header.Haves))
	}
	m := bundleMessage{version: Version, dataset: header.Dataset, maker: header.Maker, wants: header.Wants, haves: header.Haves}
	if _, err := c.w.WriteString(BundleMagic); err != nil {
		return err
	}
	if err := c.writeFrame(frameBundle, m.encode()); err != nil {
		return err
	}
	if err := c.writeOffer(offer); err != nil {
		return err
	}
	query := sendQuery{wants: append(Targets(offer.Statements, everything()), header.Wants...), haves: header.Haves}
	end, err := send(ctx, c, objects, &entry.Codec{}, query, stats)
	if err == nil && end.missing > 0 {
		err = fmt.Errorf("%w: %d of what the bundle is to hold", ErrIncomplete, end.missing)
	}
	return err
}

// Bundle is a bundle that is being read. It is for one goroutine.
type Bundle struct {
	BundleHeader
	r      io.Reader
	buffer *bufio.Reader
}

// OpenBundle reads the beginning of a bundle. If r is an [io.Closer], [Bundle.Sync]
// closes it. It fails with an error that wraps [ErrBundle] if this is none, or
// [ErrUnsupported] if a newer constl wrote it.
func OpenBundle(r io.Reader) (*Bundle, error) {
	buffer := bufio.NewReaderSize(r, bufferBytes)
	magic := make([]byte, len(BundleMagic))
	if _, err := io.ReadFull(buffer, magic); err != nil && !errors.Is(midFrame(err), io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading a bundle: %w", err)
	}
	if string(magic) != BundleMagic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrBundle, BundleMagic)
	}
	frames := frameReader{r: buffer}
	t, body, err := frames.next()
	if err == nil && t != frameBundle {
		err = protocolError("a frame of type %s where a bundle's header must be", t)
	}
	var m *bundleMessage
	if err == nil {
		m, err = decodeBundle(body)
	}
	if errors.Is(midFrame(err), io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it ends early", ErrBundle)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a bundle: %w", err)
	}
	return &Bundle{BundleHeader{Dataset: m.dataset, Maker: m.maker, Wants: m.wants, Haves: m.haves}, r, buffer}, nil
}

// Sync takes what the bundle holds as it would be taken from a peer, and completes
// the sink. It fails as [Sync] does, with an error that wraps [ErrBundle] if
// the file is cut short, with a [*PrerequisiteError] if the bundle's haves are not
// held, and with [ErrIncomplete] if something else is missing that is neither in
// the bundle nor held. What was verified stays in the store.
func (b *Bundle) Sync(ctx context.Context, sink Sink, o *BundleOptions) (*SyncResult, error) {
	if o == nil {
		o = &BundleOptions{}
	}
	stream := &bundleStream{r: b.buffer, from: b.r}
	c := newConn(stream)
	defer context.AfterFunc(ctx, c.abort)()
	s := &syncing{
		c: c, sink: sink, o: &SyncOptions{MaxBytes: o.MaxBytes, Progress: o.Progress},
		req:    &SyncRequest{Dataset: b.Dataset, Wants: b.Wants, Haves: b.Haves},
		result: &SyncResult{Offer: Offer{Dataset: b.Dataset}},
	}
	err := b.take(ctx, s, o)
	c.abandon()
	s.result.Stats.BytesIn = c.in.Load()
	if errors.Is(err, ErrDisconnected) && stream.ended.Load() {
		err = fmt.Errorf("%w: it ends early", ErrBundle)
	}
	if err != nil {
		return s.result, fmt.Errorf("reading a bundle of %s: %w", b.Dataset.Short(), err)
	}
	return s.result, nil
}

func (b *Bundle) take(ctx context.Context, s *syncing, o *BundleOptions) error {
	if err := s.offer(ctx); err != nil {
		return err
	}
	plan, err := s.sink.Offered(ctx, &s.result.Offer)
	if err != nil {
		return err
	}
	if err := b.lacking(ctx, s.sink.Store()); err != nil {
		return err
	}
	release, err := hold(ctx, s.sink.Store())
	if err != nil {
		return err
	}
	defer release()
	s.room = plan.Room
	recv := s.receiver()
	end, err := s.firstRun(ctx, recv)
	if len(recv.noBase)+len(recv.orphans) > 0 {
		// Without what a delta stands for, nothing below it counts as asked for.
		return fmt.Errorf("%w: something is lacking of the commits that the bundle builds on", ErrIncomplete)
	}
	if err != nil {
		return err
	}
	if end.status != endComplete || end.missing != 0 {
		return fmt.Errorf("%w: its maker left out %d objects", ErrBundle, end.missing)
	}
	if t, _, err := s.c.next(); err == nil {
		return fmt.Errorf("%w: a frame of type %s after its end", ErrBundle, t)
	} else if !errors.Is(err, io.EOF) {
		return streamError(ctx, "reading the end", err)
	}
	if err := s.fetcher(recv, plan).lacksNothing(ctx); err != nil {
		return err
	}
	return s.sink.Complete(ctx)
}

// lacking fails with a [*PrerequisiteError] if commits are not held that the bundle builds on.
func (b *Bundle) lacking(ctx context.Context, r object.Reader) error {
	var missing []object.ID
	for _, id := range b.Haves {
		held, err := r.Has(ctx, id)
		if err != nil {
			return fmt.Errorf("looking for what the bundle builds on: %w", err)
		}
		if !held {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return &PrerequisiteError{Commits: missing}
	}
	return nil
}

// PrerequisiteError names commits that a bundle builds on and that are not held.
// Nothing of the bundle was stored; its identities and statements were found
// valid. It wraps [ErrIncomplete].
type PrerequisiteError struct{ Commits []object.ID }

// Error names the first of the commits.
func (e *PrerequisiteError) Error() string {
	text := "the bundle holds only what came after the commit " + e.Commits[0].String()
	if more := len(e.Commits) - 1; more > 0 {
		text += fmt.Sprintf(" and %d others", more)
	}
	return text + ", which is not here"
}

// Unwrap returns [ErrIncomplete].
func (e *PrerequisiteError) Unwrap() error { return ErrIncomplete }

// bundleStream lets one side of an exchange work on a file.
type bundleStream struct {
	r     io.Reader // nil for writing
	w     io.Writer // nil for reading
	from  io.Reader
	ended atomic.Bool // r has come to its end
}

// Read implements [io.Reader].
func (s *bundleStream) Read(p []byte) (int, error) {
	if s.r == nil {
		return 0, io.EOF
	}
	n, err := s.r.Read(p)
	if errors.Is(err, io.EOF) {
		s.ended.Store(true)
	}
	return n, err
}

// Write implements [io.Writer].
func (s *bundleStream) Write(p []byte) (int, error) { return s.w.Write(p) }

// Close implements [io.Closer].
func (s *bundleStream) Close() error {
	if c, ok := s.from.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// outflow tells how many bytes were written.
type outflow struct {
	w        io.Writer
	n        int64
	progress func(Progress)
}

// Write implements [io.Writer].
func (c *outflow) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if c.progress != nil {
		c.progress(Progress{Bytes: c.n})
	}
	return n, err
}

// bundleMessage is the body of a bundle frame (PROTOCOL.md §9).
type bundleMessage struct {
	version    uint64
	flags      uint64
	dataset    object.ID
	maker      refs.PeerID
	wants      []object.ID
	haves      []object.ID
	extensions []extension
}

func (m *bundleMessage) encode() []byte {
	var e object.Encoder
	e.Uvarint(m.version)
	e.Uvarint(m.flags)
	e.ID(m.dataset)
	e.Raw(m.maker[:])
	encodeIDs(&e, m.wants)
	encodeIDs(&e, m.haves)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

// decodeBundle fails with an error that wraps object.ErrCorrupt, or ErrUnsupported
// for a version that this package does not have.
func decodeBundle(body []byte) (*bundleMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &bundleMessage{version: d.Uvarint()}
	if d.Err() == nil && m.version != Version {
		return nil, checkFeatures(m.version, 0, 0, nil)
	}
	m.flags = d.Uvarint()
	m.dataset = d.ID()
	copy(m.maker[:], d.Raw(len(m.maker)))
	m.wants = decodeIDs(d, MaxWants)
	m.haves = decodeIDs(d, MaxHaves)
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return m, checkFeatures(m.version, m.flags, 0, m.extensions)
}
