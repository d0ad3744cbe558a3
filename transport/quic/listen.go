package quic

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/link"
)

// Listener takes connections and hands their streams to its handler. It is safe
// for use by several goroutines at once.
type Listener struct {
	o         Options
	handler   link.Handler
	socket    *net.UDPConn
	transport *quicgo.Transport
	listener  *quicgo.EarlyListener
	ctx       context.Context // of the handlers
	cancel    context.CancelFunc
	loops     sync.WaitGroup // accepting, and one for each connection
	handlers  sync.WaitGroup
	gate      *link.Gate

	maxStreams atomic.Int64

	mu      sync.Mutex
	stopped bool
	conns   map[*quicgo.Conn]struct{}
}

// Listen listens for peers at the address (host:port; an empty host means all
// addresses, port 0 one that is free) as the device with the key. It stops
// when ctx ends or the listener is closed; the caller closes it in any case.
func Listen(ctx context.Context, address string, key crypto.Signer, handler link.Handler, o *Options) (*Listener, error) {
	silenceLibrary()
	cert, err := link.Certificate(key)
	if err != nil {
		return nil, err
	}
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("listening at %s: %w", address, err)
	}
	socket, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening at %s: %w", address, err)
	}
	l := &Listener{
		o:       o.withDefaults(),
		handler: handler,
		socket:  socket,
		conns:   make(map[*quicgo.Conn]struct{}),
	}
	if l.gate = l.o.Gate; l.gate == nil {
		l.gate = link.NewGate(nil)
	}
	l.transport = &quicgo.Transport{Conn: socket, VerifySourceAddress: l.crowded, ConnContext: l.place}
	l.maxStreams.Store(int64(l.o.MaxStreams))
	anybody := func(refs.PeerID) error { return nil }
	config := link.Config(cert, anybody)
	config.SessionTicketsDisabled = false
	l.listener, err = l.transport.ListenEarly(config, l.config())
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("listening at %s: %w", address, err)
	}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.loops.Go(l.accept)
	return l, nil
}

// SetMaxStreams changes how many streams a peer may have open at once on one connection,
// for connections that come from now on.
func (l *Listener) SetMaxStreams(n int) { l.maxStreams.Store(int64(n)) }

// Addr returns the address at which the listener listens.
func (l *Listener) Addr() net.Addr { return l.socket.LocalAddr() }

// crowded reports whether a newcomer must first prove its address: when half of
// the places are taken, spoofed addresses shall not take the rest.
func (l *Listener) crowded(net.Addr) bool { return l.gate.Crowded() }

var errFull = errors.New("quic: too many connections")

// place takes a place for a connection, from before its handshake until it ends.
func (l *Listener) place(ctx context.Context, info *quicgo.ClientInfo) (context.Context, error) {
	l.mu.Lock()
	stopped := l.stopped
	l.mu.Unlock()
	if stopped {
		return nil, errFull
	}
	pass, ok := l.gate.Enter(info.RemoteAddr, connMemory)
	if !ok {
		return nil, errFull
	}
	context.AfterFunc(ctx, pass.Leave)
	return context.WithValue(ctx, passKey{}, pass), nil
}

// config returns the settings of connections that come.
func (l *Listener) config() *quicgo.Config {
	c := l.o.listenConfig()
	c.GetConfigForClient = func(*quicgo.ClientInfo) (*quicgo.Config, error) {
		now := l.o.listenConfig()
		now.MaxIncomingStreams = l.maxStreams.Load()
		return now, nil
	}
	return c
}

func (l *Listener) accept() {
	for {
		conn, err := l.listener.Accept(l.ctx)
		if err != nil {
			return
		}
		l.mu.Lock()
		if l.stopped {
			l.mu.Unlock()
			conn.CloseWithError(codeGoing, "")
			continue
		}
		l.conns[conn] = struct{}{}
		l.mu.Unlock()
		l.loops.Go(func() {
			l.serve(conn)
			l.mu.Lock()
			delete(l.conns, conn)
			l.mu.Unlock()
		})
	}
}

// met waits until it is known who has come: at once from a session that is resumed
// with a request, else when the handshake is complete.
func (l *Listener) met(conn *quicgo.Conn) (refs.PeerID, error) {
	if !conn.ConnectionState().Used0RTT {
		if err := proved(l.ctx, conn); err != nil {
			return refs.PeerID{}, err
		}
	}
	state := conn.ConnectionState().TLS
	return link.PeerOf(&state)
}

// proved waits until the handshake is complete, so that what came was sent now and
// by the peer that it seems to be from.
func proved(ctx context.Context, conn *quicgo.Conn) error {
	select {
	case <-conn.HandshakeComplete():
		return nil
	case <-conn.Context().Done():
		return streamError(context.Cause(conn.Context()))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Listener) serve(conn *quicgo.Conn) {
	peer, err := l.met(conn)
	if err != nil {
		conn.CloseWithError(codeDone, "")
		return
	}
	if pass, ok := conn.Context().Value(passKey{}).(*link.Pass); ok {
		if limit := pass.Identify(peer); limit != "" {
			conn.CloseWithError(codeLimit, limit)
			return
		}
	}
	for {
		s, err := conn.AcceptStream(l.ctx)
		if err != nil {
			conn.CloseWithError(codeGoing, "")
			return
		}
		l.mu.Lock()
		stopped := l.stopped
		if !stopped {
			l.handlers.Add(1)
		}
		l.mu.Unlock()
		if stopped {
			s.CancelRead(streamStop)
			s.CancelWrite(streamStop)
			continue
		}
		go func() {
			defer l.handlers.Done()
			// The peer may open another stream only when this one is dealt with.
			defer s.ReleaseStreamCredit()
			stream := &Stream{s: s, proved: func(ctx context.Context) error { return proved(ctx, conn) }}
			defer stream.Close()
			l.handler(l.ctx, peer, stream)
		}()
	}
}

// Shutdown takes no more connections and streams, waits until the handlers under
// way have ended or ctx does, and closes the listener. It returns ctx's error if
// it cut handlers short.
func (l *Listener) Shutdown(ctx context.Context) error {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		l.handlers.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
		l.linger(ctx)
	case <-ctx.Done():
		err = ctx.Err()
	}
	return errors.Join(err, l.Close())
}

// Close ends all connections and handlers and returns when they have ended.
func (l *Listener) Close() error {
	l.mu.Lock()
	l.stopped = true
	conns := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	l.cancel()
	for _, c := range conns {
		c.CloseWithError(codeGoing, "")
	}
	err := l.listener.Close()
	l.loops.Wait()
	l.handlers.Wait()
	return errors.Join(err, l.transport.Close(), l.socket.Close())
}

// lingering is how long a listener that shuts down lets peers take the last of
// what was written to them and leave by themselves.
const lingering = 500 * time.Millisecond

func (l *Listener) linger(ctx context.Context) {
	l.mu.Lock()
	conns := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	enough := time.NewTimer(lingering)
	defer enough.Stop()
	for _, c := range conns {
		select {
		case <-c.Context().Done():
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
