package transport

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/constl/constl/object"
)

// Bounds of the wants of one errand.
const (
	minShare  = 8                      // objects; fewer are asked for at once
	ahead     = 2                      // wants under way on one stream, so that the line never falls silent
	pace      = 250 * time.Millisecond // what one want should take
	lateness  = 2 * time.Second        // after which others do what one has not done
	minWant   = 32 << 10               // bytes that one want should bring
	firstWant = 64 << 10
	maxWant   = 8 << 20
	guessSize = 16 << 10 // bytes of an object before any came
)

// errand is a list of objects that several streams fetch by their ids, each object
// over one of them. What a stream that fails has not brought goes back to the
// list; what one is late with is asked for once more over another, when that has
// nothing else to do. Its methods are safe for use by several goroutines at once.
type errand struct {
	flags uint64

	mu      sync.Mutex
	changed *sync.Cond
	left    []object.ID                // not asked for
	open    []*portion                 // asked for and not answered
	took    map[*fetcher]time.Duration // what its last answer took
	size    int64                      // bytes of an object, as long as none was answered
	bytes   int64                      // of the entries that were sent in answer
	came    int                        // answered
	todo    int                        // not answered
	objects int64                      // that were sent in answer
	got     []object.ID                // those of them that link to others
	history bool                       // commits or tags are among these
	orphans []orphan
	noBase  []object.ID

	orphaned int // bytes of orphans
}

// portion is some objects of an errand, asked for over one stream.
type portion struct {
	ids   []object.ID
	by    *fetcher
	asked time.Time
	twin  *portion // the same objects, asked for over another stream
	over  bool     // answered or given back
}

func newErrand(ids []object.ID, flags uint64) *errand {
	e := &errand{flags: flags, left: slices.Clone(ids), todo: len(ids), took: make(map[*fetcher]time.Duration)}
	e.changed = sync.NewCond(&e.mu)
	return e
}

// take returns up to n objects for a stream to ask for. If there are none left it
// waits, if it is told to, for those that others may give back or be late with,
// and returns nil when all have come.
func (e *errand) take(ctx context.Context, by *fetcher, n int, wait bool) *portion {
	e.mu.Lock()
	defer e.mu.Unlock()
	var late *portion
	for wait && len(e.left) == 0 && e.todo > 0 && ctx.Err() == nil {
		if late = e.late(by); late != nil {
			break
		}
		e.changed.Wait()
	}
	if late == nil && len(e.left) == 0 || ctx.Err() != nil {
		return nil
	}
	p := &portion{by: by, asked: time.Now()}
	if late != nil {
		p.ids, p.twin, late.twin = late.ids, late, p
	} else {
		n = min(n, len(e.left))
		p.ids, e.left = e.left[:n:n], e.left[n:]
	}
	e.open = append(e.open, p)
	return p
}

// late returns what another stream should have brought by now. It is called with e.mu held.
func (e *errand) late(by *fetcher) *portion {
	for _, p := range e.open {
		if p.by != by && p.twin == nil && time.Since(p.asked) > max(lateness, 4*e.took[p.by]) {
			return p
		}
	}
	return nil
}

// close takes a portion off those that are open. It is called with e.mu held.
func (e *errand) close(p *portion) {
	p.over = true
	e.open = slices.DeleteFunc(e.open, func(o *portion) bool { return o == p })
	e.changed.Broadcast()
}

// giveBack returns objects that were asked for in vain.
func (e *errand) giveBack(p *portion) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.twin == nil {
		e.left = append(e.left, p.ids...)
	} else if !p.twin.over {
		p.twin.twin = nil
	}
	e.close(p)
}

// answered takes over what a run brought that answered the want of a portion. What is
// lacking goes back to the list.
func (e *errand) answered(p *portion, r *receiver, lacking []object.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.close(p)
	if p.twin != nil && p.twin.over {
		return // all that was counted before
	}
	if len(lacking) > 0 && p.twin != nil {
		p.twin.twin = nil // it brings all of them
		return
	}
	e.took[p.by] = time.Since(p.asked)
	e.bytes += int64(r.cameBytes)
	e.left = append(e.left, lacking...)
	e.todo -= len(p.ids) - len(lacking)
	e.came += len(p.ids) - len(lacking)
	e.objects += int64(r.came)
	e.got = append(e.got, r.got...)
	e.history = e.history || r.history
	e.adopt(r)
}

