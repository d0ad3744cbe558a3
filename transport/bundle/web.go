package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constl/constl/transport"
)

// Errors of bundles on the web.
var (
	// ErrWeb says that the web server cannot be reached or does not give the file.
	ErrWeb = errors.New("bundle: the web server does not give it")
	// ErrChanged says that the file on the server became another one meanwhile. What had
	// come of the old one was dropped.
	ErrChanged = errors.New("bundle: the file on the web server changed meanwhile")
	// ErrTooLarge says that the file is larger than [WebOptions] allows.
	ErrTooLarge = errors.New("bundle: too large")
)

// WebOptions bounds a download. The zero value means the defaults.
type WebOptions struct {
	// MaxBytes is the largest file that is taken. Default: 256 GiB.
	MaxBytes int64
	// Stall is how long the server may be silent. Default: 60 s.
	Stall time.Duration
	// Tries is how often it is asked anew after a cut without a byte between.
	// Default: 4. Pause is the time before the first of these; it doubles. Default: 1 s.
	Tries int
	Pause time.Duration
}

func (o *WebOptions) withDefaults() WebOptions {
	var full WebOptions
	if o != nil {
		full = *o
	}
	if full.MaxBytes <= 0 {
		full.MaxBytes = 256 << 30
	}
	if full.Stall <= 0 {
		full.Stall = 60 * time.Second
	}
	if full.Tries <= 0 {
		full.Tries = 4
	}
	if full.Pause <= 0 {
		full.Pause = time.Second
	}
	return full
}

// label says which state of which file a part on disk belongs to.
type label struct {
	URL string `json:"url"`
	// Validator is the server's ETag, or else its Last-Modified.
	Validator string `json:"validator"`
}

// download is a file on its way from the web: first what came of it at an earlier
// time, then the rest from the server, which is kept, too.
type download struct {
	ctx    context.Context
	cancel context.CancelFunc
	o      WebOptions
	client *http.Client
	label  label
	part   *os.File
	kept   int64 // bytes of the part that are still to be read from it
	at     int64 // bytes in the part
	size   int64 // 0 if not known
	body   io.ReadCloser
	watch  *time.Timer
	silent atomic.Bool // the watch has ended it
	using  sync.Mutex  // held by Read, and by Close once Read is sure to end
}

// OpenWeb begins to read the bundle at an http or https address. What comes is
// kept in the file part, and goes on from there if a later call for the same
// address finds it and the server still has the same file. The caller closes the
// stream and removes the part when it has what it wanted; see [Discard]. ctx ends
// the reading, too.
//
// It fails, as reads do, with an error that wraps [ErrWeb], [ErrChanged],
// [ErrTooLarge] or [transport.ErrStalled].
func OpenWeb(ctx context.Context, address, part string, o *WebOptions) (*Stream, error) {
	d := &download{o: o.withDefaults(), label: label{URL: address}}
	// The watch ends a request whose server is silent.
	d.ctx, d.cancel = context.WithCancel(ctx)
	d.watch = time.AfterFunc(d.o.Stall, func() {
		d.silent.Store(true)
		d.cancel()
	})
	d.client = &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableCompression: true, ForceAttemptHTTP2: true,
	}}
	err := d.open(part)
	if err == nil {
		err = d.ask()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("getting %s: %w", address, err), d.Close())
	}
	return &Stream{d, d.size}, nil
}

// Discard removes what a download has kept.
func Discard(part string) error {
	var failed []error
	for _, name := range []string{part, part + labelSuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

const labelSuffix = ".json"

// open opens the part, and empties it if it is of something else.
func (d *download) open(part string) error {
	var err error
	if d.part, err = os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return err
	}
	var found label
	text, err := os.ReadFile(part + labelSuffix)
	if err == nil && json.Unmarshal(text, &found) == nil && found.URL == d.label.URL && found.Validator != "" {
		d.label = found
		d.at, err = d.part.Seek(0, io.SeekEnd)
		d.kept = d.at
		return err
	}
	return d.part.Truncate(0)
}

// ask requests what is not there yet.
func (d *download) ask() error {
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, d.label.URL, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWeb, err)
	}
	if d.at > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(d.at, 10)+"-")
		req.Header.Set("If-Range", d.label.Validator)
	}
	d.watch.Reset(d.o.Stall)
	res, err := d.client.Do(req)
	d.watch.Stop()
	if err != nil {
		return d.failure(err)
	}
	d.body = res.Body
	if err := d.take(res); err != nil {
		d.body.Close()
		return err
	}
	return nil
}

func (d *download) take(res *http.Response) error {
	switch {
	case res.StatusCode == http.StatusPartialContent && d.at > 0:
		return d.goOn(res.Header.Get("Content-Range"))
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable && d.at > 0:
		return d.nothingLeft(res.Header.Get("Content-Range"))
	case res.StatusCode == http.StatusOK:
		return d.startAnew(res)
	}
	return fmt.Errorf("%w: it answers %q", ErrWeb, res.Status)
}

