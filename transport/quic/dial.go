package quic

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/link"
)

// stagger is how long an attempt at one address may take before the next
// address is tried beside it.
const stagger = 250 * time.Millisecond

// Conn is a connection over QUIC.
type Conn struct {
	conn      *quicgo.Conn
	transport *quicgo.Transport // of this connection alone
	socket    net.PacketConn
	peer      refs.PeerID

	mu    sync.Mutex
	first *Stream // was opened with the handshake
}

// Dial connects to the peer at the first of the addresses (host:port, IPv6 hosts
// in brackets) where it answers; they are tried one shortly after the other.
// key is this device's. A zero expected peer means whoever answers.
//
// It fails with the errors of all addresses, each named, which wrap
// [link.ErrUnreachable], [link.ErrRefused], [link.ErrProtocol] or a [*link.WrongPeerError], or with
// ctx's error.
func Dial(ctx context.Context, addresses []string, expected refs.PeerID, key crypto.Signer, o *Options) (*Conn, error) {
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%w: no address to try", link.ErrUnreachable)
	}
	cert, err := link.Certificate(key)
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
		d := dialing{address: address, o: &full}
		d.expect.Peer = expected
		conn, err := d.run(ctx, link.Config(cert, d.expect.Verify))
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
	address string
	expect  link.Expect
	o       *Options
}

var _ link.Conn = (*Conn)(nil)

func (d *dialing) run(ctx context.Context, tlsConfig *tls.Config) (*Conn, error) {
	silenceLibrary()
	addr, err := resolve(ctx, d.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", link.ErrUnreachable, err)
	}
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	c := &Conn{transport: &quicgo.Transport{Conn: socket}, socket: socket}
	if err := d.connect(ctx, c, addr, tlsConfig); err != nil {
		c.transport.Close()
		socket.Close()
		if d.expect.Wrong != nil {
			return nil, d.expect.Wrong
		}
		return nil, dialError(err)
	}
	state := c.conn.ConnectionState().TLS
	if c.peer, err = link.PeerOf(&state); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// connect returns when the handshake is complete.
func (d *dialing) connect(ctx context.Context, c *Conn, addr net.Addr, tlsConfig *tls.Config) (err error) {
	if d.o.Sessions == nil || d.expect.Peer.IsZero() {
		c.conn, err = c.transport.Dial(ctx, addr, tlsConfig, d.o.config())
		return err
	}
	gate := newEarlyGate(d.o.Sessions)
	gate.guard(tlsConfig)
	if c.conn, err = c.transport.DialEarly(ctx, addr, tlsConfig, d.o.config()); err != nil {
		return err
	}
	if err := c.early(ctx, d.o.Early, gate.open); err != nil {
		c.conn.CloseWithError(codeDone, "")
		return err
	}
	return nil
}

// early sends what can be sent with the handshake, calls sent, and waits until the handshake is complete.
func (c *Conn) early(ctx context.Context, data []byte, sent func()) error {
	select {
	case <-c.conn.HandshakeComplete():
		data = nil // there was no session to resume
	default:
	}
	var s *quicgo.Stream
	if len(data) > 0 {
		// What cannot be sent early is sent when it is written.
		if opened, err := c.conn.OpenStream(); err == nil {
			if _, err := opened.Write(data); err == nil {
				s = opened
			}
		}
	}
	sent()
	if err := proved(ctx, c.conn); err != nil {
		return err
	}
	if !c.conn.ConnectionState().Used0RTT {
		// There was no session, or the peer has forgotten it, and nothing has arrived.
		_, err := c.conn.NextConnection(ctx)
		return err
	}
	if s != nil {
		c.first = &Stream{s: s, ahead: data}
	}
	return nil
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

// Peer implements [link.Conn].
func (c *Conn) Peer() refs.PeerID { return c.peer }

// RemoteAddr implements [link.Conn].
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// OpenStream implements [link.Conn].
func (c *Conn) OpenStream(ctx context.Context) (link.Stream, error) {
	c.mu.Lock()
	first := c.first
	c.first = nil
	c.mu.Unlock()
	if first != nil {
		return first, nil
	}
	s, err := c.conn.OpenStreamSync(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("opening a stream: %w; the peer takes no more of them at once (limit %s)", err, LimitStreams)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", streamError(err))
	}
	return &Stream{s: s}, nil
}

// Close implements [link.Conn]. The peer is told.
func (c *Conn) Close() error {
	err := c.conn.CloseWithError(codeDone, "")
	return errors.Join(err, c.transport.Close(), c.socket.Close())
}
