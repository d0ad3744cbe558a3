package quic

import (
	"os"
	"time"

	quicgo "github.com/quic-go/quic-go"
)

// Options bounds connections. Zero fields mean the defaults.
type Options struct {
	// MaxConns is how many connections a listener keeps at once. Default: 64.
	MaxConns int
	// MaxConnsPerAddress is how many of them from one IPv4 address or one IPv6
	// network of 64 bits. Loopback addresses are exempt. Default: 8.
	MaxConnsPerAddress int
	// MaxStreams is how many streams a peer may have open at once on one
	// connection, until each has been dealt with. Default: 32.
	MaxStreams int
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
	setInt(&full.MaxConns, 64)
	setInt(&full.MaxConnsPerAddress, 8)
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

// bufferWarning is the variable that stops the library from printing to the
// standard logger when UDP buffers are smaller than it would like.
const bufferWarning = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"

func silenceLibrary() {
	if _, set := os.LookupEnv(bufferWarning); !set {
		// Failing, it prints one line; nothing depends on it.
		_ = os.Setenv(bufferWarning, "true")
	}
}
