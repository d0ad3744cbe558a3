package object

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// BlobReader reads a file that is held as a blob. It implements
// [io.ReadSeeker] and [io.WriterTo]. It is for one goroutine.
type BlobReader struct {
	ctx  context.Context
	r    Reader
	root *blobNode
	size int64
	pos  int64

	// The chunk read last.
	at   int64
	data []byte
}

// OpenBlob returns a reader of the file whose object, a KindBlob or KindChunk,
// has that id. The context holds for all reading. It fails as r does, and with
// an error that wraps [ErrCorrupt] if the object is no file.
func OpenBlob(ctx context.Context, r Reader, id ID) (*BlobReader, error) {
	o, err := r.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("object: opening a file: %w", err)
	}
	if o.Kind() == KindChunk {
		size := int64(len(o.Payload()))
		root := &blobNode{children: []blobChild{{id, size}}, size: size}
		return &BlobReader{ctx: ctx, r: r, root: root, size: size, data: o.Payload()}, nil
	}
	root, err := decodeBlobNode(o)
	if err == nil && len(root.children) == 1 {
		err = fmt.Errorf("%w: a blob of one part", ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("object: opening a file: %w", &CorruptError{id, err})
	}
	return &BlobReader{ctx: ctx, r: r, root: root, size: root.size}, nil
}

// Size returns the length of the file in bytes.
func (b *BlobReader) Size() int64 { return b.size }

// Read implements [io.Reader].
func (b *BlobReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.pos >= b.size {
		return 0, io.EOF
	}
	if b.pos < b.at || b.pos >= b.at+int64(len(b.data)) {
		if err := b.load(b.pos); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.data[b.pos-b.at:])
	b.pos += int64(n)
	return n, nil
}

// Seek implements [io.Seeker].
func (b *BlobReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.pos
	case io.SeekEnd:
		offset += b.size
	case io.SeekStart:
	default:
		return 0, fmt.Errorf("object: seeking from %d, which is no whence", whence)
	}
	if offset < 0 {
		return 0, fmt.Errorf("object: seeking to %d, before the beginning", offset)
	}
	b.pos = offset
	return offset, nil
}

// load reads the chunk that holds the byte at pos.
func (b *BlobReader) load(pos int64) error {
	node, start := b.root, int64(0)
	for {
		i := 0
		for start+node.children[i].size <= pos {
			start += node.children[i].size
			i++
		}
		c := node.children[i]
		if node.height == 0 {
			data, err := getChunk(b.ctx, b.r, c)
			b.at, b.data = start, data
			return err
		}
		var err error
		if node, err = getBlobNode(b.ctx, b.r, c, node.height-1); err != nil {
			return err
		}
	}
}

func getChunk(ctx context.Context, r Reader, c blobChild) ([]byte, error) {
	o, err := r.Get(ctx, c.id)
	if err != nil {
		return nil, fmt.Errorf("object: reading a file: %w", err)
	}
	if o.Kind() != KindChunk || int64(len(o.Payload())) != c.size {
		err := fmt.Errorf("%w: expected a chunk of %d bytes, found a %s of %d", ErrCorrupt, c.size, o.Kind(), len(o.Payload()))
		return nil, fmt.Errorf("object: reading a file: %w", &CorruptError{c.id, err})
	}
	return o.Payload(), nil
}

func getBlobNode(ctx context.Context, r Reader, c blobChild, height int) (*blobNode, error) {
	o, err := r.Get(ctx, c.id)
	if err != nil {
		return nil, fmt.Errorf("object: reading a file: %w", err)
	}
	n, err := decodeBlobNode(o)
	if err == nil && (n.height != height || n.size != c.size) {
		err = fmt.Errorf("%w: expected a blob of height %d and %d bytes, found %d and %d", ErrCorrupt, height, c.size, n.height, n.size)
	}
	if err != nil {
		return nil, fmt.Errorf("object: reading a file: %w", &CorruptError{c.id, err})
	}
	return n, nil
}

type getJob struct {
	child blobChild
	at    int64 // where in the file it begins
	data  []byte
	err   error
	done  chan struct{}
}

// WriteTo implements [io.WriterTo]: it writes what follows the position. It
// reads some chunks ahead, in several goroutines that have ended when it returns.
func (b *BlobReader) WriteTo(w io.Writer) (int64, error) {
	ctx, cancel := context.WithCancel(b.ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	n := runtime.GOMAXPROCS(0)
	work, order := make(chan *getJob), make(chan *getJob, 2*n)
	for range n {
		workers.Go(func() {
			for j := range work {
				j.data, j.err = getChunk(ctx, b.r, j.child)
				close(j.done)
			}
		})
	}
	var walkErr error
	start := b.pos
	workers.Go(func() {
		defer close(order)
		defer close(work)
		walkErr = b.ahead(ctx, b.root, 0, start, work, order)
	})
	var written int64
	for j := range order {
		<-j.done
		if j.err != nil {
			return written, j.err
		}
		m, err := w.Write(j.data[max(0, start-j.at):])
		written += int64(m)
		b.pos += int64(m)
		if err != nil {
			return written, err
		}
	}
	return written, walkErr
}

// ahead sends the chunks from the byte at from on to work, and to order in
// their order. at is where the node begins.
func (b *BlobReader) ahead(ctx context.Context, n *blobNode, at, from int64, work, order chan<- *getJob) error {
	for _, c := range n.children {
		end := at + c.size
		switch {
		case end <= from:
		case n.height > 0:
			below, err := getBlobNode(ctx, b.r, c, n.height-1)
			if err != nil {
				return err
			}
			if err := b.ahead(ctx, below, at, from, work, order); err != nil {
				return err
			}
		default:
			j := &getJob{child: c, at: at, done: make(chan struct{})}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case work <- j:
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case order <- j:
			}
		}
		at = end
	}
	return nil
}
