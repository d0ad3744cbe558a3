package pack

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/pack/internal/vfs"
)

// flushAt is how many bytes a batch collects before it writes them.
const flushAt = 1 << 20

// Batch is a pack being written. It implements [object.Batch]. Hashing and
// compression happen in the goroutines that call Put.
type Batch struct {
	s    *Store
	temp string

	effort atomic.Int64 // bytes that may still be encoded with more than little effort

	mu      sync.Mutex
	f       vfs.File
	buf     []byte // not yet written
	flushed int64  // bytes written
	records records
	err     error // sticky: the file is in doubt, or the batch has ended
	ended   bool
}

var (
	_ object.Batch = (*Batch)(nil)
	_ entry.Putter = (*Batch)(nil)
)

// Begin implements [object.Store]. It fails with an error that wraps
// [object.ErrReadOnly], or [ErrBusy] while objects are being dropped.
func (s *Store) Begin(ctx context.Context) (object.Batch, error) {
	return s.BeginBatch(ctx)
}

// BeginBatch is Begin, for those who need [Batch.Restore].
func (s *Store) BeginBatch(ctx context.Context) (*Batch, error) {
	b, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	// The file was made first and the claim is looked for second, Repack does it the
	// other way round: so one of the two sees the other.
	dropping, err := s.claims(dropClaim, "")
	if err == nil && len(dropping) > 0 {
		err = fmt.Errorf("%w: objects are being dropped", ErrBusy)
	}
	if err != nil {
		_ = b.Discard() // the first error says more
		return nil, err
	}
	return b, nil
}

func (s *Store) begin(ctx context.Context) (*Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.readOnly {
		return nil, fmt.Errorf("object/pack: starting a batch: %w", object.ErrReadOnly)
	}
	b := &Batch{s: s, temp: claimName(batchClaim), records: newRecords()}
	b.effort.Store(effortBytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		return nil, ErrClosed
	}
	f, err := s.fs.Create(b.temp)
	if err != nil {
		return nil, fmt.Errorf("object/pack: starting a batch: %w", err)
	}
	b.f = f
	b.buf = append(b.buf, packMagic...)
	s.open[b] = struct{}{}
	return b, nil
}

// Get implements [object.Reader].
func (b *Batch) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if err := b.failed(); err != nil {
		return nil, err
	}
	return b.s.get(ctx, b, id)
}

// Has implements [object.Reader].
func (b *Batch) Has(ctx context.Context, id object.ID) (bool, error) {
	if err := b.failed(); err != nil {
		return false, err
	}
	if _, ok := b.locate(id); ok {
		return true, nil
	}
	return b.s.Has(ctx, id)
}

func (b *Batch) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *Batch) locate(id object.ID) (location, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	number, ok := b.records.live[id]
	if !ok {
		return location{}, false
	}
	return b.records.loc(number), true
}

// id returns what a record holds.
func (b *Batch) id(number int) object.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number >= len(b.records.ids) {
		return object.ID{} // the batch has ended
	}
	return b.records.ids[number]
}

func (b *Batch) readBytes(loc location) ([]byte, error) {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return nil, ErrClosed
	}
	if loc.offset >= b.flushed {
		at := loc.offset - b.flushed
		data := bytes.Clone(b.buf[at : at+int64(loc.length)])
		b.mu.Unlock()
		return data, nil
	}
	f := b.f
	b.mu.Unlock()
	return readBytes(f, loc)
}

// Put implements [object.Writer]. It fails with an error that wraps
// [object.ErrCorrupt] if the object is malformed, or with that of the file
// system, after which the batch can only be discarded.
func (b *Batch) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	id, err := b.check(ctx, o)
	if err != nil {
		return id, err
	}
	if _, ok := b.locate(id); ok {
		return id, nil
	}
	if held, err := b.s.holds(id); held || err != nil {
		return id, err
	}
	e, depth := b.encode(o, id, bases)
	return id, b.append(id, e, depth, false)
}

// PutEntry implements [entry.Putter].
func (b *Batch) PutEntry(ctx context.Context, id object.ID, o object.Object, e entry.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.failed(); err != nil {
		return err
	}
	if _, ok := b.locate(id); ok {
		return nil
	}
	if held, err := b.s.holds(id); held || err != nil {
		return err
	}
	depth, ok := b.stands(e)
	if !ok {
		e, depth = b.encode(o, id, []object.ID{e.Base})
	}
	return b.append(id, e, depth, false)
}

