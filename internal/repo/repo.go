package repo

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
)

// The files of a store (see the package comment).
const (
	formatFile  = "format"
	formatText  = "constl dataset 1\n"
	packsDir    = "packs"
	refsDir     = "refs"
	headFile    = "HEAD"
	statFile    = "stat"
	tracesDir   = "traces"
	mergeFile   = "merge.json"
	remotesFile = "remotes.json"
	lockFile    = "lock"
	journalDir  = "journal"
	cloningFile = "cloning"
	// carriersFile says over what peers were reached, where that was not QUIC.
	carriersFile = "carriers.json"
	// viewsFile keeps what files look like of which a part is here. It is a saving alone.
	viewsFile = "views.json"
	partFile  = "part.json" // which part of the dataset is here

	proposalsFile = "proposals.json"
	servingName   = "serving.json"
	// contactsFile says where peers serve the dataset. It is a help alone.
	contactsFile = "contacts.json"
)

// DefaultBranch is the first branch of a new dataset.
const DefaultBranch = "main"

// Options say how a dataset is opened. Nil stands for the defaults.
type Options struct {
	// Home is the folder of the person's key and settings. Without it nothing can
	// be signed.
	Home string
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
	// Patience is how long a peer may take to answer a first call; 0 is the
	// default of package reach.
	Patience time.Duration
	// BusyWait is how long a peer that is busy is left alone at first; 0 is the default.
	BusyWait time.Duration
	// Busy, if not nil, is told that peers are busy and will be asked again.
	Busy func(Busy)
	// Cache keeps objects that were read, together with those of other datasets; nil
	// gives this one a cache of its own.
	Cache *pack.Cache
	// LockWait is how long to wait while another constl changes the same working copy;
	// 0 is not at all.
	LockWait time.Duration
	// Progress is told of work that a person may wait for; it may be nil. It is
	// called from several goroutines.
	Progress Progress
}

// Progress hears how far something has come: what is done, how much of it, and
// how much there is in all if that is known, else 0.
type Progress func(what string, done, total int64)

// Repo is an open working copy. Whoever opened it calls Close.
type Repo struct {
	// Dir is the dataset's folder.
	Dir string

	store    *objects
	refs     *refs.Store
	settings *settings.Settings
	o        Options
	signing  bool // refs was opened with the key that signs
	// heedsOpen says that files which another program has open are not replaced.
	heedsOpen bool
	// sign is that key, and speakerID its public half; nil and zero unless signing.
	sign      crypto.Signer
	speakerID refs.PeerID
	asked     bool // peers are asked for this copy's own log, or were
	restored  *Restored

	floor int64 // bytes of the disk that stay free of what peers bring; 0 for no matter

	part    *Part           // what is here of the dataset; nil for all
	views   map[string]view // what files look like of which a part is here
	filling sync.Mutex      // held while missing objects are fetched
	// matched says of segments whether they have rows of the part matchedPart.
	matched     map[object.ID]bool
	matchedPart *Part
}

// InitOptions say what dataset to make.
type InitOptions struct {
	Name string // "" stands for the folder's own
	// Private lets only the people whom the identity lists read the dataset.
	Private bool
}

// Init makes a dataset of the folder dir, which is made if it is not there, with
// this device's owner as its maintainer. Files that lie in the folder stay as
// they are. It fails with [ErrExists] if the folder is a dataset already.
func Init(ctx context.Context, dir string, what InitOptions, o *Options) (*Repo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("making a dataset: %w", err)
	}
	if what.Name == "" {
		what.Name = filepath.Base(dir)
	}
	r := newRepo(dir, o)
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return nil, fmt.Errorf("making a dataset: %w", err)
	}
	if r.settings, err = settings.Open(r.o.Home, ""); err != nil {
		return nil, err
	}
	sign, err := signingKey(ctx, r.settings, key)
	if err != nil {
		return nil, fmt.Errorf("making a dataset: %w", err)
	}
	maintainer := r.person(key.PeerID())
	if signs, err := signerID(sign); err != nil {
		return nil, err
	} else if signs != key.PeerID() {
		maintainer.Devices = append(maintainer.Devices, refs.Device{Key: signs, Name: "ssh-agent"})
	}
	first := refs.NewIdentity(what.Name, maintainer, r.o.Now())
	if what.Private {
		first.Audience, first.Proposers = refs.PeopleOnly, refs.ProposePeople
	}
	identity, err := refs.SignIdentity(first, key)
	if err != nil {
		return nil, fmt.Errorf("making a dataset: %w", err)
	}
	chain, err := refs.VerifyChain(identity.ID(), []*refs.SignedIdentity{identity})
	if err != nil {
		return nil, fmt.Errorf("making a dataset: %w", err)
	}
	return r, r.create(ctx, chain, sign)
}

