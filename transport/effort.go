package transport

import (
	"context"
	"errors"
)

// errCurtailed ends a walk that has read or kept as much as it may.
var errCurtailed = errors.New("transport: the walk has gone as far as it may")

// What a walk keeps, in bytes.
const (
	linkBytes   = 24  // a link in its sets of ids
	stepBytes   = 64  // an object that it has yet to come to
	commitBytes = 320 // a commit in its history

	// smallObject is the size in bytes of an object that a request reads without counting it.
	smallObject = 64 << 10
)

// effort bounds one walk on behalf of a peer: the objects that it looks into, and what it
// keeps in memory. Leaves count only where it looks to learn that they are some. A nil effort has no bounds. It is for one goroutine.
type effort struct {
	ctx    context.Context // of the request
	most   int64           // objects
	memory *account        // of the request
	reads  int64
	kept   int64
	limit  string // the bound that was hit
}

// read counts an object that is to be read.
func (e *effort) read() error {
	if e == nil {
		return nil
	}
	if e.reads++; e.reads > e.most {
		e.limit = LimitTraversal
		return errCurtailed
	}
	return nil
}

// keep counts bytes that are to be kept, and waits for them if need be. Where it gets none,
// that is the end of the walk.
func (e *effort) keep(n int) error {
	if e == nil {
		return nil
	}
	if err := e.hold(n); err != nil {
		return err
	}
	e.kept += int64(n)
	return nil
}

// drop counts bytes that are no longer kept.
func (e *effort) drop(n int) {
	if e == nil {
		return
	}
	e.memory.shrink(int64(n))
	e.kept -= int64(n)
}

// hold takes bytes as keep does, which another goroutine gives back with free.
func (e *effort) hold(n int) error {
	if e == nil {
		return nil
	}
	if err := e.memory.grow(e.ctx, int64(n)); err != nil {
		if e.ctx.Err() != nil {
			return err
		}
		e.limit = LimitMemory
		return errCurtailed
	}
	return nil
}

// tryHold takes bytes as hold does if they are there, and reports whether it did.
func (e *effort) tryHold(n int) bool { return e == nil || e.memory.tryGrow(int64(n)) }

// free gives back what hold has taken. It may be called by any goroutine.
func (e *effort) free(n int) {
	if e != nil {
		e.memory.giveBack(int64(n))
	}
}

// close drops what is kept.
func (e *effort) close() {
	if e != nil {
		e.memory.shrink(e.kept)
		e.kept = 0
	}
}

// err says which bound was hit, of a walk that has come to nothing before.
func (e *effort) err() error {
	if e.limit == LimitTraversal {
		return limitError(LimitTraversal, ErrTooLarge, "the answer takes more than the %d objects that are read for one; ask for less at once", e.most)
	}
	return limitError(LimitMemory, ErrBusy, "no memory is free for the answer")
}
