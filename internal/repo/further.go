package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/reach"
	"github.com/constl/constl/transport/tcp"
)

// further opens the streams of an exchange besides its first: to the other peers of
// the address and those of whom peers told, each once, and then to the first one again.
type further struct {
	r       *Repo
	key     *refs.Key
	url     refs.URL
	others  []refs.Address
	asked   bool // whether those are among the others of whom peers told
	first   refs.Address
	carrier reach.Carrier // the next for the first peer
	noTCP   bool
}

func (r *Repo) further(url refs.URL, first refs.Address, key *refs.Key) *further {
	f := &further{r: r, key: key, url: url, first: first, carrier: reach.TCP}
	for _, a := range url.Peers {
		if a.Host != "" && a.Peer != first.Peer {
			f.others = append(f.others, a)
		}
	}
	return f
}

// open returns one more stream. A peer that takes no more connections is not asked again:
// the error wraps [io.EOF], as it does where no more are to be had. Closing the stream
// closes its connection. To the first peer TCP and QUIC
// take turns: TCP costs less work, and where packets are lost either may be the faster.
func (f *further) open(ctx context.Context) (io.ReadWriteCloser, error) {
	s, err := f.next(ctx)
	if errors.Is(err, link.ErrRefused) {
		err = fmt.Errorf("%w: %w", io.EOF, err)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (f *further) next(ctx context.Context) (*onlyStream, error) {
	if !f.asked {
		f.asked = true
		for _, a := range f.r.met(f.url, f.key.PeerID()) {
			if a.Peer != f.first.Peer {
				f.others = append(f.others, a)
			}
		}
	}
	if len(f.others) > 0 {
		a := f.others[0]
		f.others = f.others[1:]
		conn, err := f.r.connect(ctx, a, f.key, nil)
		if err != nil {
			return nil, err
		}
		return only(ctx, conn)
	}
	address := net.JoinHostPort(f.first.Host, strconv.Itoa(int(f.first.Port)))
	if f.carrier == reach.TCP && !f.noTCP {
		f.carrier = reach.QUIC
		conn, err := tcp.Dial(ctx, address, f.first.Peer, f.key, &tcp.Options{HandshakeTimeout: f.r.o.Patience})
		if err == nil {
			return only(ctx, conn)
		}
		if errors.Is(err, link.ErrRefused) {
			return nil, err
		}
		f.noTCP = true
	}
	f.carrier = reach.TCP
	conn, err := quic.Dial(ctx, []string{address}, f.first.Peer, f.key, &quic.Options{HandshakeTimeout: f.r.o.Patience})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", io.EOF, err)
	}
	return only(ctx, conn)
}

// onlyStream is the one stream of a connection.
type onlyStream struct {
	link.Stream
	conn link.Conn
}

// only opens the one stream of a connection, and closes the connection with it.
func only(ctx context.Context, conn link.Conn) (*onlyStream, error) {
	s, err := conn.OpenStream(ctx)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &onlyStream{s, conn}, nil
}

// Read reads what the peer sent. That the peer takes no more connections is an error that
// wraps [transport.ErrBusy].
func (s *onlyStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if errors.Is(err, link.ErrRefused) {
		err = fmt.Errorf("%w: %w", transport.ErrBusy, err)
	}
	return n, err
}

// Close implements [io.Closer].
func (s *onlyStream) Close() error {
	err := s.Stream.Close()
	if closeErr := s.conn.Close(); err == nil {
		err = closeErr
	}
	return err
}
