package transport

import (
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// ServerOptions bound what a server does. Zero fields mean the defaults.
type ServerOptions struct {
	// MaxRequests is how many requests are served at once, half of them for one peer.
	// Further ones wait for their turn: at most MaxWaiting at once, for at most MaxWait.
	// Whoever has the fewest under way is next, and of these who came first. The rest
	// is told that the server is busy. Defaults: 128, 1024, 30 s.
	MaxRequests int
	MaxWaiting  int
	MaxWait     time.Duration
	// MaxWatches is how many watches are open at once, and MaxWatchesPerPeer how many of
	// them one peer has; further ones are told that the server is busy. A watch is one of
	// the requests above only until it was answered once. Defaults: 256, 16.
	MaxWatches        int
	MaxWatchesPerPeer int
	// Memory is what all requests together hold; nil for no bound. One that finds no
	// room is told that the server is busy, or gets a shorter answer.
	Memory *Memory
	// MaxRequestBytes is the size of a request. Default: [MaxRequest], which is the most.
	MaxRequestBytes int
	// MaxTraversal is how many objects are read for one answer. Whoever asks is told that
	// the budget is used up and asks for the rest. Default: 1,000,000.
	MaxTraversal int64
	// MaxObjectBytes is the size of an object that is pushed, uncompressed. It is compared
	// with what the object is said to be, before anything of it is unpacked. Default: the
	// most that an object can have.
	MaxObjectBytes int
	// MaxPushBytes is the most bytes of objects, uncompressed, that one push may bring;
	// 0 for no bound.
	MaxPushBytes int64
	// Stall and MinProgress: as in [SyncOptions]. They bound the time that an idle
	// peer holds a request open, too.
	Stall       time.Duration
	MinProgress int64
	// Done, if not nil, is called after each request, and after each answer of a watch. It
	// is called from several goroutines.
	Done func(Served)
}

// RequestKind is what a peer asked for.
type RequestKind string

// The kinds.
const (
	RequestSync  RequestKind = "sync"
	RequestPush  RequestKind = "push"
	RequestWatch RequestKind = "watch"
)

// Served says how a request went.
type Served struct {
	Peer    refs.PeerID
	Kind    RequestKind // "" if it did not get as far
	Dataset object.ID   // zero if none was named
	Stats   Stats
	Waited  time.Duration // for its turn
	Took    time.Duration // in all
	// Limit is the name of a bound that made the answer shorter, though the peer can ask
	// for the rest; one that ended it stands in Err (see [LimitError]).
	Limit string
	Err   error // what the peer was told; nil if all went well
}

func (o *ServerOptions) withDefaults() *ServerOptions {
	full := &ServerOptions{}
	if o != nil {
		*full = *o
	}
	if full.MaxRequests <= 0 {
		full.MaxRequests = 128
	}
	if full.MaxWaiting <= 0 {
		full.MaxWaiting = 1024
	}
	if full.MaxWait <= 0 {
		full.MaxWait = 30 * time.Second
	}
	if full.MaxWatches <= 0 {
		full.MaxWatches = 256
	}
	if full.MaxWatchesPerPeer <= 0 {
		full.MaxWatchesPerPeer = 16
	}
	if full.MaxRequestBytes <= 0 || full.MaxRequestBytes > MaxRequest {
		full.MaxRequestBytes = MaxRequest
	}
	if full.MaxTraversal <= 0 {
		full.MaxTraversal = 1_000_000
	}
	if full.MaxObjectBytes <= 0 {
		full.MaxObjectBytes = 1 + object.MaxPayload
	}
	full.Stall, full.MinProgress = guardTimes(full.Stall, full.MinProgress)
	return full
}
