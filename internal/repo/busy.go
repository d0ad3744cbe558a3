package repo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// How often, and when first, a busy peer is asked again. Each wait is twice as long as the
// one before, up to the longest, less up to half of it, so that not all who were sent away
// come back at once.
const (
	busyTries   = 8
	busyWait    = 500 * time.Millisecond
	longestWait = 20 * time.Second
)

// Busy says that peers are busy and when they are asked again.
type Busy struct {
	Err  error         // what they said
	Wait time.Duration // until the next try
	Try  int           // which try that is, from 2 on
	Most int           // how many there are
}

// whileBusy calls try until it ends otherwise than that peers are busy, a few times.
func (r *Repo) whileBusy(ctx context.Context, try func() error) error {
	wait := r.o.BusyWait
	if wait <= 0 {
		wait = busyWait
	}
	for n := 1; ; n++ {
		err := try()
		if n == busyTries || ctx.Err() != nil || !errors.Is(err, transport.ErrBusy) && !errors.Is(err, link.ErrRefused) {
			return err
		}
		next := wait/2 + rand.N(wait/2+1)
		if r.o.Busy != nil {
			r.o.Busy(Busy{Err: err, Wait: next, Try: n + 1, Most: busyTries})
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		wait = min(2*wait, max(wait, longestWait))
	}
}