// Restore stores the object whole although the store may hold it: it takes the
// place of a damaged copy. It fails as Put does.
func (b *Batch) Restore(ctx context.Context, o object.Object) (object.ID, error) {
	id, err := b.check(ctx, o)
	if err != nil {
		return id, err
	}
	return id, b.append(id, b.codec(len(o)).Encode(o), 0, true)
}

func (b *Batch) check(ctx context.Context, o object.Object) (object.ID, error) {
	if err := ctx.Err(); err != nil {
		return object.ID{}, err
	}
	if err := b.failed(); err != nil {
		return object.ID{}, err
	}
	if err := o.Check(); err != nil {
		return object.ID{}, fmt.Errorf("object/pack: storing: %w", err)
	}
	return o.ID(), nil
}

// append adds the record of an entry to the pack. One that is there already
// stays, unless it is to be replaced.
func (b *Batch) append(id object.ID, e entry.Entry, depth uint8, replace bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	if _, ok := b.records.live[id]; ok && !replace {
		return nil
	}
	back := 0
	if e.Encoding == entry.Delta {
		if base, ok := b.records.live[e.Base]; ok {
			back = len(b.records.ids) - base
		}
	}
	before := len(b.buf)
	b.buf = appendRecord(b.buf, e, back)
	return b.added(id, before, depth)
}

// appendBytes adds a record as it is, for whatever it is worth.
func (b *Batch) appendBytes(id object.ID, record []byte, depth uint8) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	before := len(b.buf)
	b.buf = append(b.buf, record...)
	return b.added(id, before, depth)
}

// added enters the record that was put into buf behind what was there before. It
// is called with b.mu held.
func (b *Batch) added(id object.ID, before int, depth uint8) error {
	length := len(b.buf) - before
	if b.records.end()+int64(length) >= maxPackSize {
		b.err = fmt.Errorf("object/pack: a batch of more than %d bytes", int64(maxPackSize))
		return b.err
	}
	b.records.add(id, length, depth)
	if len(b.buf) < flushAt {
		return nil
	}
	return b.flush()
}

// flush writes what was collected. It is called with b.mu held.
func (b *Batch) flush() error {
	if _, err := b.f.Write(b.buf); err != nil {
		b.err = fmt.Errorf("object/pack: writing %d bytes: %w", len(b.buf), err)
		return b.err
	}
	b.flushed += int64(len(b.buf))
	b.buf = b.buf[:0]
	return nil
}

// Commit implements [object.Batch]. Whatever fails before the pack has its name
// leaves the store as it was, and the batch is discarded.
func (b *Batch) Commit(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = b.failed()
	}
	if err != nil {
		_ = b.Discard() // the first error says more
		return err
	}
	b.mu.Lock()
	empty := len(b.records.ids) == 0
	b.mu.Unlock()
	if empty {
		return b.Discard()
	}
	replaced, done, err := b.join(ctx)
	if err != nil {
		_ = b.Discard()
		return err
	}
	defer done()
	return b.finish(replaced)
}

// finish writes the index, makes the pack durable, gives it its name and makes it
// visible. If that fails before the pack has its name, the batch is discarded.
func (b *Batch) finish(replaced []string) error {
	if err := b.name(replaced); err != nil {
		_ = b.Discard() // the first error says more
		return err
	}
	if err := b.s.fs.Sync(); err != nil {
		return fmt.Errorf("object/pack: %w", err)
	}
	return b.s.written()
}

func (b *Batch) name(replaced []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	tail := encodeIndex(&b.records, replaced, nonce)
	b.buf = append(b.buf, tail...)
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.f.Sync(); err != nil {
		return fmt.Errorf("object/pack: making a pack durable: %w", err)
	}
	if err := b.f.Close(); err != nil {
		return fmt.Errorf("object/pack: closing a pack: %w", err)
	}
	b.f = nil
	if err := b.s.fs.Rename(b.temp, packName(tail)); err != nil {
		return fmt.Errorf("object/pack: naming a pack: %w", err)
	}
	b.end()
	return nil
}

// end is called with b.mu held, once the batch has no file of its own any more.
func (b *Batch) end() {
	b.ended = true
	b.records, b.buf = records{}, nil
	if b.err == nil {
		b.err = ErrClosed
	}
	b.s.mu.Lock()
	delete(b.s.open, b)
	b.s.mu.Unlock()
}

// Discard implements [object.Batch].
func (b *Batch) Discard() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return nil
	}
	b.end()
	if b.f != nil {
		b.f.Close() // what was written goes away
		b.f = nil
	}
	if err := b.s.fs.Remove(b.temp); err != nil {
		return fmt.Errorf("object/pack: removing a discarded batch: %w", err)
	}
	return nil
}
