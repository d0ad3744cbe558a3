package pack

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/object"
)

// Damage is one thing that [Store.Verify] found wrong.
type Damage struct {
	// ID is the object concerned, or zero if the whole pack cannot be opened.
	ID object.ID
	// Pack is the name of the file, and Offset where in it the entry begins.
	Pack   string
	Offset int64
	// Base is the damaged or missing object at the bottom of it if the entry itself
	// is a delta and only one below it is damaged, else zero.
	Base object.ID
	// Held says that another copy of the object is intact, so that nothing is lost.
	Held bool
	Err  error
}

// Verify reads everything in the store and returns all that is damaged. Damage
// is no error; a failure to look is. progress may be nil; it is called now and
// then, one call at a time, with the number of entries done and in all.
func (s *Store) Verify(ctx context.Context, progress func(done, total int)) ([]Damage, error) {
	if err := s.refresh(true); err != nil && !s.readOnly {
		return nil, err
	}
	v, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer v.release()
	if progress == nil {
		progress = func(int, int) {}
	}
	// What was read before may have been damaged since: nothing is taken from the
	// store's own cache.
	c := &checker{reader: &Store{cache: NewCache(s.cache.bytes())}, view: v, progress: progress}
	for _, p := range v.packs {
		c.total += p.n
	}
	for _, b := range v.bad {
		c.damage = append(c.damage, Damage{Pack: b.name, Err: b.err})
	}
	for _, p := range v.packs {
		if err := c.pack(ctx, p); err != nil {
			return c.damage, err
		}
	}
	progress(c.total, c.total)
	return c.damage, nil
}

// SetAside renames the packs that cannot be opened to NAME.damaged, where nothing
// reads them, and returns how many there were. It is for whoever has made sure that
// the store has all that it needs without them. It fails with an error that wraps
// [object.ErrReadOnly].
func (s *Store) SetAside(ctx context.Context) (n int, err error) {
	if s.readOnly {
		return 0, fmt.Errorf("object/pack: setting packs aside: %w", object.ErrReadOnly)
	}
	if err := s.refresh(true); err != nil {
		return 0, err
	}
	v, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer v.release()
	for _, b := range v.bad {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if err := s.fs.Rename(b.name, b.name+".damaged"); err != nil {
			return n, fmt.Errorf("object/pack: setting a pack aside: %w", err)
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	if err := s.fs.Sync(); err != nil {
		return n, fmt.Errorf("object/pack: %w", err)
	}
	return n, s.refresh(true)
}

type checker struct {
	reader   *Store
	view     *view
	total    int
	progress func(done, total int)

	mu     sync.Mutex
	done   int
	damage []Damage
}

// stretch is how many neighbouring entries one goroutine checks at a time.
const stretch = 256

func (c *checker) pack(ctx context.Context, p *packFile) error {
	order := p.live()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(stretch)) - stretch
				if from >= len(order) {
					return
				}
				part := order[from:min(from+stretch, len(order))]
				for _, i := range part {
					c.entry(p, p.id(i), p.loc(i))
				}
				c.mu.Lock()
				c.done += len(part)
				c.progress(c.done, c.total)
				c.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

func (c *checker) entry(p *packFile, id object.ID, loc location) {
	src := source{view: c.view}
	o, err := c.reader.decode(src, id, hit{pack: p, loc: loc})
	if err == nil {
		err = o.Check()
	}
	if err == nil {
		return
	}
	d := Damage{ID: id, Pack: p.name, Offset: loc.offset, Err: err}
	if bottom := innermost(err); bottom != id {
		d.Base = bottom
	}
	for _, h := range src.find(id) {
		if h.pack == p {
			continue
		}
		if _, err := c.reader.decode(src, id, h); err == nil {
			d.Held = true
		}
	}
	c.mu.Lock()
	c.damage = append(c.damage, d)
	c.mu.Unlock()
}

// innermost returns the object at the bottom of a chain of damage.
func innermost(err error) (id object.ID) {
	var c *object.CorruptError
	for errors.As(err, &c) {
		id, err = c.ID, c.Err
	}
	return id
}
