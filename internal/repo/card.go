package repo

import (
	"context"

	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Card is what a folder says of its dataset without its objects being opened, so that
// many datasets can be known at little cost. It holds no file open. It is safe for use by
// several goroutines at once.
type Card struct {
	// Dir is the dataset's folder.
	Dir string
	// Dataset is the dataset's id.
	Dataset object.ID

	r *Repo // without a store
}

// ReadCard reads the card of the dataset that the folder start is, or lies in. It fails
// as [Open] does.
func ReadCard(ctx context.Context, start string, o *Options) (*Card, error) {
	r, err := findRoot(start, o)
	if err != nil {
		return nil, err
	}
	if err := r.loadFolder(ctx, nil); err != nil {
		return nil, err
	}
	id, err := r.DatasetID()
	if err != nil {
		return nil, err
	}
	return &Card{Dir: r.Dir, Dataset: id, r: r}, nil
}

// Name returns the dataset's name, and whether only the people whom its identity lists
// may know of it.
func (c *Card) Name() (name string, private bool, err error) {
	chain, err := c.r.refs.Chain()
	if err != nil {
		return "", false, err
	}
	id := chain.Current()
	return id.Name, id.Audience == refs.PeopleOnly, nil
}

// MayRead reports whether the peer may know of the dataset, as things stand.
func (c *Card) MayRead(peer refs.PeerID) (bool, error) {
	chain, err := c.r.refs.Chain()
	if err != nil {
		return false, err
	}
	return chain.Current().MayRead(peer), nil
}

// Part returns which part of the dataset is there; nil is all of it.
func (c *Card) Part() *Part { return c.r.part }

// Settings returns the dataset's and the person's settings, as they were when the card
// was read.
func (c *Card) Settings() *settings.Settings { return c.r.settings }

// Ticket is as [Repo.Ticket].
func (c *Card) Ticket(ctx context.Context, peers []refs.Address) (refs.URL, error) {
	return c.r.Ticket(ctx, peers)
}

// NoteServing is as [Repo.NoteServing].
func (c *Card) NoteServing(peers []refs.Address, unlisted bool) error {
	return c.r.NoteServing(peers, unlisted)
}

// Open opens the dataset with its objects.
func (c *Card) Open(ctx context.Context) (*Repo, error) { return Open(ctx, c.Dir, &c.r.o) }