// adopt takes over the deltas whose bases have not come, as many as are kept of one
// exchange. It is called with e.mu held.
func (e *errand) adopt(r *receiver) {
	for _, o := range r.orphans {
		if e.orphaned += o.entry.Size() + orphanCost; e.orphaned > orphanBytes {
			e.noBase = append(e.noBase, o.id)
		} else {
			e.orphans = append(e.orphans, o)
		}
	}
	e.noBase = append(e.noBase, r.noBase...)
}

// complete reports whether everything was answered.
func (e *errand) complete() bool {
	_, left := e.counts()
	return left == 0
}

// abort ends the streams from which something is still to come that others have
// brought, but for one that is to be kept.
func (e *errand) abort(keep *fetcher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.open {
		if p.by != keep {
			p.by.c.abort()
		}
	}
}

// wake lets those who wait look whether they still are to.
func (e *errand) wake() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changed.Broadcast()
}

// counts returns how many objects were asked for and answered, and how many not yet.
func (e *errand) counts() (came, left int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.came, e.todo
}

// share fetches objects by their ids over this stream, and over further ones as
// long as there is much to fetch. It fails as askAll does.
func (f *fetcher) share(ctx context.Context, ids []object.ID, flags uint64) (*answer, error) {
	f.stats.Rounds++
	e := newErrand(ids, flags)
	if e.size = guessSize; f.recv.leaves >= leafRun {
		e.size = int64(f.recv.leafBytes/f.recv.leaves) + 1
	}
	if err := f.crew.run(ctx, f, e); err != nil {
		return nil, err
	}
	if e.objects == 0 {
		return nil, incomplete(ids)
	}
	a := &answer{inner: e.got, history: e.history}
	f.recv.solicit(nil, false)
	again, err := f.recv.adopt(ctx, e.orphans)
	if err != nil {
		return nil, err
	}
	a.add(f.recv)
	if again = append(again, e.noBase...); len(again) > 0 {
		more, err := f.askAll(ctx, again, flagFlat|flagWhole)
		if err != nil {
			return nil, err
		}
		a.inner, a.history = append(a.inner, more.inner...), a.history || more.history
	}
	return a, nil
}

// fetch brings objects of the errand over this stream until all have come, and
// gives back what it did not bring. Several wants are under way at a time.
func (f *fetcher) fetch(ctx context.Context, e *errand) (err error) {
	if err := f.recv.open(ctx); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, e.wake)()
	var open []*portion
	defer func() {
		err = f.recv.shut(ctx, err)
		for _, p := range open {
			e.giveBack(p)
		}
	}()
	begun, before := time.Now(), f.c.in.Load()
	for {
		for len(open) < ahead {
			p := e.take(ctx, f, e.portion(time.Since(begun), f.c.in.Load()-before), len(open) == 0)
			if p == nil {
				break
			}
			open = append(open, p)
			if err := f.want(ctx, p.ids, e.flags); err != nil {
				return err
			}
		}
		if len(open) == 0 {
			return ctx.Err()
		}
		f.recv.solicit(open[0].ids, false)
		if _, err := f.recv.next(ctx, e.complete); err != nil {
			return err
		}
		var lacking []object.ID
		if f.crew == nil {
			lacking = f.recv.lacking(open[0].ids)
		}
		e.answered(open[0], f.recv, lacking)
		open = open[1:]
		if len(lacking) > 0 {
			return errLacking
		}
	}
}

// errLacking ends the work of a further stream whose peer does not have all that it was
// asked for: the peer of the first stream is the one that is believed.
var errLacking = errors.New("transport: the peer lacks some of the objects")

// lacking returns those of the ids that did not come in this run.
func (r *receiver) lacking(ids []object.ID) []object.ID {
	var list []object.ID
	for _, id := range ids {
		if !r.solicited.marked(id) {
			list = append(list, id)
		}
	}
	return list
}

// portion returns how many objects the next want over a stream should name that
// has brought so many bytes in so long a time.
func (e *errand) portion(took time.Duration, bytes int64) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	size := e.size
	if e.objects > 0 {
		size = max(e.bytes/e.objects, 1)
	}
	want := int64(firstWant)
	if took > 0 && bytes > 0 {
		want = min(max(int64(float64(bytes)*float64(pace)/float64(took)), minWant), maxWant)
	}
	return int(min(max(want/size, 1), MaxWants))
}

// replaceable reports whether an error of one stream leaves hope that others bring
// what it did not.
func replaceable(err error) bool {
	return errors.Is(err, ErrDisconnected) || errors.Is(err, ErrStalled) || errors.Is(err, ErrBusy)
}
