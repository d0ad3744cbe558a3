package serving

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

// web answers at /metrics and /health.
type web struct {
	listener net.Listener
	server   *http.Server
	stopping atomic.Bool
	done     chan struct{}
}

// webConns is how many connections are answered at once; others wait.
const webConns = 16

// Health is what /health answers, as JSON.
type Health struct {
	// Status is "serving", with the status code 200, or "stopping", with 503.
	Status string `json:"status"`
	// Datasets is how many datasets are served, but for those that only some may know of.
	Datasets    int `json:"datasets"`
	Connections int `json:"connections"`
	Served      int `json:"requests_served"`
	Waiting     int `json:"requests_waiting"`
}

// webAddress returns the address to listen on: a port alone is one of the loopback.
func webAddress(text string) string {
	if !strings.Contains(text, ":") {
		text = ":" + text
	}
	if strings.HasPrefix(text, ":") {
		return "127.0.0.1" + text
	}
	return text
}

// startWeb begins to answer at the address.
func startWeb(ctx context.Context, address string, metrics io.WriterTo, health func() Health) (*web, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", webAddress(address))
	if err != nil {
		return nil, fmt.Errorf("listening for readers of metrics: %w", err)
	}
	w := &web{listener: listener, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = metrics.WriteTo(rw) // a reader that is gone needs no answer
	})
	mux.HandleFunc("GET /health", func(rw http.ResponseWriter, _ *http.Request) {
		h := health()
		h.Status = "serving"
		rw.Header().Set("Content-Type", "application/json")
		if w.stopping.Load() {
			h.Status = "stopping"
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(rw).Encode(h) // as above
	})
	w.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(w.done)
		_ = w.server.Serve(netutil.LimitListener(listener, webConns)) // until it is closed
	}()
	return w, nil
}

// stop makes the service one that is stopping. It goes on answering.
func (w *web) stop() {
	if w != nil {
		w.stopping.Store(true)
	}
}

func (w *web) close() {
	if w != nil {
		_ = w.server.Close() // readers that are cut off ask again
		<-w.done
	}
}
