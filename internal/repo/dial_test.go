package repo

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/reach"
	"github.com/constl/constl/transport/tcp"
)

// Where UDP is blocked, everything goes over TCP, and the next time at once.
func TestOverTCP(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", manyRows(500))
	commit(t, r, "first")
	shared, err := r.Shared(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.DatasetID()
	if err != nil {
		t.Fatal(err)
	}
	server := transport.NewServer(func(context.Context, refs.PeerID, object.ID) (transport.Dataset, error) { return shared, nil }, nil)
	l, err := tcp.Listen(t.Context(), "127.0.0.1:0", key, func(ctx context.Context, peer refs.PeerID, s link.Stream) {
		_ = server.Serve(ctx, peer, s)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := refs.Address{Peer: key.PeerID(), Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).AddrPort().Port()}
	c := cloneOf(t, refs.URL{Dataset: id, Peers: []refs.Address{at}}, person(t))
	if read(t, c, "t.csv") != read(t, r, "t.csv") {
		t.Error("t.csv is not as it was committed")
	}
	if got := c.readCarriers()[key.PeerID()]; got != reach.TCP {
		t.Errorf("the clone remembers %q", got)
	}
	put(t, r, "t.csv", manyRows(501))
	commit(t, r, "second")
	if _, err := c.Pull(t.Context(), "", PullOptions{}); err != nil {
		t.Fatal(err)
	}
	if read(t, c, "t.csv") != read(t, r, "t.csv") {
		t.Error("t.csv is not as it was committed")
	}
	sound(t, c)
}

// A clone that one peer of the address leaves in the middle goes on with the next.
func TestGoesOnWithAnotherPeer(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", manyRows(2000))
	put(t, r, "photo.jpg", noise(8<<20))
	commit(t, r, "first")
	url, _ := serving(t, r)
	whole, fetched, err := Clone(t.Context(), url, filepath.Join(t.TempDir(), "whole"), person(t))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	good, _ := serving(t, whole)

	o, dir := person(t), filepath.Join(t.TempDir(), "two")
	arrived := make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	o.Progress = func(what string, done, _ int64) {
		if what == "receiving objects" && done > fetched.Bytes/3 {
			arrive()
		}
	}
	shared, err := r.Shared(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	leaving := &leavingDataset{Dataset: shared, arrived: arrived}
	leaving.left.Store(fetched.Objects * 3 / 4)
	first, stop := servingAs(t, r, leaving)
	leaving.leave = stop
	first.Peers = append(first.Peers, good.Peers...)
	c, again, err := Clone(t.Context(), first, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// The first peer had sent three quarters: from the beginning it would be as much again.
	// A part that a slow machine is late with may come over two streams.
	if again.Objects < fetched.Objects || again.Bytes > fetched.Bytes*3/2 {
		t.Errorf("%d objects and %d bytes came from two peers, %d and %d from one", again.Objects, again.Bytes, fetched.Objects, fetched.Bytes)
	}
	if read(t, c, "photo.jpg") != read(t, r, "photo.jpg") {
		t.Error("photo.jpg is not as it was committed")
	}
	sound(t, c)
}
