package serving

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// Shelf is the datasets that a service knows. Of each it holds the card; the objects are
// opened when they are asked for, of so many datasets at once, and closed again when
// nobody has asked for some time. None is closed while a request reads in it.
type Shelf struct {
	o shelfOptions

	mu     sync.Mutex
	byID   map[object.ID]*folder
	byDir  map[string]*folder
	open   int             // handles that are open or being opened
	limits bounds.Values   // of the whole service
	freed  []chan struct{} // one for each who waits until a handle can be closed
	closed bool
	strict bool // a dataset that was named itself must be what it is named for
}

type shelfOptions struct {
	home   string
	cache  *pack.Cache
	policy func(*folder) (*repo.ShareOptions, error)
	events *notices
	now    func() time.Time
}

// folder is one folder that is served, or would be.
type folder struct {
	dir      string
	explicit bool // it was named itself, not the folder above it
	card     *repo.Card
	private  bool
	stamp    stamp     // what was seen when the card was read
	err      error     // why there is no card
	twin     object.ID // the dataset, if it is served from another folder
	tried    time.Time
	handle   *handle       // nil if not open
	gone     chan struct{} // closed when it is dropped
}

// handle is the open objects of a dataset.
type handle struct {
	folder  *folder
	ready   chan struct{} // closed when opening has ended
	repo    *repo.Repo
	local   *transport.Local
	objects openStore
	err     error
	users   int
	used    time.Time // when the last user left
	stale   bool      // not to be used by those who come
}

func newShelf(o shelfOptions, limits bounds.Values) *Shelf {
	if o.now == nil {
		o.now = time.Now
	}
	return &Shelf{o: o, byID: make(map[object.ID]*folder), byDir: make(map[string]*folder), limits: limits}
}

// Find returns the dataset that a peer asks for, for [transport.NewServer]. To a peer that
// may not know of it, it is not there, and nothing is opened. The dataset is to be closed.
func (s *Shelf) Find(ctx context.Context, peer refs.PeerID, id object.ID) (transport.Dataset, error) {
	s.mu.Lock()
	e := s.byID[id]
	s.mu.Unlock()
	if e == nil {
		return nil, fmt.Errorf("%w: %s", transport.ErrNotFound, id.Short())
	}
	may, err := e.card.MayRead(peer)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, transport.ErrNotFound
	}
	h, err := s.acquire(ctx, e)
	if err != nil {
		return nil, err
	}
	return newLease(s, h), nil
}

// Private reports whether only some may know of the dataset. One that is not here is.
func (s *Shelf) Private(id object.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	return e == nil || e.private
}

// acquire opens the dataset if need be and counts one more user. The caller releases.
func (s *Shelf) acquire(ctx context.Context, e *folder) (*handle, error) {
	deadline := s.o.now().Add(s.patience())
	for {
		s.mu.Lock()
		switch h := e.handle; {
		case s.closed:
			s.mu.Unlock()
			return nil, fmt.Errorf("%w: it is shutting down", transport.ErrBusy)
		case h != nil && !h.stale:
			h.users++
			s.mu.Unlock()
			return s.await(ctx, h)
		case s.makeRoom():
			h := &handle{folder: e, ready: make(chan struct{}), users: 1}
			e.handle = h
			s.open++
			s.mu.Unlock()
			s.load(ctx, h)
			return s.await(ctx, h)
		}
		freed := make(chan struct{})
		s.freed = append(s.freed, freed)
		s.mu.Unlock()
		if err := s.wait(ctx, freed, deadline); err != nil {
			return nil, err
		}
	}
}

func (s *Shelf) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits.Time(bounds.Wait)
}

