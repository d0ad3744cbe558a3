package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constl/constl/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a web server with one file, which cuts its answers short.
type site struct {
	*httptest.Server
	content []byte
	etag    string
	// cuts says after how many bytes of the body each of the next answers ends.
	cuts []int
	sent atomic.Int64
	gets atomic.Int64
	seen func() // called for each request, if not nil
}

func newSite(t *testing.T, content []byte, cuts ...int) *site {
	s := &site{content: content, etag: `"one"`, cuts: cuts}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements [http.Handler].
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(s.gets.Add(1)) - 1
	if s.seen != nil {
		s.seen()
	}
	w.Header().Set("ETag", s.etag)
	cut := len(s.content)
	if n < len(s.cuts) {
		cut = s.cuts[n]
	}
	http.ServeContent(&cutWriter{ResponseWriter: w, left: cut, sent: &s.sent}, r, "", time.Time{}, bytes.NewReader(s.content))
}

type cutWriter struct {
	http.ResponseWriter
	left int
	sent *atomic.Int64
}

// Write implements [io.Writer].
func (c *cutWriter) Write(p []byte) (int, error) {
	if c.left < len(p) {
		n, _ := c.ResponseWriter.Write(p[:c.left])
		c.sent.Add(int64(n))
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	c.sent.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

func read(t *testing.T, address, part string, o *WebOptions) ([]byte, error) {
	t.Helper()
	s, err := OpenWeb(t.Context(), address, part, o)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(s)
	return got, errors.Join(err, s.Close())
}

func TestGoesOnAfterACut(t *testing.T) {
	s := newSite(t, content(1<<20), 100_000, 1, 300_000)
	part := filepath.Join(t.TempDir(), "part")
	got, err := read(t, s.URL, part, &WebOptions{Pause: time.Nanosecond})
	if err != nil || !bytes.Equal(got, s.content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if sent := s.sent.Load(); sent != 1<<20 {
		t.Errorf("%d bytes were sent for %d", sent, 1<<20)
	}
}

// Another process goes on where one was cut; the reader sees the file from its beginning.
func TestGoesOnLater(t *testing.T) {
	s := newSite(t, content(1<<20), 400_000, 0, 0)
	part := filepath.Join(t.TempDir(), "part")
	if got, err := read(t, s.URL, part, &WebOptions{Tries: 1, Pause: 1}); !errors.Is(err, ErrWeb) || len(got) == 0 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for range 2 { // the second time there is nothing left to get
		got, err := read(t, s.URL, part, &WebOptions{Pause: 1})
		if err != nil || !bytes.Equal(got, s.content) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		const refusal = 64 // "there is nothing behind that", in words
		if sent := s.sent.Load(); sent > 1<<20+refusal {
			t.Errorf("%d bytes were sent for %d", sent, 1<<20)
		}
	}
	if err := Discard(part); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(part + "*"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestAnotherFileMeanwhile(t *testing.T) {
	s := newSite(t, content(1<<20), 400_000, 0)
	part := filepath.Join(t.TempDir(), "part")
	_, _ = read(t, s.URL, part, &WebOptions{Tries: 1, Pause: 1})
	s.content, s.etag = content(1 << 19)[1000:], `"two"`
	got, err := read(t, s.URL, part, nil)
	if err != nil || !bytes.Equal(got, s.content) {
		t.Errorf("a later try: %d bytes, %v", len(got), err)
	}

	s = newSite(t, content(1<<20), 400_000)
	s.seen = func() {
		if s.gets.Load() == 2 {
			s.etag = `"two"`
		}
	}
	if _, err := read(t, s.URL, filepath.Join(t.TempDir(), "part"), &WebOptions{Pause: 1}); !errors.Is(err, ErrChanged) {
		t.Errorf("while it was read: %v", err)
	}
}

func TestBounds(t *testing.T) {
	s := newSite(t, content(1000))
	part := filepath.Join(t.TempDir(), "part")
	if _, err := read(t, s.URL, part, &WebOptions{MaxBytes: 999}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
	hang := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(make([]byte, 10))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer hang.Close()
	if _, err := read(t, hang.URL, part, &WebOptions{Stall: 20 * time.Millisecond}); !errors.Is(err, transport.ErrStalled) {
		t.Errorf("a silent server: %v", err)
	}
	if _, err := read(t, s.URL+"x", part, nil); !errors.Is(err, ErrWeb) {
		t.Errorf("no server: %v", err)
	}
	missing := httptest.NewServer(http.NotFoundHandler())
	defer missing.Close()
	if _, err := read(t, missing.URL, part, nil); !errors.Is(err, ErrWeb) {
		t.Errorf("no such file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenWeb(ctx, s.URL, part, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has given up: %v", err)
	}
}
