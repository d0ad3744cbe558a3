package repo

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// busyFor serves the dataset after so many requests that are told that it is busy.
func busyFor(t *testing.T, r *Repo, requests int64) refs.URL {
	t.Helper()
	shared, err := r.Shared(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var left atomic.Int64
	left.Store(requests)
	server, err := Serve(t.Context(), "127.0.0.1:0", key, func(context.Context, refs.PeerID, object.ID) (transport.Dataset, error) {
		if left.Add(-1) >= 0 {
			return nil, &transport.LimitError{Limit: transport.LimitRequests, Class: transport.ErrBusy, Text: "too much to do"}
		}
		return shared, nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close(context.Background()) })
	url, err := r.Ticket(t.Context(), server.Addresses([]string{"127.0.0.1"}))
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func TestBusyPeersAreAskedAgain(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", "id,n\n1,1\n")
	commit(t, r, "first")
	o := person(t)
	o.BusyWait = time.Millisecond
	var told []Busy
	o.Busy = func(b Busy) { told = append(told, b) }
	c := cloneOf(t, busyFor(t, r, 3), o)
	if read(t, c, "t.csv") != read(t, r, "t.csv") {
		t.Error("t.csv is not as it was committed")
	}
	if len(told) != 3 || told[0].Try != 2 || told[2].Try != 4 || told[2].Wait > 4*time.Millisecond {
		t.Errorf("the person was told %+v", told)
	}
	var remote *transport.RemoteError
	if !errors.As(told[0].Err, &remote) || remote.Limit() != transport.LimitRequests {
		t.Errorf("the person was told of %v", told[0].Err)
	}
}

func TestBusyPeersAreAskedAFewTimes(t *testing.T) {
	r := dataset(t, person(t))
	o := person(t)
	o.BusyWait = time.Millisecond
	tries := 0
	o.Busy = func(Busy) { tries++ }
	_, _, err := Clone(t.Context(), busyFor(t, r, 1000), filepath.Join(t.TempDir(), "c"), o)
	if !errors.Is(err, transport.ErrBusy) || tries != busyTries-1 {
		t.Errorf("after %d tries more: %v", tries, err)
	}
}

func TestWaitingForABusyPeerEndsWithItsContext(t *testing.T) {
	r := dataset(t, person(t))
	ctx, cancel := context.WithCancel(t.Context())
	o := person(t)
	o.BusyWait = time.Hour
	o.Busy = func(Busy) { cancel() }
	if _, _, err := Clone(ctx, busyFor(t, r, 1000), filepath.Join(t.TempDir(), "c"), o); !errors.Is(err, transport.ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
}

func TestOnlyBusyPeersAreAskedAgain(t *testing.T) {
	r := &Repo{}
	r.o.BusyWait = time.Millisecond
	for _, c := range []struct {
		err   error
		tries int
	}{{nil, 1}, {link.ErrUnreachable, 1}, {transport.ErrNotAllowed, 1}, {link.ErrRefused, busyTries}, {errors.Join(link.ErrUnreachable, transport.ErrBusy), busyTries}} {
		n := 0
		if err := r.whileBusy(t.Context(), func() error { n++; return c.err }); !errors.Is(err, c.err) || n != c.tries {
			t.Errorf("%v: %d tries and %v, want %d", c.err, n, err, c.tries)
		}
	}
}
