package object

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/zeebo/blake3"

	"github.com/constl/constl/object/chunk"
)

// The shape of the nodes above a file's chunks (FORMAT.md §4).
const (
	blobFanoutMask = 1<<10 - 1
	blobFanoutMax  = 4096
	blobMaxHeight  = 8
)

// Blob says how the bytes of a file are held.
type Blob struct {
	// ID names the object: a KindChunk if the file is one chunk, else a KindBlob.
	ID   ID
	Kind Kind
	Size int64 // of the file, in bytes
	Sum  ID    // BLAKE3 of the file's bytes, as b3sum prints it
}

// WriteBlob stores the stream as a blob and returns what it is. The same bytes
// give the same objects, however they are read. It holds a few MiB in memory,
// calls w.Put from several goroutines, and all of them have returned when it
// does. Errors are those of the stream and of w, wrapped.
func WriteBlob(ctx context.Context, w Writer, r io.Reader) (Blob, error) {
	head := make([]byte, chunk.Min+1)
	n, err := io.ReadFull(r, head)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		id, err := w.Put(ctx, New(KindChunk, head[:n]), ID{})
		if err != nil {
			return Blob{}, fmt.Errorf("object: storing a file of %d bytes: %w", n, err)
		}
		return Blob{ID: id, Kind: KindChunk, Size: int64(n), Sum: Sum(head[:n])}, nil
	case err != nil:
		return Blob{}, fmt.Errorf("object: reading a file: %w", err)
	}
	return writeChunks(ctx, w, chunk.New(io.MultiReader(bytes.NewReader(head), r)))
}

// putJob is one chunk on its way into the store.
type putJob struct {
	o    Object
	id   ID
	err  error
	done chan struct{}
}

func writeChunks(ctx context.Context, w Writer, c *chunk.Chunker) (Blob, error) {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	work, order := make(chan *putJob), make(chan *putJob, 2*n)
	for range n {
		workers.Go(func() {
			for j := range work {
				j.id, j.err = w.Put(ctx, j.o, ID{})
				close(j.done)
			}
		})
	}
	hash := blake3.New()
	var size int64
	var readErr error
	workers.Go(func() {
		defer close(order)
		defer close(work)
		size, readErr = feed(ctx, c, hash, work, order)
	})
	tree := blobTree{ctx: ctx, w: w}
	var err error
	for j := range order {
		<-j.done
		if err == nil {
			err = j.err
		}
		if err == nil {
			err = tree.add(0, blobChild{id: j.id, size: int64(len(j.o.Payload()))})
		}
		if err != nil {
			cancel()
		}
	}
	workers.Wait()
	defer cancel()
	if err == nil {
		err = readErr
	}
	if err != nil {
		return Blob{}, fmt.Errorf("object: storing a file: %w", err)
	}
	b := Blob{Size: size}
	copy(b.Sum[:], hash.Sum(nil))
	if b.ID, b.Kind, err = tree.finish(); err != nil {
		return Blob{}, fmt.Errorf("object: storing a file: %w", err)
	}
	return b, nil
}

// feed sends the stream's chunks to work, and to order in their order.
func feed(ctx context.Context, c *chunk.Chunker, hash io.Writer, work, order chan<- *putJob) (size int64, err error) {
	for {
		data, err := c.Next()
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
		j := &putJob{o: New(KindChunk, data), done: make(chan struct{})}
		size += int64(len(data))
		select {
		case <-ctx.Done():
			return size, ctx.Err()
		case work <- j:
		}
		order <- j
		_, _ = hash.Write(data) // never fails
	}
}

type blobChild struct {
	id   ID
	size int64
}

// blobTree builds the nodes above the chunks, one open node a level.
type blobTree struct {
	ctx    context.Context
	w      Writer
	levels [][]blobChild
	put    []int // nodes already closed on each level
}

func (t *blobTree) add(height int, c blobChild) error {
	if height == len(t.levels) {
		t.levels = append(t.levels, nil)
		t.put = append(t.put, 0)
	}
	t.levels[height] = append(t.levels[height], c)
	if !blobBoundary(len(t.levels[height]), c.id) {
		return nil
	}
	return t.close(height)
}

// blobBoundary reports whether a node ends with its nth child.
func blobBoundary(n int, child ID) bool {
	return n == blobFanoutMax || n >= 2 && binary.BigEndian.Uint16(child[IDSize-2:])&blobFanoutMask == 0
}

// close stores the open node of a level and adds it to the next.
func (t *blobTree) close(height int) error {
	children := t.levels[height]
	t.levels[height] = nil
	t.put[height]++
	id, err := t.w.Put(t.ctx, encodeBlobNode(height, children), ID{})
	if err != nil {
		return err
	}
	total := int64(0)
	for _, c := range children {
		total += c.size
	}
	return t.add(height+1, blobChild{id: id, size: total})
}

// finish closes what is open. The root is the one node of the lowest level that
// has one only, or the one chunk.
func (t *blobTree) finish() (ID, Kind, error) {
	for height := 0; ; height++ {
		open := t.levels[height]
		if t.put[height] == 0 && len(open) == 1 {
			kind := KindBlob
			if height == 0 {
				kind = KindChunk
			}
			return open[0].id, kind, nil
		}
		if len(open) > 0 {
			if err := t.close(height); err != nil {
				return ID{}, 0, err
			}
		}
	}
}

func encodeBlobNode(height int, children []blobChild) Object {
	var e Encoder
	e.Uvarint(uint64(height))
	for _, c := range children {
		e.Link(c.id)
		e.Uvarint(uint64(c.size))
	}
	return e.Object(KindBlob)
}

// blobNode is a decoded KindBlob, or stands for a chunk if height is -1.
type blobNode struct {
	height   int
	children []blobChild
	size     int64
}

func decodeBlobNode(o Object) (*blobNode, error) {
	d := NewDecoder(o, KindBlob)
	n := &blobNode{height: int(d.Size(blobMaxHeight))}
	links := d.Links()
	if links < 1 || links > blobFanoutMax || links > d.Remaining() {
		d.Fail("a blob of %d parts", links)
	}
	for d.Err() == nil && d.Links() > 0 {
		c := blobChild{id: d.Link(), size: d.Size(1 << 50)}
		if c.size == 0 || n.height == 0 && c.size > chunk.Max {
			d.Fail("a part of %d bytes", c.size)
		}
		n.children = append(n.children, c)
		n.size += c.size
		if d.Links() > 0 && blobBoundary(len(n.children), c.id) {
			d.Fail("a blob goes on after where it ends")
		}
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("a blob: %w", err)
	}
	return n, nil
}
