package serving

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/constl/constl/internal/metrics"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// meters are the metrics of a service. What is about datasets that only some may know of
// counts in none of them, unless that is wanted.
type meters struct {
	set      *metrics.Set
	private  bool
	requests *metrics.Counter
	took     *metrics.Histogram
	waited   *metrics.Counter
	bytes    *metrics.Counter
	objects  *metrics.Counter
	errors   *metrics.Counter
	limits   *metrics.Counter
	reloads  *metrics.Counter

	mu   sync.Mutex
	hits map[string]*hits
}

// hits counts how often a bound was hit.
type hits struct {
	untold int64
	told   time.Time // when it was told last
}

func newMeters(version string, private bool) *meters {
	s := metrics.NewSet()
	s.Gauges("constl_build_info", "The version of constl; the value is 1.", "version", func() map[string]float64 {
		return map[string]float64{version: 1}
	})
	return &meters{
		set: s, private: private, hits: make(map[string]*hits),
		requests: s.Counter("constl_requests_total", "Requests that have ended, by what was asked and how they ended.", "kind", "outcome"),
		took:     s.Histogram("constl_request_seconds", "How long requests took, from the stream's begin to its end.", "kind", 0.01, 0.1, 1, 10, 100),
		waited:   s.Counter("constl_request_wait_seconds_total", "How long requests have waited for their turn, in all."),
		bytes:    s.Counter("constl_bytes_total", "Bytes of requests and answers on the wire.", "direction"),
		objects:  s.Counter("constl_objects_total", "Objects that were sent and received.", "direction"),
		errors:   s.Counter("constl_errors_total", "Requests that failed, by what they failed with.", "error"),
		limits:   s.Counter("constl_limits_hit_total", "How often a bound was hit.", "limit"),
		reloads:  s.Counter("constl_reloads_total", "How often settings and folders were read again on request."),
	}
}

// watch adds what is asked for when the metrics are read.
func (m *meters) watch(shelf *Shelf, gate *link.Gate, memory *transport.Memory, server func() *repo.Server) {
	s := m.set
	s.Gauge("constl_connections", "Connections that are open.", func() float64 { n, _ := gate.Count(); return float64(n) })
	s.CounterFunc("constl_connections_total", "Connections that were taken.", func() float64 { _, n := gate.Count(); return float64(n) })
	s.Gauge("constl_requests_served", "Requests that are being answered.", func() float64 { n, _ := server().Load(); return float64(n) })
	s.Gauge("constl_requests_waiting", "Requests that wait for their turn.", func() float64 { _, n := server().Load(); return float64(n) })
	s.Gauges("constl_memory_bytes", "The memory of requests and connections: what is in use, and what there is.", "state", func() map[string]float64 {
		used, limit := memory.Used()
		return map[string]float64{"used": float64(used), "limit": float64(limit)}
	})
	s.Gauges("constl_datasets", "Datasets that are served, those of which the objects are open, and folders that cannot be served.", "state", func() map[string]float64 {
		c := shelf.Counts()
		if !m.private {
			return map[string]float64{"served": float64(c.Public)}
		}
		return map[string]float64{"served": float64(c.Public + c.Private), "open": float64(c.Open), "damaged": float64(c.Damaged)}
	})
	s.Runtime()
}

// request counts a request.
func (m *meters) request(r transport.Served, private bool) {
	name := errorName(r.Err)
	if limit := limitOf(r); limit != "" {
		m.hit(limit)
	}
	if private && !m.private && !errors.Is(r.Err, transport.ErrNotFound) && !r.Dataset.IsZero() {
		return
	}
	kind := string(r.Kind)
	if kind == "" {
		kind = "none"
	}
	outcome := name
	if name == "" {
		outcome = "ok"
	} else {
		m.errors.Add(1, name)
	}
	m.requests.Add(1, kind, outcome)
	m.took.Observe(r.Took.Seconds(), kind)
	m.waited.Add(r.Waited.Seconds())
	m.bytes.Add(float64(r.Stats.BytesIn), "in")
	m.bytes.Add(float64(r.Stats.BytesOut), "out")
	direction := "out"
	if r.Kind == transport.RequestPush {
		direction = "in"
	}
	m.objects.Add(float64(r.Stats.Objects), direction)
}

// limitOf names the bound that a request has hit, "" if none.
func limitOf(r transport.Served) string {
	var limit *transport.LimitError
	if errors.As(r.Err, &limit) {
		return limit.Limit
	}
	return r.Limit
}

// hit counts a bound that was hit.
func (m *meters) hit(limit string) {
	m.limits.Add(1, limit)
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hits[limit]
	if h == nil {
		h = &hits{}
		m.hits[limit] = h
	}
	h.untold++
}

// limitPause is between two notices of one bound.
const limitPause = 10 * time.Second

// tell tells of the bounds that were hit.
func (m *meters) tell(now time.Time, told func(limit string, times int64)) {
	if told == nil {
		return
	}
	due := make(map[string]int64)
	m.mu.Lock()
	for name, h := range m.hits {
		if h.untold > 0 && now.Sub(h.told) >= limitPause {
			due[name] = h.untold
			h.untold, h.told = 0, now
		}
	}
	m.mu.Unlock()
	for name, times := range due {
		told(name, times)
	}
}

// errorName names the class of an error, "" for none. A peer that leaves when it has what
// it wanted is no error.
func errorName(err error) string {
	if err == nil {
		return ""
	}
	for _, c := range []struct {
		class error
		name  string
	}{
		{transport.ErrNotFound, "not-found"}, {transport.ErrNotAllowed, "not-allowed"}, {transport.ErrTooLarge, "too-large"},
		{transport.ErrBusy, "busy"}, {transport.ErrBadRequest, "bad-request"}, {transport.ErrUnsupported, "unsupported"},
		{transport.ErrRefused, "refused"}, {transport.ErrForged, "forged"}, {transport.ErrIncomplete, "incomplete"},
		{transport.ErrStale, "stale"}, {transport.ErrDiskFull, "disk-full"}, {transport.ErrStalled, "stalled"},
		{transport.ErrProtocol, "protocol"}, {transport.ErrDisconnected, "disconnected"}, {context.Canceled, "canceled"},
		{transport.ErrInternal, "internal"},
	} {
		if errors.Is(err, c.class) {
			return c.name
		}
	}
	return "internal"
}
