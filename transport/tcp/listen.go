package tcp

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// Listener takes connections and hands each to its handler as a stream. It is safe
// for use by several goroutines at once.
type Listener struct {
	o        Options
	handler  link.Handler
	listener net.Listener
	config   *tls.Config
	gate     *link.Gate
	ctx      context.Context // of the handlers
	cancel   context.CancelFunc
	accepts  sync.WaitGroup
	handlers sync.WaitGroup

	mu      sync.Mutex
	stopped bool
}

// Listen listens for peers at the address (host:port; an empty host means all
// addresses, port 0 one that is free) as the device with the key. It stops
// when ctx ends or the listener is closed; the caller closes it in any case.
func Listen(ctx context.Context, address string, key crypto.Signer, handler link.Handler, o *Options) (*Listener, error) {
	cert, err := link.Certificate(key)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening at %s: %w", address, err)
	}
	anybody := func(refs.PeerID) error { return nil }
	l := &Listener{o: o.withDefaults(), handler: handler, listener: listener, config: link.Config(cert, anybody)}
	if l.gate = l.o.Gate; l.gate == nil {
		l.gate = link.NewGate(nil)
	}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.accepts.Go(l.accept)
	return l, nil
}

// Addr returns the address at which the listener listens.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// connMemory is about what a connection holds, in bytes.
const connMemory = 64 << 10

// acceptPause keeps a listener from spinning while the system gives it no connection.
const acceptPause = 20 * time.Millisecond

func (l *Listener) accept() {
	unhook := context.AfterFunc(l.ctx, func() { l.listener.Close() })
	defer unhook()
	for {
		plain, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Too many open files, or a newcomer who is gone: others may have more luck.
			select {
			case <-time.After(acceptPause):
			case <-l.ctx.Done():
			}
			continue
		}
		pass, ok := l.gate.Enter(plain.RemoteAddr(), connMemory)
		if ok && !l.enter() {
			pass.Leave()
			ok = false
		}
		if !ok {
			plain.Close()
			continue
		}
		go func() {
			defer l.handlers.Done()
			defer pass.Leave()
			l.serve(plain, pass)
		}()
	}
}

// enter counts a handler, unless the listener is stopping.
func (l *Listener) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.handlers.Add(1)
	}
	return !l.stopped
}

func (l *Listener) serve(plain net.Conn, pass *link.Pass) {
	// Whoever gives up waiting for a handshake or a handler closes the connection.
	defer context.AfterFunc(l.ctx, func() { plain.Close() })()
	conn := tls.Server(plain, l.config)
	ctx, cancel := context.WithTimeout(l.ctx, l.o.HandshakeTimeout)
	err := conn.HandshakeContext(ctx)
	cancel()
	if err != nil {
		plain.Close()
		return
	}
	state := conn.ConnectionState()
	peer, err := link.PeerOf(&state)
	if err != nil {
		plain.Close()
		return
	}
	s := &Stream{c: conn, ended: func() {}}
	defer s.Close()
	if limit := pass.Identify(peer); limit != "" {
		transport.Refuse(s, &transport.LimitError{Limit: limit, Class: transport.ErrBusy, Text: "there are too many connections"})
		return
	}
	l.handler(l.ctx, peer, s)
}

// Shutdown takes no more connections, waits until the handlers under way have
// ended or ctx does, and closes the listener. It returns ctx's error if it cut
// handlers short.
func (l *Listener) Shutdown(ctx context.Context) error {
	err := l.stop()
	done := make(chan struct{})
	go func() {
		l.handlers.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	return errors.Join(err, l.Close())
}

func (l *Listener) stop() error {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	err := l.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close ends all connections and handlers and returns when they have ended.
func (l *Listener) Close() error {
	err := l.stop()
	l.cancel()
	l.accepts.Wait()
	l.handlers.Wait()
	return err
}