// person is how this device's owner stands in an identity. The device is called
// by its system: the computer's own name is nobody's business.
func (r *Repo) person(device refs.PeerID) refs.Person {
	name, orcid := r.owner()
	return refs.Person{Name: name, ORCID: orcid, Devices: []refs.Device{{Key: device, Name: runtime.GOOS}}}
}

// create lays out the store for the chain's dataset. The format file comes last,
// so that a folder with it is whole. If it fails, what it has made goes again.
func (r *Repo) create(ctx context.Context, chain *refs.Chain, key crypto.Signer) error {
	if err := r.vacant(); err != nil {
		return err
	}
	_, noFolder := os.Stat(r.Dir)
	_, noStore := os.Stat(r.path())
	err := r.lay(ctx, chain, key)
	if err != nil && noStore != nil {
		err = errors.Join(err, os.RemoveAll(r.path()))
	}
	if err != nil && noFolder != nil {
		_ = os.Remove(r.Dir) // only if it is there and empty
	}
	return err
}

// vacant fails with [ErrExists] if the folder is a dataset, or is to be one.
func (r *Repo) vacant() error {
	for name, text := range map[string]string{formatFile: "%s is a dataset: %w", cloningFile: "a clone was cut in %s; go on with it: %w"} {
		if _, err := os.Stat(r.path(name)); err == nil {
			return fmt.Errorf(text, r.Dir, ErrExists)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("making a dataset: %w", err)
		}
	}
	return nil
}

