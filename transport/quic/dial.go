package quic

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/constl/constl/refs"
)

// stagger is how long an attempt at one address may take before the next
// address is tried beside it.
const stagger = 250 * time.Millisecond

// Conn is a connection to a peer whose key was verified. It is safe for use by
// several goroutines at once.
type Conn struct {
	conn      *quicgo.Conn
	transport *quicgo.Transport // of this connection alone
	socket    net.PacketConn
	peer      refs.PeerID
}

// Dial connects to the peer at the first of the addresses (host:port, IPv6 hosts
// in brackets) where it answers; they are tried one shortly after the other.
// key is this device's. A zero expected peer means whoever answers.
//
// It fails with the errors of all addresses, each named, which wrap
// [ErrUnreachable], [ErrRefused], [ErrProtocol] or a [*WrongPeerError], or with
// ctx's error.
func Dial(ctx context.Context, addresses []string, expected refs.PeerID, key crypto.Signer, o *Options) (*Conn, error) {
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%w: no address to try", ErrUnreachable)
	}
	cert, err := certificate(key)
	if err != nil {
		return nil, err
	}
	full := o.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		conn *Conn
		err  error
	}
	results := make(chan outcome)
	try := func(address string) {
		d := dialing{address: address, expected: expected, o: &full}
		conn, err := d.run(ctx, config(cert, d.verify))
		if err != nil {
			err = fmt.Errorf("dialling %s: %w", address, err)
		}
		results <- outcome{conn, err}
	}
	var won *Conn
	var failed []error
	started, open := 0, 0
	for won == nil && (started < len(addresses) || open > 0) {
		var next <-chan time.Time
		if started < len(addresses) {
			wait := time.Duration(0)
			if open > 0 {
				wait = stagger
			}
			next = time.After(wait)
		}
		select {
		case <-next:
			go try(addresses[started])
			started++
			open++
		case r := <-results:
			open--
			won = r.conn
			failed = append(failed, r.err)
		}
	}
	cancel()
	for ; open > 0; open-- {
		if r := <-results; r.conn != nil {
			r.conn.Close()
		}
	}
	if won != nil {
		return won, nil
	}
	return nil, errors.Join(failed...)
}

// dialing is one attempt at one address.
type dialing struct {
	address  string
	expected refs.PeerID
	o        *Options
	wrong    *WrongPeerError
}

func (d *dialing) verify(peer refs.PeerID) error {
	if d.expected.IsZero() || peer == d.expected {
		return nil
	}
	// TLS turns the error into an alert; the caller is to know whom it met.
	d.wrong = &WrongPeerError{Expected: d.expected, Found: peer}
	return d.wrong
}

func (d *dialing) run(ctx context.Context, tlsConfig *tls.Config) (*Conn, error) {
	silenceLibrary()
	addr, err := resolve(ctx, d.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	tr := &quicgo.Transport{Conn: socket}
	conn, err := tr.Dial(ctx, addr, tlsConfig, d.o.config())
	if err != nil {
		tr.Close()
		socket.Close()
		if d.wrong != nil {
			return nil, d.wrong
		}
		return nil, dialError(err)
	}
	c := &Conn{conn: conn, transport: tr, socket: socket}
	state := conn.ConnectionState().TLS
	if c.peer, err = peerOf(&state); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func resolve(ctx context.Context, address string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	return &net.UDPAddr{IP: ips[0].IP, Zone: ips[0].Zone, Port: n}, nil
}

// Peer returns whom the connection is to.
func (c *Conn) Peer() refs.PeerID { return c.peer }

// RemoteAddr returns the address at which the peer answered.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// OpenStream opens a stream, for one request; it waits while the peer allows no
// more. It fails with an error that wraps [ErrClosed] if the connection has ended.
func (c *Conn) OpenStream(ctx context.Context) (*Stream, error) {
	s, err := c.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", streamError(err))
	}
	return &Stream{s: s}, nil
}

// Close ends the connection and all its streams at once, and tells the peer.
func (c *Conn) Close() error {
	err := c.conn.CloseWithError(codeDone, "")
	return errors.Join(err, c.transport.Close(), c.socket.Close())
}
