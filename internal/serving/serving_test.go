package serving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/metrics/metricstest"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person returns the folder of somebody's key and settings.
func person(t testing.TB) string {
	t.Helper()
	home := t.TempDir()
	set(t, home, settings.UserName, "Ana")
	return home
}

// set writes one of a person's settings.
func set(t testing.TB, home, name, value string) {
	t.Helper()
	s, err := settings.Open(home, "")
	if err == nil {
		err = s.SetOwn(name, value)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dataset makes a dataset with one table.
func dataset(t testing.TB, home, dir string, private bool) object.ID {
	t.Helper()
	r, err := repo.Init(t.Context(), dir, repo.InitOptions{Name: filepath.Base(dir), Private: private}, &repo.Options{Home: home})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte("id,n\n1,"+filepath.Base(dir)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(t.Context(), repo.CommitOptions{Message: "first"}); err != nil {
		t.Fatal(err)
	}
	id, err := r.DatasetID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// record notes events as texts.
type record struct {
	mu    sync.Mutex
	texts []string
}

func (r *record) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, fmt.Sprintf(format, args...))
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.texts)
}

func (r *record) has(text string) bool {
	for _, t := range r.all() {
		if strings.Contains(t, text) {
			return true
		}
	}
	return false
}

func (r *record) events() Events {
	return Events{
		Request:  func(s transport.Served, private bool) { r.add("request %s private %t: %v", s.Kind, private, s.Err) },
		Added:    func(c *repo.Card, _ []refs.Address) { r.add("added %s", filepath.Base(c.Dir)) },
		Removed:  func(dir string, _ object.ID) { r.add("removed %s", filepath.Base(dir)) },
		Damaged:  func(dir string, err error) { r.add("damaged %s: %v", filepath.Base(dir), err) },
		Trouble:  func(where, doing string, err error) { r.add("trouble %s: %s: %v", filepath.Base(where), doing, err) },
		Limit:    func(name string, times int64) { r.add("limit %s %d", name, times) },
		Proposal: func(_ *repo.Proposal, text string) { r.add("proposal %s", text) },
		Reloaded: func(changed []string) { r.add("reloaded %s", strings.Join(changed, ",")) },
	}
}

// start starts a service that the test stops.
func start(t testing.TB, o Options) *Service {
	t.Helper()
	key, err := refs.OpenKey(t.Context(), o.Home)
	if err != nil {
		t.Fatal(err)
	}
	o.Address, o.Key = "127.0.0.1:0", key
	o.Hosts = func(netip.AddrPort) []string { return []string{"127.0.0.1"} }
	if o.Interval == 0 {
		o.Interval = 10 * time.Millisecond
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return s
}

// clone clones a dataset from the service as a person.
func clone(t testing.TB, s *Service, id object.ID, home string) error {
	t.Helper()
	url := refs.URL{Dataset: id, Peers: s.Peers()}
	r, _, err := repo.Clone(t.Context(), url, filepath.Join(t.TempDir(), "clone"), &repo.Options{Home: home, BusyWait: time.Millisecond})
	if err != nil {
		return err
	}
	return r.Close()
}

// until polls for a condition.
func until(t testing.TB, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s has not come", what)
		}
	}
}

