package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/pack/internal/vfs"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrClosed says that the store was closed, or the batch committed or discarded.
	ErrClosed = errors.New("object/pack: already closed")
	// ErrBusy says that objects are being dropped from the folder, or that they
	// cannot be because a batch is open, maybe in another process.
	ErrBusy = errors.New("object/pack: the packs are in use")
)

// Options are the choices of [Open]. The zero value is the default.
type Options struct {
	// ReadOnly forbids batches and never writes to the folder. A folder that is
	// not there is an empty store.
	ReadOnly bool
	// CacheBytes bounds the decoded objects kept in memory; 32 MiB if zero.
	CacheBytes int64
	// Cache keeps them, if not nil, together with those of other stores.
	Cache *Cache
}

// Store holds objects in the packs of one folder. It is safe for use by several
// goroutines at once, and several Stores, in one process or more, may share the
// folder.
type Store struct {
	fs       vfs.FS
	readOnly bool
	codec    entry.Codec
	good     entry.Codec // for small batches
	best     entry.Codec // for Repack
	cache    *Cache

	scan    sync.Mutex // held while the folder is read
	scanned time.Time  // the folder's time of change at the last reading

	mu   sync.RWMutex
	view *view // nil once closed
	open map[*Batch]struct{}
}

var (
	_ object.Store = (*Store)(nil)
	_ entry.Getter = (*Store)(nil)
)

// Open opens the store in the folder dir, which it makes if need be. A pack that
// cannot be read does not fail Open: what it held is reported as damaged when
// it is asked for, and by [Store.Verify]. opts may be nil.
func Open(ctx context.Context, dir string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	folder := vfs.Dir(dir)
	if !opts.ReadOnly {
		if err := folder.Make(); err != nil {
			return nil, fmt.Errorf("object/pack: opening: %w", err)
		}
	}
	return openFS(ctx, folder, opts)
}

func openFS(ctx context.Context, folder vfs.FS, opts *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{
		fs:       folder,
		readOnly: opts.ReadOnly,
		cache:    opts.Cache,
		view:     &view{},
		open:     make(map[*Batch]struct{}),
	}
	if s.cache == nil {
		s.cache = NewCache(cmp.Or(opts.CacheBytes, 32<<20))
	}
	s.good.Effort, s.best.Effort = entry.Good, entry.Thorough
	s.view.refs.Store(1)
	if err := s.refresh(true); err != nil && (!s.readOnly || !errors.Is(err, os.ErrNotExist)) {
		return nil, err
	}
	if !s.readOnly {
		s.sweep()
	}
	return s, nil
}

// acquire returns the current view, which the caller releases.
func (s *Store) acquire() (*view, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, ErrClosed
	}
	s.view.refs.Add(1)
	return s.view, nil
}

// Get implements [object.Reader]. Everything read is compared with its id. If a
// copy is damaged and another pack has one that is not, that is returned.
func (s *Store) Get(ctx context.Context, id object.ID) (object.Object, error) {
	return s.get(ctx, nil, id)
}

func (s *Store) get(ctx context.Context, b *Batch, id object.ID) (object.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o, ok := s.cache.get(s, id); ok {
		return o, nil
	}
	o, err := s.loadOnce(b, id)
	if err == nil || errors.Is(err, ErrClosed) {
		return o, err
	}
	// Another process may have written it, or joined the pack it was in.
	if refreshErr := s.refresh(false); refreshErr != nil {
		if s.readOnly && errors.Is(refreshErr, fs.ErrNotExist) {
			return nil, err
		}
		return nil, refreshErr
	}
	return s.loadOnce(b, id)
}

func (s *Store) loadOnce(b *Batch, id object.ID) (object.Object, error) {
	v, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer v.release()
	return s.load(source{v, b}, id, maxDepth)
}

// Has implements [object.Reader]. It looks into memory; only if the folder
// changed since does it look there.
func (s *Store) Has(ctx context.Context, id object.ID) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if ok, err := s.holds(id); ok || err != nil {
		return ok, err
	}
	if err := s.refresh(false); err != nil {
		if s.readOnly && errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	return s.holds(id)
}

func (s *Store) holds(id object.ID) (bool, error) {
	v, err := s.acquire()
	if err != nil {
		return false, err
	}
	defer v.release()
	for _, p := range v.packs {
		if _, ok := p.find(id); ok {
			return true, nil
		}
	}
	return false, nil
}

// GetEntry implements [entry.Getter].
func (s *Store) GetEntry(ctx context.Context, id object.ID) (entry.Entry, error) {
	if err := ctx.Err(); err != nil {
		return entry.Entry{}, err
	}
	e, err := s.entryOnce(id)
	if !errors.Is(err, object.ErrNotFound) {
		return e, err
	}
	if err := s.refresh(false); err != nil {
		return entry.Entry{}, err
	}
	return s.entryOnce(id)
}

func (s *Store) entryOnce(id object.ID) (entry.Entry, error) {
	v, err := s.acquire()
	if err != nil {
		return entry.Entry{}, err
	}
	defer v.release()
	hits := source{view: v}.find(id)
	if len(hits) == 0 {
		return entry.Entry{}, v.missing(id)
	}
	e, err := hits[0].entry()
	if err != nil {
		return entry.Entry{}, damaged(id, err)
	}
	return e, nil
}

// Stats says how much a store holds.
type Stats struct {
	Packs   int
	Objects int   // an object in two packs counts twice
	Bytes   int64 // of all packs, with their indexes
	Damaged int   // packs that cannot be opened
}

// Stats returns how much the store holds, as far as it has seen the folder.
func (s *Store) Stats() (Stats, error) {
	v, err := s.acquire()
	if err != nil {
		return Stats{}, err
	}
	defer v.release()
	st := Stats{Packs: len(v.packs), Damaged: len(v.bad)}
	for _, p := range v.packs {
		st.Objects += p.n
		st.Bytes += p.size
	}
	return st, nil
}

// Close implements [object.Store]. To close twice is no error.
func (s *Store) Close() error {
	s.mu.Lock()
	v := s.view
	s.view = nil
	var open []*Batch
	for b := range s.open {
		open = append(open, b)
	}
	s.mu.Unlock()
	if v == nil {
		return nil
	}
	var errs []error
	for _, b := range open {
		errs = append(errs, b.Discard())
	}
	s.cache.drop(s)
	v.release()
	return errors.Join(errs...)
}
