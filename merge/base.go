package merge

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/constl/constl/object"
)

// IsAncestor reports whether the commit ancestor is of, or a parent of it, or a
// parent of one of those. It fails if a commit on the way cannot be read.
func IsAncestor(ctx context.Context, r object.Reader, ancestor, of object.ID) (bool, error) {
	if ancestor == of {
		return true, nil
	}
	w := newWalk(ctx, r)
	if err := w.meet(of, ancestor); err != nil {
		return false, err
	}
	return w.marks[ancestor]&markOurs != 0, nil
}

// AheadBehind returns how many commits ours has that theirs has not, and the
// other way round. A commit that claims to be older than its own ancestors can
// make the numbers too large. It fails if a commit cannot be read.
func AheadBehind(ctx context.Context, r object.Reader, ours, theirs object.ID) (ahead, behind int, err error) {
	w := newWalk(ctx, r)
	if err := w.meet(ours, theirs); err != nil {
		return 0, 0, err
	}
	if err := w.settle(); err != nil {
		return 0, 0, err
	}
	for _, m := range w.marks {
		switch m & markBoth {
		case markOurs:
			ahead++
		case markTheirs:
			behind++
		}
	}
	return ahead, behind, nil
}

// Missing returns the commits that theirs leads to and ours does not; a zero ours
// leads to none. As in [AheadBehind], wrong clocks can make them too many, never
// too few. It fails if a commit cannot be read.
func Missing(ctx context.Context, r object.Reader, ours, theirs object.ID) (map[object.ID]*object.Commit, error) {
	w := newWalk(ctx, r)
	var err error
	if ours.IsZero() {
		if err = w.mark(theirs, markTheirs); err == nil {
			err = w.finish()
		}
	} else if err = w.meet(ours, theirs); err == nil {
		err = w.settle()
	}
	if err != nil {
		return nil, err
	}
	missing := make(map[object.ID]*object.Commit)
	for id, m := range w.marks {
		if m&markBoth == markTheirs {
			missing[id] = w.commits[id]
		}
	}
	return missing, nil
}

// Bases returns the merge bases of two commits: those that both have and that no
// other commit which both have leads to. Commonly that is one; none if the two
// have nothing in common; several after a criss-cross merge, then in the order
// of their ids. It fails if a commit cannot be read.
func Bases(ctx context.Context, r object.Reader, a, b object.ID) ([]object.ID, error) {
	if a == b {
		return []object.ID{a}, nil
	}
	return basesOf(ctx, r, []object.ID{a}, b)
}

// basesOf returns the merge bases of a commit and of one that would have all the others as
// its parents.
func basesOf(ctx context.Context, r object.Reader, parents []object.ID, other object.ID) ([]object.ID, error) {
	w := newWalk(ctx, r)
	for _, id := range parents[1:] {
		if err := w.mark(id, markOurs); err != nil {
			return nil, err
		}
	}
	if err := w.meet(parents[0], other); err != nil {
		return nil, err
	}
	best := w.best()
	if len(best) > 1 {
		// Some may lead to others by a way that was not walked yet.
		if err := w.finish(); err != nil {
			return nil, err
		}
		best = w.best()
	}
	slices.SortFunc(best, object.ID.Compare)
	return best, nil
}

// Which of two commits lead to a commit, and whether another common one does.
const (
	markOurs   = 1
	markTheirs = 2
	markStale  = 4
	markBoth   = markOurs | markTheirs
)

// walk visits commits from new to old. Clocks may be wrong: a commit whose marks
// grow after it was visited is visited again.
type walk struct {
	ctx       context.Context
	r         object.Reader
	marks     map[object.ID]byte
	commits   map[object.ID]*object.Commit
	queue     commitQueue
	queued    map[object.ID]bool
	open      int  // queued commits that are not known to be common
	onlyKnown bool // spread marks only to commits that were met before
}

func newWalk(ctx context.Context, r object.Reader) *walk {
	return &walk{ctx: ctx, r: r, marks: make(map[object.ID]byte), commits: make(map[object.ID]*object.Commit), queued: make(map[object.ID]bool)}
}

// meet walks until every commit in the queue is common. All commits that one
// alone leads to were visited then, so every best common one has both marks.
func (w *walk) meet(ours, theirs object.ID) error {
	if err := w.mark(ours, markOurs); err != nil {
		return err
	}
	if err := w.mark(theirs, markTheirs); err != nil {
		return err
	}
	for w.open > 0 {
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

// finish spreads the marks as far as they go.
func (w *walk) finish() error {
	for len(w.queue) > 0 {
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

// settle spreads the marks, after meet, so far that commits which one alone seems
// to lead to are known to be common if they are: through all commits that are no
// older than those, and from there on through those that were met before.
func (w *walk) settle() error {
	for oldest := w.oldestAlone(); len(w.queue) > 0 && w.queue[0].time >= oldest; {
		if err := w.step(); err != nil {
			return err
		}
	}
	w.onlyKnown = true
	return w.finish()
}

// oldestAlone returns the time of the oldest commit that one alone leads to.
func (w *walk) oldestAlone() int64 {
	oldest := int64(math.MaxInt64)
	for id, m := range w.marks {
		if m&markBoth != markBoth {
			oldest = min(oldest, w.commits[id].Time.Unix)
		}
	}
	return oldest
}

func (w *walk) best() (best []object.ID) {
	for id, m := range w.marks {
		if m&markBoth == markBoth && m&markStale == 0 {
			best = append(best, id)
		}
	}
	return best
}

func (w *walk) mark(id object.ID, mark byte) error {
	old, known := w.marks[id]
	if old|mark == old || w.onlyKnown && !known {
		return nil
	}
	c := w.commits[id]
	if c == nil {
		var err error
		if c, err = object.ReadCommit(w.ctx, w.r, id); err != nil {
			return fmt.Errorf("walk the history: %w", err)
		}
		w.commits[id] = c
	}
	w.marks[id] = old | mark
	isOpen := (old|mark)&markBoth != markBoth
	switch {
	case !w.queued[id]:
		w.queued[id] = true
		heap.Push(&w.queue, queuedCommit{id, c.Time.Unix})
		if isOpen {
			w.open++
		}
	case old&markBoth != markBoth && !isOpen:
		w.open--
	}
	return nil
}

// step takes the newest commit and hands its marks to its parents.
func (w *walk) step() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	id := heap.Pop(&w.queue).(queuedCommit).id
	w.queued[id] = false
	mark := w.marks[id]
	if mark&markBoth == markBoth {
		mark |= markStale
	} else {
		w.open--
	}
	for _, p := range w.commits[id].Parents {
		if err := w.mark(p, mark); err != nil {
			return err
		}
	}
	return nil
}

type queuedCommit struct {
	id   object.ID
	time int64
}

// commitQueue is a heap, the newest commit first.
type commitQueue []queuedCommit

func (q commitQueue) Len() int { return len(q) }
func (q commitQueue) Less(i, j int) bool {
	if q[i].time != q[j].time {
		return q[i].time > q[j].time
	}
	return q[i].id.Compare(q[j].id) < 0
}
func (q commitQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements [heap.Interface].
func (q *commitQueue) Push(x any) { *q = append(*q, x.(queuedCommit)) }

// Pop implements [heap.Interface].
func (q *commitQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
