package reach

import (
	"context"
	"crypto"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/tcp"
)

// Listener takes connections over QUIC and TCP at one port. It is safe for use by
// several goroutines at once.
type Listener struct {
	quic *quic.Listener
	tcp  *tcp.Listener
}

// portTries is how many free UDP ports are tried for one that is free for TCP, too.
const portTries = 16

// Listen listens for peers at the address (host:port; an empty host means all
// addresses, port 0 one that is free) as the device with the key, over UDP and TCP. It
// stops when ctx ends or the listener is closed; the caller closes it in any case.
func Listen(ctx context.Context, address string, key crypto.Signer, handler link.Handler, o *Options) (*Listener, error) {
	if o == nil {
		o = &Options{}
	}
	for try := 1; ; try++ {
		l := &Listener{}
		var err error
		if l.quic, err = quic.Listen(ctx, address, key, handler, o.QUIC); err != nil {
			return nil, err
		}
		// The host stays as it was written: "" and "::" may mean different things.
		host, port, err := net.SplitHostPort(address)
		if err == nil {
			_, at, _ := net.SplitHostPort(l.quic.Addr().String())
			l.tcp, err = tcp.Listen(ctx, net.JoinHostPort(host, at), key, handler, o.TCP)
		}
		if err == nil {
			return l, nil
		}
		err = errors.Join(err, l.quic.Close())
		if port != "0" || try == portTries || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
}

// Addr returns the address at which the listener listens.
func (l *Listener) Addr() netip.AddrPort { return l.quic.Addr().(*net.UDPAddr).AddrPort() }

// SetMaxStreams changes how many streams a peer may have open on one QUIC connection, for
// connections that come from now on.
func (l *Listener) SetMaxStreams(n int) { l.quic.SetMaxStreams(n) }

// Shutdown takes no more connections and streams, waits until the handlers under
// way have ended or ctx does, and closes the listener. It returns ctx's error if
// it cut handlers short.
func (l *Listener) Shutdown(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- l.tcp.Shutdown(ctx) }()
	return errors.Join(l.quic.Shutdown(ctx), <-done)
}

// Close ends all connections and handlers and returns when they have ended.
func (l *Listener) Close() error { return errors.Join(l.quic.Close(), l.tcp.Close()) }