// goOn checks that the server sends what comes next.
func (d *download) goOn(header string) error {
	var from, to, size int64
	if _, err := fmt.Sscanf(header, "bytes %d-%d/%d", &from, &to, &size); err != nil || from != d.at || to != size-1 {
		return fmt.Errorf("%w: asked for what follows byte %d, it answers with %q", ErrWeb, d.at, header)
	}
	return d.setSize(size)
}

// nothingLeft checks that the part is the whole file.
func (d *download) nothingLeft(header string) error {
	d.body.Close()
	d.body = http.NoBody
	if size, ok := strings.CutPrefix(header, "bytes */"); !ok || size != strconv.FormatInt(d.at, 10) {
		return errors.Join(ErrChanged, d.empty())
	}
	return d.setSize(d.at)
}

// startAnew takes the whole file from its first byte on.
func (d *download) startAnew(res *http.Response) error {
	if d.at > 0 && d.kept < d.at {
		// The reader has some of the old file already.
		return errors.Join(ErrChanged, d.empty())
	}
	if err := d.empty(); err != nil {
		return err
	}
	d.label.Validator = res.Header.Get("ETag")
	if strings.HasPrefix(d.label.Validator, "W/") || d.label.Validator == "" {
		d.label.Validator = res.Header.Get("Last-Modified")
	}
	text, err := json.Marshal(d.label)
	if err == nil {
		err = os.WriteFile(d.part.Name()+labelSuffix, text, 0o644)
	}
	if err != nil {
		return err
	}
	return d.setSize(max(res.ContentLength, 0))
}

func (d *download) empty() error {
	d.at, d.kept = 0, 0
	return d.part.Truncate(0)
}

func (d *download) setSize(size int64) error {
	d.size = size
	if size > d.o.MaxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, size, d.o.MaxBytes)
	}
	return nil
}

// failure names the class of an error of the network.
func (d *download) failure(err error) error {
	if d.silent.Load() {
		return fmt.Errorf("%w: the web server was silent for %s", transport.ErrStalled, d.o.Stall)
	}
	return fmt.Errorf("%w: %w", ErrWeb, err)
}

// Read implements [io.Reader].
func (d *download) Read(p []byte) (int, error) {
	d.using.Lock()
	defer d.using.Unlock()
	if d.kept > 0 {
		n, err := d.part.ReadAt(p[:min(int64(len(p)), d.kept)], d.at-d.kept)
		d.kept -= int64(n)
		if n > 0 {
			return n, nil
		}
		return 0, fmt.Errorf("reading what has come already: %w", err)
	}
	pause := d.o.Pause
	for try := 0; ; try++ {
		n, err := d.read(p)
		switch {
		case n > 0 || errors.Is(err, io.EOF) && (d.size == 0 || d.at == d.size):
			return n, err
		case err == nil:
			continue
		case try == d.o.Tries || d.ctx.Err() != nil || d.label.Validator == "" || !errors.Is(err, errCut):
			return 0, err
		}
		d.body.Close()
		if err := d.wait(pause); err != nil {
			return 0, err
		}
		pause *= 2
		if err := d.ask(); err != nil && (!errors.Is(err, ErrWeb) || d.ctx.Err() != nil) {
			return 0, err
		}
	}
}

// errCut says that the connection to the server ended early.
var errCut = errors.New("the connection was cut")

// read takes bytes from the server and keeps them. Once bytes have come, an error is
// left for the next time.
func (d *download) read(p []byte) (int, error) {
	d.watch.Reset(d.o.Stall)
	n, err := d.body.Read(p)
	d.watch.Stop()
	if n > 0 {
		if d.at+int64(n) > d.o.MaxBytes {
			return 0, fmt.Errorf("%w: at most %d bytes are taken", ErrTooLarge, d.o.MaxBytes)
		}
		if _, err := d.part.WriteAt(p[:n], d.at); err != nil {
			return 0, err
		}
		d.at += int64(n)
		return n, nil
	}
	switch {
	case err == nil:
		return 0, nil
	case errors.Is(err, io.EOF) && (d.size == 0 || d.at == d.size):
		return 0, io.EOF
	case d.silent.Load():
		return 0, d.failure(err)
	case d.ctx.Err() != nil:
		return 0, d.ctx.Err()
	}
	return 0, fmt.Errorf("%w: %w after %d bytes of %d: %w", ErrWeb, errCut, d.at, d.size, err)
}

func (d *download) wait(pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.ctx.Done():
		return d.ctx.Err()
	}
}

// Close implements [io.Closer]. What has come stays on disk.
func (d *download) Close() error {
	d.cancel()
	d.using.Lock()
	defer d.using.Unlock()
	d.watch.Stop()
	if d.body != nil {
		d.body.Close()
	}
	d.client.CloseIdleConnections()
	if d.part == nil {
		return nil
	}
	part := d.part
	d.part = nil
	return part.Close()
}
