package refs

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/constl/constl/object"
)

// The files of a store (FORMAT.md §6).
const (
	formatFile  = "format" // written last, so that a folder with it is whole
	formatText  = "constl refs 1\n"
	ownFile     = "own"      // the log to which this copy adds
	identityDir = "identity" // one file a version, never changed
	logsDir     = "logs"     // one file a log
	proofsDir   = "proofs"   // one file a log that split
	draftsDir   = "drafts"   // one file a next version that waits for signatures
	declinedDir = "declined" // one empty file a draft, or second history, that is not wanted
	forksDir    = "forks"    // one file a version that enough signed beside the one of its number
)

const defaultMaxStrangers = 1024

// Options say how to open a store. Nil means the zero Options: this copy signs nothing.
type Options struct {
	// Key signs this copy's statements: an Ed25519 key, as [*Key]. Without one,
	// [Store.Update] fails with [ErrNoKey].
	Key crypto.Signer
	// Journal is a folder outside the dataset where the device keeps how far it
	// has signed; it is made if it is not there. All datasets of a device share
	// one. Without it, a copied or restored dataset is known for what it is only
	// when it meets its own later statements at a peer.
	Journal string
	// Now is the clock of new statements; nil means [time.Now].
	Now func() time.Time
	// MaxStrangers bounds the logs kept of peers whom the identity does not
	// list; 0 means 1024.
	MaxStrangers int
}

// Store keeps a dataset's identity, the logs of everybody and this copy's own
// refs in a folder. It is safe for use by several goroutines, and the folder by
// several processes; readers never wait. There is nothing to close.
type Store struct {
	disk         disk
	key          crypto.Signer
	peer         PeerID // of key; zero without one
	journal      *journal
	now          func() time.Time
	maxStrangers int
	changes      changes

	mu       sync.Mutex
	chain    *Chain
	verified map[LogID]headSeal // heads whose signatures were found valid
	seen     map[LogID]seenRun
}

// headSeal is what was verified: a statement and the signature on it.
type headSeal struct {
	id    object.ID
	value [ed25519.SignatureSize]byte
}

// Change is what is to become of one ref. A zero id means that the ref does not
// exist: as Old, that it must be new; as New, that it is removed.
type Change struct {
	Name Name
	Old  object.ID
	New  object.ID
}

// Create makes a store for the chain's dataset in the folder, which is made too.
// It fails with an error that wraps [ErrExists] if the folder holds one, or
// [ErrLocked].
func Create(ctx context.Context, dir string, chain *Chain, opts *Options) (*Store, error) {
	s, err := newStore(dir, opts)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("refs: making the folder: %w", err)
	}
	unlock, err := s.disk.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := os.Stat(s.disk.path(formatFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrExists, dir)
	}
	// Without the format file, whatever else is there was left by a Create cut short.
	for _, name := range []string{identityDir, logsDir, proofsDir, draftsDir, declinedDir, forksDir, ownFile} {
		if err := os.RemoveAll(s.disk.path(name)); err != nil {
			return nil, fmt.Errorf("refs: making room: %w", err)
		}
	}
	if err := s.writeIdentities(chain, 0); err != nil {
		return nil, err
	}
	if s.key != nil {
		if err := s.writeOwn(LogID{s.peer, NewCopyID()}); err != nil {
			return nil, err
		}
	}
	if err := s.disk.replace(formatFile, []byte(formatText)); err != nil {
		return nil, fmt.Errorf("refs: writing %s: %w", formatFile, err)
	}
	s.chain = chain
	return s, nil
}

// Open opens the store in the folder and verifies its identity. It writes
// nothing. It fails with an error that wraps [ErrNotStore], [ErrNewerFormat],
// [object.ErrCorrupt] or [ErrUntrusted].
func Open(_ context.Context, dir string, opts *Options) (*Store, error) {
	s, err := newStore(dir, opts)
	if err != nil {
		return nil, err
	}
	format, err := s.disk.read(formatFile, 256)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s", ErrNotStore, dir)
	case err != nil:
		return nil, fmt.Errorf("refs: opening %s: %w", dir, err)
	case string(format) != formatText && strings.HasPrefix(string(format), "constl refs "):
		return nil, fmt.Errorf("%w: %s says %q", ErrNewerFormat, s.disk.path(formatFile), strings.TrimSpace(string(format)))
	case string(format) != formatText:
		return nil, corruptf("%s says %q", s.disk.path(formatFile), format)
	}
	if _, err := s.Chain(); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(dir string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	s := &Store{
		disk: disk{dir: dir}, key: opts.Key, now: opts.Now, maxStrangers: opts.MaxStrangers,
		verified: make(map[LogID]headSeal), seen: make(map[LogID]seenRun),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.maxStrangers == 0 {
		s.maxStrangers = defaultMaxStrangers
	}
	if s.key == nil {
		return s, nil
	}
	public, ok := s.key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: a %T, expected an Ed25519 key", ErrInvalidPeer, s.key.Public())
	}
	peer, err := PeerIDFromKey(public)
	if err != nil {
		return nil, err
	}
	s.peer = peer
	s.journal, err = openJournal(opts.Journal)
	return s, err
}

