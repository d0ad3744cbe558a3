package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/reach"
	"github.com/constl/constl/transport/tcp"
)

// exchange syncs with the peers of an address, one after the other, until
// everything has come: one goes on where another stopped.
func (r *Repo) exchange(ctx context.Context, url refs.URL, key *refs.Key, req *transport.SyncRequest, sink transport.Sink) (transport.Stats, error) {
	var sum transport.Stats
	req.Own = r.ownContact(url.Dataset, key)
	err := r.dial(ctx, url, key, req.Opening, func(a refs.Address, conn link.Conn) error {
		stats, err := r.syncOver(ctx, conn, source{url, a, key}, req, sink, sum.BytesIn)
		sum.Add(stats)
		req.Resume = req.Resume || stats.Objects > 0
		return err
	})
	return sum, err
}

// source is a peer to which there is a connection, as one of those of an address.
type source struct {
	url  refs.URL
	peer refs.Address
	key  *refs.Key // this device's
}

// syncOver syncs over a connection, and over more of them if that takes long. before is
// how many bytes came already.
func (r *Repo) syncOver(ctx context.Context, conn link.Conn, from source, req *transport.SyncRequest, sink transport.Sink, before int64) (transport.Stats, error) {
	stream, err := conn.OpenStream(ctx)
	if err != nil {
		return transport.Stats{}, err
	}
	book := r.contacts(from.url.Dataset, from.key.PeerID())
	res, err := transport.Sync(ctx, stream, req, sink, &transport.SyncOptions{
		Progress: func(p transport.Progress) { r.o.Progress("receiving objects", before+p.Bytes, 0) },
		Met:      func(list []*refs.Contact) { _ = book.add(list...) }, // a help alone
		More:     r.further(from.url, from.peer, from.key).open,
	})
	return res.Stats, err
}

// dial connects to the peers of an address, and then to some of whom these told, one after the other, until use returns
// without an error for which another peer may make up. opening returns what use will
// write first and what a peer may get more than once; it may be nil. If no peer does, and
// some are busy, it waits and begins anew.
func (r *Repo) dial(ctx context.Context, url refs.URL, key *refs.Key, opening func() []byte, use func(refs.Address, link.Conn) error) error {
	return r.whileBusy(ctx, func() error { return r.dialEach(ctx, url, key, opening, use) })
}

func (r *Repo) dialEach(ctx context.Context, url refs.URL, key *refs.Key, opening func() []byte, use func(refs.Address, link.Conn) error) error {
	var failed []error
	peers := append(slices.Clone(url.Peers), r.met(url, key.PeerID())...)
	for _, a := range peers[:min(len(peers), len(url.Peers)+metTries)] {
		if a.Host == "" {
			failed = append(failed, fmt.Errorf("%w: the address of %s is not known", link.ErrUnreachable, a.Peer.Short()))
			continue
		}
		var early []byte
		if opening != nil {
			early = opening()
		}
		conn, err := r.connect(ctx, a, key, early)
		if err == nil {
			err = errors.Join(use(a, conn), conn.Close())
			if err == nil || ctx.Err() != nil || !another(err) {
				return err
			}
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// metTries is how many peers are tried that an address does not name.
const metTries = 4

// another reports whether the error says nothing about what another peer would do.
func another(err error) bool {
	for _, class := range []error{
		link.ErrClosed, link.ErrRefused, transport.ErrDisconnected, transport.ErrStalled, transport.ErrBusy, transport.ErrInternal,
		transport.ErrIncomplete, transport.ErrNotFound, refs.ErrFrozen,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// connect connects to one peer, over what has worked the last time first. What is to
// be sent early may be nil.
func (r *Repo) connect(ctx context.Context, a refs.Address, key *refs.Key, early []byte) (*reach.Conn, error) {
	carriers := r.readCarriers()
	conn, err := reach.Dial(ctx, net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))), a.Peer, key, &reach.Options{
		QUIC:   &quic.Options{HandshakeTimeout: r.o.Patience, Sessions: sessionsWith(r.o.Home, key.PeerID(), a.Peer), Early: early},
		TCP:    &tcp.Options{HandshakeTimeout: r.o.Patience},
		Prefer: carriers[a.Peer],
	})
	if err != nil {
		return nil, err
	}
	if known := carriers[a.Peer]; known != conn.Carrier && (known != "" || conn.Carrier != reach.QUIC) {
		carriers[a.Peer] = conn.Carrier
		r.writeCarriers(carriers)
	}
	return conn, nil
}

// readCarriers returns over what peers were reached that QUIC has not reached
// once. It is a saving alone: a file that can't be read is as good as none.
func (r *Repo) readCarriers() map[refs.PeerID]reach.Carrier {
	carriers := make(map[refs.PeerID]reach.Carrier)
	if data, err := os.ReadFile(r.path(carriersFile)); err == nil {
		_ = json.Unmarshal(data, &carriers)
	}
	return carriers
}

func (r *Repo) writeCarriers(carriers map[refs.PeerID]reach.Carrier) {
	if data, err := json.MarshalIndent(carriers, "", " "); err == nil {
		_ = durable.WriteFile(r.path(carriersFile), append(data, '\n'), 0o644)
	}
}