func TestDatasetsComeAndGo(t *testing.T) {
	home, root, stranger := person(t), t.TempDir(), person(t)
	ids := make(map[string]object.ID)
	for _, name := range []string{"a", "b"} {
		ids[name] = dataset(t, home, filepath.Join(root, name), false)
	}
	if err := os.MkdirAll(filepath.Join(root, "plain", "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	var events record
	s := start(t, Options{Home: home, Roots: []string{root}, Events: events.events()})
	if n := len(s.Cards()); n != 2 {
		t.Fatalf("%d datasets are served, want 2", n)
	}
	for name, id := range ids {
		if err := clone(t, s, id, stranger); err != nil {
			t.Errorf("cloning %s: %v", name, err)
		}
	}
	ids["c"] = dataset(t, home, filepath.Join(root, "c"), false)
	until(t, "the new dataset", func() bool { return events.has("added c") })
	if err := clone(t, s, ids["c"], stranger); err != nil {
		t.Errorf("cloning c: %v", err)
	}
	if err := os.Rename(filepath.Join(root, "a"), filepath.Join(t.TempDir(), "a")); err != nil {
		t.Fatal(err)
	}
	until(t, "that a is gone", func() bool { return events.has("removed a") })
	if err := clone(t, s, ids["a"], stranger); !errors.Is(err, transport.ErrNotFound) {
		t.Errorf("cloning what is gone: %v, want ErrNotFound", err)
	}
	// The folder gets another dataset in the place of its own.
	if err := os.RemoveAll(filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	next := dataset(t, home, filepath.Join(root, "b"), false)
	until(t, "the dataset in the place of b", func() bool { return clone(t, s, next, stranger) == nil })
	if err := clone(t, s, ids["b"], stranger); !errors.Is(err, transport.ErrNotFound) {
		t.Errorf("cloning what was replaced: %v, want ErrNotFound", err)
	}
}

func TestDamagedDatasetsStopNobody(t *testing.T) {
	home, root := person(t), t.TempDir()
	id := dataset(t, home, filepath.Join(root, "whole"), false)
	dataset(t, home, filepath.Join(root, "damaged"), false)
	format := filepath.Join(root, "damaged", ".constl", "refs", "format")
	good, err := os.ReadFile(format)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(format, []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(root, "whole-again"), os.DirFS(filepath.Join(root, "whole"))); err != nil {
		t.Fatal(err)
	}
	var events record
	s := start(t, Options{Home: home, Roots: []string{root}, Events: events.events()})
	if !events.has("damaged damaged: ") || !events.has("damaged whole-again: the same dataset is served from another folder") {
		t.Errorf("what is damaged was not told: %q", events.all())
	}
	if err := clone(t, s, id, person(t)); err != nil {
		t.Errorf("cloning the whole one: %v", err)
	}
	// It was told of once, and is served when it is mended and somebody says so.
	told := len(events.all())
	until(t, "some looks more", func() bool { return s.Reload() == nil })
	for _, text := range events.all()[told:] {
		if strings.Contains(text, "damaged") {
			t.Errorf("told again: %s", text)
		}
	}
	if err := os.WriteFile(format, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if !events.has("added damaged") {
		t.Errorf("the mended dataset was not added: %q", events.all())
	}
	// The copy takes the place of the one it is a copy of.
	if err := os.RemoveAll(filepath.Join(root, "whole")); err != nil {
		t.Fatal(err)
	}
	until(t, "the copy", func() bool { return events.has("added whole-again") })
	if err := clone(t, s, id, person(t)); err != nil {
		t.Errorf("cloning from the copy: %v", err)
	}
}

func TestWhatIsNamedMustBeServed(t *testing.T) {
	home := person(t)
	key, err := refs.OpenKey(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "d")
	dataset(t, home, dir, false)
	other := person(t)
	otherKey, err := refs.OpenKey(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	hosts := func(netip.AddrPort) []string { return nil }
	for name, c := range map[string]struct {
		o    Options
		want error
	}{
		"no dataset":         {Options{Home: home, Key: key, Dirs: []string{t.TempDir()}}, repo.ErrNotDataset},
		"no folder":          {Options{Home: home, Key: key, Roots: []string{filepath.Join(dir, "none")}}, os.ErrNotExist},
		"policy of a guest":  {Options{Home: other, Key: otherKey, Dirs: []string{dir}, Policy: repo.ProposalsValid}, repo.ErrNotMaintainer},
		"metrics of nowhere": {Options{Home: home, Key: key, Dirs: []string{dir}, Metrics: "256.0.0.1:1"}, nil},
	} {
		c.o.Address, c.o.Hosts = "127.0.0.1:0", hosts
		s, err := Start(t.Context(), c.o)
		if err == nil {
			_ = s.Stop(t.Context())
		}
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestStoresAreOpenedWhenNeeded(t *testing.T) {
	home, root := person(t), t.TempDir()
	var ids []object.ID
	for i := range 6 {
		ids = append(ids, dataset(t, home, filepath.Join(root, fmt.Sprint("d", i)), false))
	}
	s := start(t, Options{Home: home, Roots: []string{root}, Interval: time.Hour, Given: bounds.Values{
		bounds.OpenDatasets: 2, bounds.Wait: int64(50 * time.Millisecond),
	}})
	if c := s.shelf.Counts(); c.Open != 0 || c.Public != 6 {
		t.Fatalf("%+v of datasets nobody has asked for", c)
	}
	for _, id := range ids {
		if err := clone(t, s, id, person(t)); err != nil {
			t.Fatal(err)
		}
		if c := s.shelf.Counts(); c.Open > 2 {
			t.Errorf("%d are open at once", c.Open)
		}
	}
	// As many as can be open are in use: who comes next is told so.
	var leases []io.Closer
	for _, id := range ids[:2] {
		ds, err := s.shelf.Find(t.Context(), refs.PeerID{1}, id)
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, ds.(io.Closer))
	}
	_, err := s.shelf.Find(t.Context(), refs.PeerID{1}, ids[2])
	var limit *transport.LimitError
	if !errors.As(err, &limit) || limit.Limit != bounds.OpenDatasets || !errors.Is(err, transport.ErrBusy) {
		t.Errorf("%v, want the limit %s", err, bounds.OpenDatasets)
	}
	// A dataset that is open serves more than one, and who waits gets the first place.
	again, err := s.shelf.Find(t.Context(), refs.PeerID{2}, ids[0])
	if err != nil {
		t.Fatal(err)
	}
	s.shelf.setLimits(withWait(s.shelf.limits, time.Minute))
	done := make(chan error)
	go func() {
		ds, err := s.shelf.Find(t.Context(), refs.PeerID{1}, ids[3])
		if err == nil {
			err = ds.(io.Closer).Close()
		}
		done <- err
	}()
	until(t, "one who waits", func() bool {
		s.shelf.mu.Lock()
		defer s.shelf.mu.Unlock()
		return len(s.shelf.freed) == 1
	})
	leases[1].Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	leases[0].Close()
	again.(io.Closer).Close()
	s.shelf.o.now = func() time.Time { return time.Now().Add(time.Hour) }
	s.shelf.tidy()
	if c := s.shelf.Counts(); c.Open != 0 {
		t.Errorf("%d are open after an hour without anybody", c.Open)
	}
}

func withWait(v bounds.Values, wait time.Duration) bounds.Values {
	next := bounds.Values{bounds.Wait: int64(wait)}
	for name, n := range v {
		if name != bounds.Wait {
			next[name] = n
		}
	}
	return next
}

// What a request reads in is not closed under it, and what rests is opened again.
func TestLeases(t *testing.T) {
	home, root := person(t), t.TempDir()
	id := dataset(t, home, filepath.Join(root, "d"), false)
	s := start(t, Options{Home: home, Roots: []string{root}, Interval: time.Hour})
	ds, err := s.shelf.Find(t.Context(), refs.PeerID{1}, id)
	if err != nil {
		t.Fatal(err)
	}
	heads, err := ds.Heads(t.Context())
	if err != nil || len(heads) != 1 {
		t.Fatalf("%d heads, %v", len(heads), err)
	}
	head := heads[0].Statement().Refs["heads/main"]
	read := func(when string) {
		t.Helper()
		if _, err := ds.Objects().Get(t.Context(), head); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	read("at first")
	s.shelf.o.now = func() time.Time { return time.Now().Add(time.Hour) }
	s.shelf.tidy()
	read("after everything idle was closed")
	if err := os.Rename(filepath.Join(root, "d"), filepath.Join(root, "e")); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	read("after the folder has got another name")
	if _, err := s.shelf.Find(t.Context(), refs.PeerID{1}, id); err != nil {
		t.Errorf("under its new name: %v", err)
	}
	ds.(*lease).Rest()
	if err := ds.(*lease).Close(); err != nil {
		t.Error(err)
	}
	if _, err := ds.Objects().Get(t.Context(), head); err == nil {
		t.Error("a dataset that was given back can be read")
	}
	if ds, err = s.shelf.Find(t.Context(), refs.PeerID{1}, id); err != nil {
		t.Fatal(err)
	}
	ds.(*lease).Rest()
	s.shelf.tidy()
	read("after a rest")
	ds.(*lease).Close()
}

// Somebody who watches a dataset holds nothing of it open while nothing is new, hears of
// what is, and is sent away when the dataset goes.
func TestWatchesOfADatasetThatComesAndGoes(t *testing.T) {
	home, root := person(t), t.TempDir()
	dir := filepath.Join(root, "d")
	id := dataset(t, home, dir, false)
	s := start(t, Options{Home: home, Roots: []string{root}})
	ds, err := s.shelf.Find(t.Context(), refs.PeerID{1}, id)
	if err != nil {
		t.Fatal(err)
	}
	defer ds.(*lease).Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := ds.(transport.PeerDataset).For(refs.PeerID{1}).(transport.Watchable).Changes(ctx)
	ds.(*lease).Rest()
	s.shelf.o.now = func() time.Time { return time.Now().Add(time.Hour) }
	s.shelf.tidy()
	if c := s.shelf.Counts(); c.Open != 0 {
		t.Errorf("%d datasets are open while nothing is new", c.Open)
	}
	r, err := repo.Open(t.Context(), dir, &repo.Options{Home: home})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	res, err := r.Commit(t.Context(), repo.CommitOptions{Message: "more", AllowEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, open := <-changes; !open {
		t.Fatal("it is gone")
	}
	if _, err := ds.Objects().Get(t.Context(), res.ID); err != nil {
		t.Errorf("what is new: %v", err)
	}
	if err := os.Rename(filepath.Join(dir, ".constl"), filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	for open := true; open; _, open = <-changes {
	}
}

func TestPrivateDatasetsAreNotOpenedForStrangers(t *testing.T) {
	home, root := person(t), t.TempDir()
	id := dataset(t, home, filepath.Join(root, "d"), true)
	s := start(t, Options{Home: home, Roots: []string{root}, Metrics: "0"})
	if err := clone(t, s, id, person(t)); !errors.Is(err, transport.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	if c := s.shelf.Counts(); c.Open != 0 || c.Private != 1 {
		t.Errorf("%+v after a stranger has asked", c)
	}
	before := get(t, s, "/metrics")
	if err := clone(t, s, id, home); err != nil {
		t.Fatal(err)
	}
	// Nothing in the metrics tells that there is one, and that it was read.
	values := metricstest.Parse(t, get(t, s, "/metrics"))
	if values[`constl_datasets{state="served"}`] != 0 || values[`constl_requests_total{kind="sync",outcome="ok"}`] != 0 || values[`constl_bytes_total{direction="out"}`] !=
		metricstest.Parse(t, before)[`constl_bytes_total{direction="out"}`] {
		t.Errorf("the metrics tell of a private dataset: %v", values)
	}
	var h Health
	if err := json.Unmarshal([]byte(get(t, s, "/health")), &h); err != nil || h.Datasets != 0 {
		t.Errorf("the health tells of a private dataset: %+v, %v", h, err)
	}
}

func TestMetricsOfPrivateDatasetsAreThereWhenAskedFor(t *testing.T) {
	home, root := person(t), t.TempDir()
	id := dataset(t, home, filepath.Join(root, "d"), true)
	s := start(t, Options{Home: home, Roots: []string{root}, Metrics: ":0", MetricsPrivate: true})
	if err := clone(t, s, id, home); err != nil {
		t.Fatal(err)
	}
	until(t, "the request", func() bool {
		values := metricstest.Parse(t, get(t, s, "/metrics"))
		return values[`constl_datasets{state="served"}`] == 1 && values[`constl_requests_total{kind="sync",outcome="ok"}`] >= 1
	})
}

// get reads what is answered at a path, with the status code 200.
func get(t testing.TB, s *Service, path string) string {
	t.Helper()
	status, body := fetch(t, s, path)
	if status != http.StatusOK {
		t.Fatalf("%s: %d", path, status)
	}
	return body
}

func fetch(t testing.TB, s *Service, path string) (int, string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + s.MetricsAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestMetricsAndHealth(t *testing.T) {
	home, root := person(t), t.TempDir()
	id := dataset(t, home, filepath.Join(root, "d"), false)
	var events record
	s := start(t, Options{Home: home, Roots: []string{root}, Metrics: "0", Version: "1.2.3", Events: events.events(), Given: bounds.Values{
		transport.LimitRequestBytes: 4096,
	}})
	if !strings.HasPrefix(s.MetricsAddr(), "127.0.0.1:") {
		t.Errorf("a port alone listens on %s", s.MetricsAddr())
	}
	if err := clone(t, s, id, person(t)); err != nil {
		t.Fatal(err)
	}
	if err := clone(t, s, object.ID{1}, person(t)); !errors.Is(err, transport.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	// A slow clone may ask over more streams than one.
	least := map[string]float64{
		`constl_requests_total{kind="sync",outcome="ok"}`:        1,
		`constl_requests_total{kind="sync",outcome="not-found"}`: 1,
		`constl_errors_total{error="not-found"}`:                 1,
		`constl_request_seconds_count{kind="sync"}`:              2,
		`constl_request_seconds_bucket{kind="sync",le="+Inf"}`:   2,
		`constl_objects_total{direction="out"}`:                  4,
		`constl_bytes_total{direction="out"}`:                    500,
		`constl_bytes_total{direction="in"}`:                     50,
		`constl_connections_total`:                               2,
		`go_goroutines`:                                          1,
	}
	exactly := map[string]float64{
		`constl_build_info{version="1.2.3"}`: 1,
		`constl_datasets{state="served"}`:    1,
		`constl_reloads_total`:               0,
		`constl_memory_bytes{state="limit"}`: 240 << 20,
		`constl_requests_served`:             0,
		`constl_requests_waiting`:            0,
	}
	var values map[string]float64
	defer func() {
		if t.Failed() {
			t.Log(values)
		}
	}()
	until(t, "what was counted", func() bool {
		values = metricstest.Parse(t, get(t, s, "/metrics"))
		for name, n := range least {
			if values[name] < n {
				return false
			}
		}
		for name, n := range exactly {
			if v, ok := values[name]; !ok || v != n {
				return false
			}
		}
		return true
	})
	text := get(t, s, "/metrics")
	for _, secret := range []string{id.String(), id.Short(), s.o.Key.PeerID().String(), s.o.Key.PeerID().Short(), root} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics say %s", secret)
		}
	}
	var h Health
	if err := json.Unmarshal([]byte(get(t, s, "/health")), &h); err != nil || h.Status != "serving" || h.Datasets != 1 {
		t.Errorf("%+v, %v", h, err)
	}
	if status, _ := fetch(t, s, "/other"); status != http.StatusNotFound {
		t.Errorf("/other: %d", status)
	}
	s.web.stop()
	if status, body := fetch(t, s, "/health"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"stopping"`) {
		t.Errorf("while it stops: %d %s", status, body)
	}
	// A bound that is hit is counted and told by its name.
	s.meters.hit("max-requests")
	s.meters.hit("max-requests")
	until(t, "the limit", func() bool { return events.has("limit max-requests 2") || events.has("limit max-requests 1") })
	if n := metricstest.Parse(t, get(t, s, "/metrics"))[`constl_limits_hit_total{limit="max-requests"}`]; n != 2 {
		t.Errorf("the limit was hit %g times, want 2", n)
	}
}

func TestWebAddress(t *testing.T) {
	for text, want := range map[string]string{
		"7421": "127.0.0.1:7421", ":7421": "127.0.0.1:7421", "0.0.0.0:7421": "0.0.0.0:7421", "[::]:7421": "[::]:7421", "host:1": "host:1",
	} {
		if got := webAddress(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestSettingsAreTakenOver(t *testing.T) {
	home, root := person(t), t.TempDir()
	id := dataset(t, home, filepath.Join(root, "d"), false)
	var events record
	s := start(t, Options{Home: home, Roots: []string{root}, Events: events.events(), Given: bounds.Values{bounds.Grace: int64(time.Second)}})
	policy := func() repo.ProposalPolicy {
		s.shelf.mu.Lock()
		f := s.shelf.byID[id]
		s.shelf.mu.Unlock()
		o, err := s.shareOptions(f)
		if err != nil {
			t.Fatal(err)
		}
		return o.Proposals
	}
	set(t, home, "serve.max-connections", "7")
	set(t, home, "serve.max-memory", "200MB")
	set(t, home, "serve.grace", "9s") // given on the command line
	set(t, home, "serve.accept-proposals", "none")
	until(t, "the new bounds", func() bool { return s.values().Int("max-connections") == 7 && policy() == repo.ProposalsNone })
	if !events.has("reloaded max-connections,max-memory") {
		t.Errorf("what was taken over was not told: %q", events.all())
	}
	if _, limit := s.memory.Used(); limit != 125e6 || s.Grace() != time.Second {
		t.Errorf("the budget is %d, the grace %s", limit, s.Grace())
	}
	// A dataset's own value comes first, and those of others stay.
	local, err := settings.Open(home, filepath.Join(root, "d", ".constl"))
	if err == nil {
		err = local.SetLocal("serve.accept-proposals", "append-only")
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the dataset's policy", func() bool { return policy() == repo.ProposalsAppendOnly })
	// A file that makes no sense is told of, and changes nothing.
	if err := os.WriteFile(filepath.Join(home, settings.File), []byte(`{"serve.max-connections": "many"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); !errors.Is(err, bounds.ErrInvalid) {
		t.Errorf("%v, want ErrInvalid", err)
	}
	if n := s.values().Int("max-connections"); n != 7 || !events.has("serve.max-connections") {
		t.Errorf("%d connections; told %q", n, events.all())
	}
}

// The settings of the one dataset that is served are those of the service.
func TestSettingsOfOneDataset(t *testing.T) {
	home, dir := person(t), filepath.Join(t.TempDir(), "d")
	dataset(t, home, dir, false)
	set(t, home, "serve.max-requests", "9")
	local, err := settings.Open(home, filepath.Join(dir, ".constl"))
	if err == nil {
		err = local.SetLocal("serve.max-requests", "5")
	}
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Home: home, Dirs: []string{dir}})
	if n := s.values().Int("max-requests"); n != 5 {
		t.Errorf("%d requests, want those of the dataset, 5", n)
	}
	if err := local.SetLocal("serve.max-requests", ""); err != nil {
		t.Fatal(err)
	}
	until(t, "the person's value", func() bool { return s.values().Int("max-requests") == 9 })
}

// constl share finds the addresses while a dataset is served, and not after.
func TestAddressesAreNoted(t *testing.T) {
	home, root := person(t), t.TempDir()
	dir := filepath.Join(root, "d")
	dataset(t, home, dir, false)
	here := func() int {
		r, err := repo.Open(t.Context(), dir, &repo.Options{Home: home})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		peers, _, err := r.KnownPeers()
		if err != nil {
			t.Fatal(err)
		}
		return len(peers)
	}
	key, err := refs.OpenKey(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), Options{
		Address: "127.0.0.1:0", Key: key, Home: home, Roots: []string{root}, Hosts: func(netip.AddrPort) []string { return []string{"127.0.0.1"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the note", func() bool { return here() == 1 })
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := here(); n != 0 {
		t.Errorf("%d addresses are noted of what is served no more", n)
	}
}