// Chain returns the identity as it stands now. It fails with an error that wraps
// [object.ErrCorrupt] or [ErrUntrusted].
func (s *Store) Chain() (*Chain, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		next := 1
		if s.chain != nil {
			next = s.chain.Len() + 1
		}
		v, err := s.readIdentity(next)
		if errors.Is(err, fs.ErrNotExist) && s.chain != nil {
			return s.chain, nil
		}
		if err != nil {
			return nil, fmt.Errorf("refs: reading version %d of the identity: %w", next, err)
		}
		if s.chain == nil {
			s.chain, err = VerifyChain(v.id, []*SignedIdentity{v})
		} else if longer, xerr := s.chain.Extend(v); xerr != nil {
			err = xerr
		} else {
			s.chain = longer
		}
		if err != nil {
			return nil, err
		}
	}
}

// Own returns this copy's own refs; the map is the caller's. It fails with an
// error that wraps [object.ErrCorrupt] or [ErrUntrusted].
func (s *Store) Own(_ context.Context) (map[Name]object.ID, error) {
	_, r, err := s.readOwn()
	if err != nil {
		return nil, err
	}
	return r.refs(), nil
}

// refs returns a copy of what the run's head says.
func (r run) refs() map[Name]object.ID {
	if head := r.head(); head != nil {
		return maps.Clone(head.statement.Refs)
	}
	return make(map[Name]object.ID)
}

// Update makes the changes, all or none, by a new statement of this copy, which
// it signs, stores durably and returns. Where nothing would change it returns
// the newest statement, or nil if there is none. It fails with a
// [*ConflictError] if a ref is not what the change says, or an error that wraps
// [ErrNoKey], [ErrLocked], [ErrInvalidName] or [ErrInvalidStatement].
//
// If this copy may not go on with its log (the folder was copied or restored,
// has come to another device, or the log split or was closed), it starts a new
// log with the same refs.
func (s *Store) Update(ctx context.Context, changes ...Change) (*SignedStatement, error) {
	if s.key == nil {
		return nil, ErrNoKey
	}
	unlock, err := s.disk.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	chain, err := s.Chain()
	if err != nil {
		return nil, err
	}
	log, r, err := s.readOwn()
	if err != nil {
		return nil, err
	}
	refs, changed, err := apply(r.refs(), changes)
	if err != nil {
		return nil, err
	}
	if !changed {
		return r.head(), nil
	}
	if blocked, err := s.blocked(chain, log); err != nil {
		return nil, err
	} else if blocked {
		if log, r, err = s.restart(ctx, chain, r); err != nil {
			return nil, err
		}
	}
	next, ok, err := s.append(ctx, chain, log, r, refs)
	if err != nil || ok {
		return next, err
	}
	// The device has signed further in this log than the folder knows.
	if log, r, err = s.restart(ctx, chain, r); err != nil {
		return nil, err
	}
	if next, ok, err = s.append(ctx, chain, log, r, refs); err == nil && !ok {
		err = corruptf("the device has already signed in the new log %s", log)
	}
	return next, err
}

// apply returns the refs after the changes, and whether they differ.
func apply(refs map[Name]object.ID, changes []Change) (map[Name]object.ID, bool, error) {
	before := maps.Clone(refs)
	for _, c := range changes {
		if err := c.Name.Check(); err != nil {
			return nil, false, err
		}
		if found := refs[c.Name]; found != c.Old {
			return nil, false, &ConflictError{Name: c.Name, Expected: c.Old, Found: found}
		}
		if c.New.IsZero() {
			delete(refs, c.Name)
		} else {
			refs[c.Name] = c.New
		}
	}
	return refs, !maps.Equal(before, refs), nil
}

// blocked reports whether this copy must not add to the log.
func (s *Store) blocked(chain *Chain, log LogID) (bool, error) {
	if log.Signer != s.peer {
		return true, nil
	}
	if _, closed := chain.Current().closing(log); closed {
		return true, nil
	}
	_, err := os.Stat(s.disk.path(proofsDir + "/" + log.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// append signs and stores the log's next statement. It returns false, and stores
// nothing, if the journal objects.
func (s *Store) append(ctx context.Context, chain *Chain, log LogID, r run, refs map[Name]object.ID) (*SignedStatement, bool, error) {
	st := &Statement{
		Dataset: chain.Dataset(), IdentityVersion: chain.Len(), Identity: chain.CurrentID(),
		Log: log, Seq: 1, Time: s.now().Unix(), Refs: refs,
	}
	if head := r.head(); head != nil {
		st.Seq, st.Previous = head.statement.Seq+1, head.id
	}
	next, err := SignStatement(st, s.key)
	if err != nil {
		return nil, false, err
	}
	if ok, err := s.journal.record(ctx, next); err != nil || !ok {
		return nil, false, err
	}
	if err := s.writeRun(log, r.add(next)); err != nil {
		return nil, false, err
	}
	return next, true, nil
}

// restart gives this copy a new log that says what the old one said last. The
// first statement of it changes no ref, so a crash in the midst does no harm.
func (s *Store) restart(ctx context.Context, chain *Chain, old run) (LogID, run, error) {
	log := LogID{s.peer, NewCopyID()}
	var r run
	if refs := old.refs(); len(refs) > 0 {
		first, _, err := s.append(ctx, chain, log, nil, refs)
		if err != nil {
			return log, nil, err
		}
		r = run{first}
	}
	return log, r, s.writeOwn(log)
}
