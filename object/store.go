package object

import "context"

// Reader gives objects by id. Implementations are safe for use by several
// goroutines at once.
type Reader interface {
	// Get returns the object. It fails with an error that wraps [ErrNotFound] if
	// the store does not hold it, or a [*CorruptError] if what it holds is not
	// what the id names. The object is shared: the caller must not write to it.
	Get(ctx context.Context, id ID) (Object, error)
	// Has reports whether the store holds the object, without reading it.
	Has(ctx context.Context, id ID) (bool, error)
}

// Writer takes objects. Implementations are safe for use by several goroutines
// at once.
type Writer interface {
	// Put stores the object and returns its id. The store takes the object over:
	// the caller must not change it afterwards. To put an object that is already
	// there costs a look-up and is no error.
	//
	// bases name objects of the same kind that the new one is likely to resemble, the
	// likeliest first, as the same column's segment in the parent commit. They are
	// hints for storage alone; a zero id, and one that is not held, is ignored.
	Put(ctx context.Context, o Object, bases ...ID) (ID, error)
}

// ReadWriter is both.
type ReadWriter interface {
	Reader
	Writer
}

// Batch is a set of objects on their way into a store. Its Reader side sees the
// store and what was put so far. Nothing of it is visible to others, or sure to
// survive, before Commit returns. It is safe for use by several goroutines, but
// for Commit and Discard, which end it.
type Batch interface {
	ReadWriter
	// Commit makes everything that was put durable and visible, all or nothing
	// after a crash. An empty batch leaves no trace.
	Commit(ctx context.Context) error
	// Discard drops what was put. After Commit it does nothing.
	Discard() error
}

// Store holds objects for good.
type Store interface {
	Reader
	// Begin starts a batch. Several may be open at once.
	Begin(ctx context.Context) (Batch, error)
	// Close gives back what the store holds open. Batches still open are discarded.
	Close() error
}