// wait waits until a handle may be closed.
func (s *Shelf) wait(ctx context.Context, freed <-chan struct{}, deadline time.Time) error {
	timer := time.NewTimer(deadline.Sub(s.o.now()))
	defer timer.Stop()
	select {
	case <-freed:
		return nil
	case <-timer.C:
		return &transport.LimitError{
			Limit: bounds.OpenDatasets, Class: transport.ErrBusy, Text: "as many datasets are in use as can be open at once",
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// makeRoom reports whether one more handle may be opened, and closes the one that was
// not used for longest if it must. It is called with s.mu held.
func (s *Shelf) makeRoom() bool {
	if s.open < s.limits.Int(bounds.OpenDatasets) {
		return true
	}
	var oldest *handle
	for _, e := range s.byDir {
		if h := e.handle; h != nil && h.users == 0 && (oldest == nil || h.used.Before(oldest.used)) {
			oldest = h
		}
	}
	if oldest == nil {
		return false
	}
	s.shut(oldest)
	return true
}

// load opens the dataset of a handle.
func (s *Shelf) load(ctx context.Context, h *handle) {
	defer close(h.ready)
	// Whoever comes next waits for this, too: it must not end with the one request.
	ctx = context.WithoutCancel(ctx)
	h.repo, h.err = h.folder.card.Open(ctx)
	if h.err != nil {
		return
	}
	h.local, h.err = s.share(ctx, h)
	if h.err != nil {
		_ = h.repo.Close() // the first error says more
		return
	}
	h.objects = h.local.Store.(openStore)
}

// share returns the dataset as it is served. Where its policy on proposals does not hold
// here, it takes none.
func (s *Shelf) share(ctx context.Context, h *handle) (*transport.Local, error) {
	o, err := s.o.policy(h.folder)
	if err != nil {
		return nil, err
	}
	local, err := h.repo.Shared(ctx, o)
	if errors.Is(err, repo.ErrNotMaintainer) || errors.Is(err, repo.ErrDetached) {
		if h.folder.explicit && s.strict {
			return nil, err
		}
		s.o.events.trouble(h.folder.dir, "it takes no proposals", err)
		none := *o
		none.Proposals = repo.ProposalsNone
		local, err = h.repo.Shared(ctx, &none)
	}
	return local, err
}

// await waits until a handle is open.
func (s *Shelf) await(ctx context.Context, h *handle) (*handle, error) {
	select {
	case <-h.ready:
	case <-ctx.Done():
		s.release(h)
		return nil, context.Cause(ctx)
	}
	if h.err != nil {
		s.mu.Lock()
		h.stale = true // the next one tries again
		s.mu.Unlock()
		s.release(h)
		return nil, fmt.Errorf("opening %s: %w", h.folder.dir, h.err)
	}
	return h, nil
}

// release counts one user less, and closes what nobody is to use any more.
func (s *Shelf) release(h *handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.users--
	h.used = s.o.now()
	if h.users > 0 {
		return
	}
	if h.stale || s.closed {
		s.shut(h)
	}
	s.wake()
}

// wake lets those who wait for a handle look again. It is called with s.mu held.
func (s *Shelf) wake() {
	for _, c := range s.freed {
		close(c)
	}
	s.freed = nil
}

// shut closes a handle that has no users. It is called with s.mu held.
func (s *Shelf) shut(h *handle) {
	if h.folder.handle == h {
		h.folder.handle = nil
	}
	s.open--
	if h.local != nil {
		if err := h.repo.Close(); err != nil {
			s.o.events.trouble(h.folder.dir, "closing it", err)
		}
		h.local = nil
	}
}

// retire makes a handle one that only those use who have it. It is called with s.mu held.
func (s *Shelf) retire(e *folder) {
	h := e.handle
	if h == nil {
		return
	}
	h.stale, e.handle = true, nil
	if h.users == 0 {
		s.shut(h)
	}
}

// tidy closes what nobody has asked for in some time.
func (s *Shelf) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := s.limits.Time(bounds.DatasetIdle)
	for _, e := range s.byDir {
		if h := e.handle; h != nil && h.users == 0 && s.o.now().Sub(h.used) >= idle {
			s.shut(h)
		}
	}
	s.wake()
}

// setLimits changes the bounds.
func (s *Shelf) setLimits(limits bounds.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
	s.wake()
}

// close closes everything as soon as nobody uses it.
func (s *Shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, e := range s.byDir {
		s.retire(e)
	}
	s.wake()
}

// Counts says how many datasets a shelf has.
type Counts struct {
	Public, Private int
	Open            int // of which the objects are open
	Damaged         int // folders that cannot be served
}

// Counts returns how many datasets there are.
func (s *Shelf) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Counts{Open: s.open}
	for _, e := range s.byDir {
		switch {
		case e.err != nil:
			c.Damaged++
		case e.private:
			c.Private++
		default:
			c.Public++
		}
	}
	return c
}

// cards returns the cards of all datasets, sorted by folder.
func (s *Shelf) cards() []*repo.Card {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*repo.Card
	for _, e := range s.byDir {
		if e.card != nil && s.byID[e.card.Dataset] == e {
			list = append(list, e.card)
		}
	}
	slices.SortFunc(list, func(a, b *repo.Card) int { return strings.Compare(a.Dir, b.Dir) })
	return list
}
