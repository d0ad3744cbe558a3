package quic

import (
	"crypto/tls"
	"os"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/constl/constl/transport/link"
)

// LimitStreams is the name of [Options.MaxStreams], as it is told to whoever hits it.
const LimitStreams = "max-streams"

// Options bounds connections. Zero fields mean the defaults.
type Options struct {
	// Gate bounds the connections of a listener, and the memory of their flow control:
	// windows grow as long as it has some. Default: one of its own.
	Gate *link.Gate
	// MaxStreams is how many streams a peer may have open at once on one
	// connection, until each has been dealt with. Default: 32.
	MaxStreams int
	// Sessions, if not nil, keeps what a later connection to the same peer begins with
	// (TLS session tickets). It holds secrets, and is for one peer. It is for dialling.
	Sessions tls.ClientSessionCache
	// Early is what will be written first to the first stream of the connection. If there is a
	// session of the peer, it is sent with the handshake and saves a round trip; anybody who
	// has recorded it can make the peer get it once more. It is for dialling.
	Early []byte
	// HandshakeTimeout is how long one attempt to connect may take without an
	// answer; twice that in all. Default: 5 s.
	HandshakeTimeout time.Duration
	// IdleTimeout is how long a connection lives without a sign of the peer. Default: 30 s.
	IdleTimeout time.Duration
	// MaxStreamWindow and MaxConnWindow are the most bytes that wait unread in one
	// stream and one connection. Defaults: 16 MiB, 32 MiB.
	MaxStreamWindow int
	MaxConnWindow   int
}

func (o *Options) withDefaults() Options {
	var full Options
	if o != nil {
		full = *o
	}
	setInt(&full.MaxStreams, 32)
	setInt(&full.MaxStreamWindow, 16<<20)
	setInt(&full.MaxConnWindow, 32<<20)
	if full.HandshakeTimeout <= 0 {
		full.HandshakeTimeout = 5 * time.Second
	}
	if full.IdleTimeout <= 0 {
		full.IdleTimeout = 30 * time.Second
	}
	return full
}

func setInt(v *int, to int) {
	if *v <= 0 {
		*v = to
	}
}

// config returns the library's settings. The initial windows cover a fast line
// with a short delay; they grow with the delay up to the bounds.
func (o *Options) config() *quicgo.Config {
	return &quicgo.Config{
		Versions:                       []quicgo.Version{quicgo.Version1},
		HandshakeIdleTimeout:           o.HandshakeTimeout,
		MaxIdleTimeout:                 o.IdleTimeout,
		KeepAlivePeriod:                o.IdleTimeout / 3,
		InitialStreamReceiveWindow:     uint64(min(o.MaxStreamWindow, 1<<20)),
		MaxStreamReceiveWindow:         uint64(o.MaxStreamWindow),
		InitialConnectionReceiveWindow: uint64(min(o.MaxConnWindow, 1<<20)),
		MaxConnectionReceiveWindow:     uint64(o.MaxConnWindow),
		MaxIncomingStreams:             int64(o.MaxStreams),
		MaxIncomingUniStreams:          -1,
		RequireStreamCreditRelease:     true,
	}
}

// What a listener's connections may send before anything of it was read, and what
// they hold besides. Most of them ask, and send little.
const (
	guestStreamWindow = 64 << 10
	guestConnWindow   = 96 << 10
	connMemory        = guestConnWindow + 32<<10
)

// listenConfig returns the settings of a listener's connections, whose windows begin
// small and grow as long as their passes do.
func (o *Options) listenConfig() *quicgo.Config {
	c := o.config()
	c.Allow0RTT = true
	c.InitialStreamReceiveWindow = uint64(min(o.MaxStreamWindow, guestStreamWindow))
	c.InitialConnectionReceiveWindow = uint64(min(o.MaxConnWindow, guestConnWindow))
	c.AllowConnectionWindowIncrease = func(conn *quicgo.Conn, delta uint64) bool {
		pass, ok := conn.Context().Value(passKey{}).(*link.Pass)
		return ok && pass.Grow(int64(delta))
	}
	return c
}

// passKey is under what a connection's context has its [link.Pass].
type passKey struct{}

// bufferWarning is the variable that stops the library from printing to the
// standard logger when UDP buffers are smaller than it would like.
const bufferWarning = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"

func silenceLibrary() {
	if _, set := os.LookupEnv(bufferWarning); !set {
		// Failing, it prints one line; nothing depends on it.
		_ = os.Setenv(bufferWarning, "true")
	}
}