func (r *Repo) lay(ctx context.Context, chain *refs.Chain, key crypto.Signer) error {
	if err := os.MkdirAll(r.path(), 0o755); err != nil {
		return fmt.Errorf("making a dataset: %w", err)
	}
	if _, err := refs.Create(ctx, r.path(refsDir), chain, r.refsOptions(key)); err != nil {
		return fmt.Errorf("making a dataset: %w", err)
	}
	head, err := refs.Head(DefaultBranch)
	if err != nil {
		return err
	}
	if err := r.writeHead(Head{Branch: head}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := durable.WriteFile(r.path(formatFile), []byte(formatText), 0o644); err != nil {
		return fmt.Errorf("making a dataset: %w", err)
	}
	return r.load(ctx, key)
}

// Open opens the dataset that the folder start is, or lies in. It fails with
// [ErrNotDataset], with an error that wraps [refs.ErrNewerFormat] if a newer
// constl wrote it, or if its store is damaged.
func Open(ctx context.Context, start string, o *Options) (*Repo, error) {
	r, err := findRoot(start, o)
	if err != nil {
		return nil, err
	}
	return r, r.load(ctx, nil)
}

// findRoot finds the dataset's folder and checks its format. Nothing of it is loaded yet.
func findRoot(start string, o *Options) (*Repo, error) {
	start, err := filepath.Abs(start)
	if err != nil {
		return nil, fmt.Errorf("opening the dataset: %w", err)
	}
	if _, err := os.Stat(start); err != nil {
		return nil, fmt.Errorf("opening the dataset: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(FormatFile(dir))
		if err == nil {
			return newRepo(dir, o), checkFormat(dir, string(text))
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotDir) {
			return nil, fmt.Errorf("opening the dataset: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return nil, fmt.Errorf("%w: neither %s nor a folder above it has a %s", ErrNotDataset, start, worktree.StoreDir)
		}
	}
}

// FormatFile returns the path of the file that makes the folder dir a dataset; it is
// written last.
func FormatFile(dir string) string { return filepath.Join(dir, worktree.StoreDir, formatFile) }

func checkFormat(dir, format string) error {
	switch {
	case format == formatText:
		return nil
	case strings.HasPrefix(format, "constl dataset "):
		return fmt.Errorf("%s: %w", dir, refs.ErrNewerFormat)
	}
	return fmt.Errorf("opening %s: %w: its format file says %q", dir, object.ErrCorrupt, format)
}

func newRepo(dir string, o *Options) *Repo {
	r := &Repo{Dir: dir}
	if o != nil {
		r.o = *o
	}
	if r.o.Now == nil {
		r.o.Now = time.Now
	}
	if r.o.Progress == nil {
		r.o.Progress = func(string, int64, int64) {}
	}
	return r
}

// load opens what lies in the store.
func (r *Repo) load(ctx context.Context, key crypto.Signer) (err error) {
	if err := r.loadFolder(ctx, key); err != nil {
		return err
	}
	return r.openStore(ctx)
}

// loadFolder is load but for the objects.
func (r *Repo) loadFolder(ctx context.Context, key crypto.Signer) (err error) {
	if r.settings, err = settings.Open(r.o.Home, r.path()); err != nil {
		return err
	}
	if r.refs, err = refs.Open(ctx, r.path(refsDir), r.refsOptions(key)); err != nil {
		return err
	}
	if key != nil {
		if err := r.signWith(key); err != nil {
			return err
		}
	}
	return r.readPart()
}

func (r *Repo) openStore(ctx context.Context) error {
	packs, err := pack.Open(ctx, r.path(packsDir), &pack.Options{Cache: r.o.Cache})
	if err == nil {
		r.store = &objects{packs, r}
	}
	return err
}

func (r *Repo) refsOptions(key crypto.Signer) *refs.Options {
	o := &refs.Options{Now: r.o.Now}
	if key != nil {
		o.Key = key
		o.Journal = filepath.Join(r.o.Home, journalDir)
	}
	return o
}

// Close gives back what the Repo holds open.
func (r *Repo) Close() error { return r.store.Close() }

// path returns the path of something in the store.
func (r *Repo) path(parts ...string) string {
	return filepath.Join(append([]string{r.Dir, worktree.StoreDir}, parts...)...)
}

// Settings returns the dataset's and the person's settings.
func (r *Repo) Settings() *settings.Settings { return r.settings }

// Objects returns the dataset's objects.
func (r *Repo) Objects() object.Reader { return r.store }

// Chain returns the dataset's identity, verified.
func (r *Repo) Chain() (*refs.Chain, error) { return r.refs.Chain() }

// DatasetID returns the id that names the dataset for ever.
func (r *Repo) DatasetID() (object.ID, error) {
	chain, err := r.refs.Chain()
	if err != nil {
		return object.ID{}, err
	}
	return chain.Dataset(), nil
}

// owner returns the name and ORCID under which this person commits.
func (r *Repo) owner() (name, orcid string) {
	name, ok := r.settings.Get(settings.UserName)
	if !ok {
		name = systemUser()
	}
	orcid, _ = r.settings.Get(settings.UserORCID)
	return name, orcid
}

// Maintains reports whether what this device signs counts for the branch: whether
// its owner is one of those whose word makes the dataset's state. Commits of
// others stay in their copies until one of these takes them over. The device's
// key is made if it is not there.
func (r *Repo) Maintains(ctx context.Context, branch refs.Name) (bool, error) {
	speaker, err := r.speaker(ctx)
	if err != nil {
		return false, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return false, err
	}
	person, known := chain.Current().Person(speaker)
	if !known || !chain.Current().Rule(branch).MaySign(person) {
		return false, nil
	}
	held, err := r.Held(ctx)
	return held == "", err
}

// Held returns the log by which this device has signed two histories: nothing that it
// says counts until the maintainers settle that (see [Repo.SettleLog]). It is "" if
// there is none.
func (r *Repo) Held(ctx context.Context) (log string, err error) {
	speaker, err := r.speaker(ctx)
	if err != nil {
		return "", err
	}
	view, err := r.refs.View(ctx)
	if err != nil {
		return "", err
	}
	peer := view.Peer(speaker)
	for _, l := range peer.Logs {
		if peer.Listed && l.Held && l.Proof != nil {
			return l.ID.String(), nil
		}
	}
	return "", nil
}
