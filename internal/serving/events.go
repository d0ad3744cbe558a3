package serving

import (
	"sync"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// Events are what a service tells of itself. Each may be nil; they are called from several
// goroutines and should return soon.
type Events struct {
	// Request is told of each request that has ended, and whether it was about a dataset
	// that only some may know of.
	Request func(r transport.Served, private bool)
	// Added and Removed are told of datasets that come and go while the service runs, and
	// where they are served.
	Added   func(c *repo.Card, peers []refs.Address)
	Removed func(dir string, dataset object.ID)
	// Damaged is told of a folder that cannot be served, and why.
	Damaged func(dir string, err error)
	// Trouble is told what failed without ending the service, and where.
	Trouble func(where, doing string, err error)
	// Limit is told of a bound that was hit, and how often since it was told last. It
	// hears of each bound at most once in some seconds.
	Limit func(name string, times int64)
	// Proposal is told what became of a proposal.
	Proposal func(p *repo.Proposal, text string)
	// Reloaded is told of settings that were taken over: the bounds that have new values.
	Reloaded func(changed []string)
}

// notices tells events, and what goes on being so only once.
type notices struct {
	on Events

	mu   sync.Mutex
	said map[string]string // by where and what, what was told last
}

func newNotices(on Events) *notices { return &notices{on: on, said: make(map[string]string)} }

func (n *notices) added(c *repo.Card, peers []refs.Address) {
	n.clear(c.Dir)
	if n.on.Added != nil {
		n.on.Added(c, peers)
	}
}

func (n *notices) removed(dir string, dataset object.ID) {
	n.clear(dir)
	if n.on.Removed != nil {
		n.on.Removed(dir, dataset)
	}
}

func (n *notices) damaged(dir string, err error) {
	if n.on.Damaged != nil {
		n.on.Damaged(dir, err)
	}
}

// trouble tells of a failure unless it was the last that was told of the same; nil says
// that there is none any more.
func (n *notices) trouble(where, doing string, err error) {
	key, text := where+"\x00"+doing, ""
	if err != nil {
		text = err.Error()
	}
	n.mu.Lock()
	old := n.said[key]
	if text == "" {
		delete(n.said, key)
	} else {
		n.said[key] = text
	}
	n.mu.Unlock()
	if err != nil && text != old && n.on.Trouble != nil {
		n.on.Trouble(where, doing, err)
	}
}

// clear forgets what was told of a folder.
func (n *notices) clear(where string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key := range n.said {
		if len(key) > len(where) && key[:len(where)+1] == where+"\x00" {
			delete(n.said, key)
		}
	}
}

func (n *notices) proposal(p *repo.Proposal, text string) {
	if n.on.Proposal != nil {
		n.on.Proposal(p, text)
	}
}
