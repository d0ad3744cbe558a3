package reach

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/tcp"
)

// Carrier names what carries a connection.
type Carrier string

// The carriers.
const (
	QUIC Carrier = "quic"
	TCP  Carrier = "tcp"
)

// Options says how to connect and to listen. The zero value means the defaults.
type Options struct {
	QUIC *quic.Options
	TCP  *tcp.Options
	// HeadStart is how long QUIC may take before TCP is tried beside it. Default: 400 ms.
	HeadStart time.Duration
	// Prefer is the carrier that worked the last time, if that is known: TCP is then tried
	// at once.
	Prefer Carrier
}

// Conn is a connection, and what carries it.
type Conn struct {
	link.Conn
	Carrier Carrier
}

// A port that refuses TCP gives QUIC so much more time: several times what the
// refusal took, and no less than the minimum.
const (
	refusedFactor = 4
	refusedLeast  = 600 * time.Millisecond
)

// Dial connects to the peer at the address (host:port, an IPv6 host in brackets). key
// is this device's. A zero expected peer means whoever answers.
//
// It fails with the errors of both carriers, which wrap [link.ErrUnreachable],
// [link.ErrRefused], [link.ErrProtocol] or a [*link.WrongPeerError], or with ctx's
// error.
func Dial(ctx context.Context, address string, expected refs.PeerID, key crypto.Signer, o *Options) (*Conn, error) {
	if o == nil {
		o = &Options{}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &race{ctx: ctx, results: make(chan outcome)}
	r.enter(func(ctx context.Context) (*Conn, error) {
		c, err := quic.Dial(ctx, []string{address}, expected, key, o.QUIC)
		return &Conn{c, QUIC}, err
	})
	headStart := o.HeadStart
	if headStart <= 0 {
		headStart = 400 * time.Millisecond
	}
	if o.Prefer == TCP {
		headStart = 0
	}
	won, err := r.run(headStart, func(ctx context.Context) (*Conn, error) {
		c, err := tcp.Dial(ctx, address, expected, key, o.TCP)
		return &Conn{c, TCP}, err
	})
	cancel()
	r.drain()
	return won, err
}

// outcome is how one attempt ended.
type outcome struct {
	conn *Conn
	err  error
	took time.Duration
}

// race is a Dial under way.
type race struct {
	ctx     context.Context
	results chan outcome
	open    int // attempts that have not ended
}

func (r *race) enter(dial func(context.Context) (*Conn, error)) {
	r.open++
	begin := time.Now()
	go func() {
		conn, err := dial(r.ctx)
		r.results <- outcome{conn, err, time.Since(begin)}
	}()
}

// run waits for the attempt that was entered, and enters another if that has not
// succeeded after the head start.
func (r *race) run(headStart time.Duration, other func(context.Context) (*Conn, error)) (*Conn, error) {
	second := time.NewTimer(headStart)
	defer second.Stop()
	late := second.C
	enough := make(<-chan time.Time)
	var failed []error
	for {
		select {
		case <-late:
			late = nil
			r.enter(other)
			continue
		case <-enough:
			return nil, errors.Join(append(failed, fmt.Errorf("over QUIC: %w", link.ErrUnreachable))...)
		case res := <-r.results:
			r.open--
			if res.err == nil {
				return res.conn, nil
			}
			failed = append(failed, res.err)
			if errors.Is(res.err, link.ErrWrongPeer) || r.ctx.Err() != nil {
				return nil, res.err
			}
			if errors.Is(res.err, syscall.ECONNREFUSED) {
				enough = time.After(max(refusedFactor*res.took, refusedLeast))
			}
		}
		if late != nil {
			late = nil
			r.enter(other)
		} else if r.open == 0 {
			return nil, errors.Join(failed...)
		}
	}
}

// drain waits for the attempts that nobody needs any more.
func (r *race) drain() {
	for ; r.open > 0; r.open-- {
		if res := <-r.results; res.err == nil {
			// It only ends what nobody uses.
			_ = res.conn.Close()
		}
	}
}
