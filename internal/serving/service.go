package serving

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// Options say what a service serves, and how.
type Options struct {
	Address string // as [repo.Serve] takes it
	Key     *refs.Key
	Home    string // the folder of the person's key and settings
	// Dirs are datasets; each must be one. Roots are folders in which datasets come and go.
	Dirs, Roots []string
	// Given are the bounds that settings do not change, and Policy the policy on
	// proposals, "" if the settings say.
	Given  bounds.Values
	Policy repo.ProposalPolicy
	// Hosts returns the hosts under which others reach an address that is listened on.
	Hosts func(netip.AddrPort) []string
	// Unlisted keeps peers from telling others of the addresses.
	Unlisted bool
	// Metrics is where metrics and health are answered, HOST:PORT, or a port of the
	// loopback; "" for nowhere.
	Metrics string
	// MetricsPrivate counts datasets that only some may know of in the metrics, too.
	MetricsPrivate bool
	Version        string // of constl
	Events         Events
	// Interval is how often folders and settings are looked at. Default: 2 s.
	Interval time.Duration
}

// Service is a service that runs, from [Start] to [Service.Stop].
type Service struct {
	o       Options
	events  *notices
	shelf   *Shelf
	sources sources
	meters  *meters
	memory  *transport.Memory
	cache   *pack.Cache
	gate    *link.Gate
	server  *repo.Server
	web     *web
	peers   []refs.Address

	home    stamp // the person's settings, when they were read
	mu      sync.Mutex
	limits  bounds.Values // held with mu
	reload  chan chan error
	cancel  context.CancelFunc
	loop    sync.WaitGroup
	restore func() // of what the process had
}

// Start begins to serve. The service goes on after ctx has ended; the caller stops it. It
// fails if a dataset that was named itself cannot be served, a folder of datasets is none,
// a setting makes no sense, or an address cannot be listened on.
func Start(ctx context.Context, o Options) (*Service, error) {
	if o.Interval <= 0 {
		o.Interval = 2 * time.Second
	}
	s := &Service{o: o, events: newNotices(o.Events), meters: newMeters(o.Version, o.MetricsPrivate), reload: make(chan chan error)}
	if err := s.locate(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.limits, err = s.readLimits(ctx); err != nil {
		return nil, err
	}
	s.memory = transport.NewMemory(requestShare(s.limits))
	s.cache = pack.NewCache(cacheShare(s.limits))
	s.gate = link.NewGate(s.gateOptions())
	s.shelf = newShelf(shelfOptions{home: o.Home, cache: s.cache, policy: s.shareOptions, events: s.events}, s.limits)
	if err := s.fill(ctx); err != nil {
		s.shelf.close()
		return nil, err
	}
	if err := s.listen(ctx); err != nil {
		s.shelf.close()
		return nil, err
	}
	s.restore = limitProcess(s.limits)
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.loop.Go(func() { s.run(ctx) })
	return s, nil
}

// locate finds the folders.
func (s *Service) locate(ctx context.Context) error {
	for _, dir := range s.o.Dirs {
		card, err := repo.ReadCard(ctx, dir, &repo.Options{Home: s.o.Home})
		if err != nil {
			return err
		}
		s.sources.dirs = append(s.sources.dirs, card.Dir)
	}
	for _, root := range s.o.Roots {
		root, err := filepath.Abs(root)
		if err != nil {
			return fmt.Errorf("looking for datasets: %w", err)
		}
		if err := readable(root); err != nil {
			return fmt.Errorf("looking for datasets: %w", err)
		}
		s.sources.roots = append(s.sources.roots, root)
	}
	return nil
}

// fill puts the datasets on the shelf, and opens those that were named themselves once.
func (s *Service) fill(ctx context.Context) error {
	s.shelf.strict = true
	s.shelf.scan(ctx, s.sources, true)
	for _, dir := range s.sources.dirs {
		s.shelf.mu.Lock()
		f := s.shelf.byDir[dir]
		s.shelf.mu.Unlock()
		switch {
		case f == nil:
			return fmt.Errorf("%w: %s", repo.ErrNotDataset, dir)
		case errors.Is(f.err, errTwice):
			continue
		case f.err != nil:
			return f.err
		}
		h, err := s.shelf.acquire(ctx, f)
		if err != nil {
			return err
		}
		s.shelf.release(h)
	}
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	s.shelf.strict = false
	return nil
}

// listen begins to listen for peers, and for readers of metrics.
func (s *Service) listen(ctx context.Context) error {
	var err error
	s.server, err = repo.Serve(context.WithoutCancel(ctx), s.o.Address, s.o.Key, s.shelf.Find, &repo.ServeOptions{
		Requests: *s.requestOptions(), Gate: s.gate, MaxStreams: s.limits.Int(bounds.Streams),
	})
	if err != nil {
		return err
	}
	s.meters.watch(s.shelf, s.gate, s.memory, func() *repo.Server { return s.server })
	if s.o.Metrics != "" {
		if s.web, err = startWeb(ctx, s.o.Metrics, s.meters.set, s.Health); err != nil {
			return errors.Join(err, s.server.Close(ctx))
		}
	}
	s.peers = s.server.Addresses(s.o.Hosts(s.server.Addr()))
	s.note(s.shelf.cards()) // whoever is told of the service may look at once
	return nil
}

// run looks after the service until ctx ends.
func (s *Service) run(ctx context.Context) {
	tick := time.NewTicker(s.o.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.refresh(ctx, false)
		case answer := <-s.reload:
			s.meters.reloads.Add(1)
			answer <- s.refresh(ctx, true)
		case <-ctx.Done():
			return
		}
		s.meters.tell(time.Now(), s.o.Events.Limit)
	}
}

// refresh takes over what has changed, and closes what nobody uses.
func (s *Service) refresh(ctx context.Context, force bool) error {
	home := s.homeStamp()
	changed := force || !home.same(s.home)
	fresh := s.shelf.scan(ctx, s.sources, changed)
	err := s.apply(ctx)
	s.events.trouble("the settings", "taking them over", err)
	s.shelf.tidy()
	s.note(fresh)
	for _, card := range fresh {
		s.events.added(card, s.Peers())
	}
	return err
}

// noters is how many notes are written at once: each waits for the disk.
const noters = 8

// note notes in the datasets' folders under which addresses they are served.
func (s *Service) note(cards []*repo.Card) {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, noters)
	for _, card := range cards {
		places <- struct{}{}
		wg.Go(func() {
			s.events.trouble(card.Dir, "noting the address", card.NoteServing(s.peers, s.o.Unlisted))
			<-places
		})
	}
}

// Reload looks at all folders and settings at once. It fails if settings make no sense;
// those from before hold then.
func (s *Service) Reload() error {
	answer := make(chan error, 1)
	s.reload <- answer
	return <-answer
}

// Addr returns the address that peers reach.
func (s *Service) Addr() netip.AddrPort { return s.server.Addr() }

// MetricsAddr returns the address at which metrics and health are answered, "" if nowhere.
func (s *Service) MetricsAddr() string {
	if s.web == nil {
		return ""
	}
	return s.web.listener.Addr().String()
}

// Cards returns the cards of the datasets that are served, sorted by folder.
func (s *Service) Cards() []*repo.Card { return s.shelf.cards() }

// Peers returns the addresses under which the datasets are served.
func (s *Service) Peers() []refs.Address { return slices.Clone(s.peers) }

// Grace is how long requests under way may go on when the service stops.
func (s *Service) Grace() time.Duration { return s.values().Time(bounds.Grace) }

// Health says how the service fares.
func (s *Service) Health() Health {
	h := Health{Datasets: s.shelf.Counts().Public}
	h.Connections, _ = s.gate.Count()
	h.Served, h.Waiting = s.server.Load()
	return h
}

// Stop ends the service: nobody new is served, and requests under way go on until ctx ends.
// It returns ctx's error if it cut some short.
func (s *Service) Stop(ctx context.Context) error {
	s.web.stop()
	s.cancel()
	s.loop.Wait()
	for _, card := range s.shelf.cards() {
		s.events.trouble(card.Dir, "noting that it is served no more", card.NoteServing(nil, false))
	}
	err := s.server.Close(ctx)
	s.shelf.close()
	s.web.close()
	s.restore()
	return err
}

// done counts and tells of a request.
func (s *Service) done(r transport.Served) {
	private := s.shelf.Private(r.Dataset)
	s.meters.request(r, private)
	if s.o.Events.Request != nil {
		s.o.Events.Request(r, private)
	}
}

// requestShare and cacheShare are the parts of the service's memory that requests and
// connections hold, and that objects are kept in. The rest is the runtime's.
func requestShare(v bounds.Values) int64 { return v[transport.LimitMemory] / 8 * 5 }
func cacheShare(v bounds.Values) int64   { return v[transport.LimitMemory] / 8 }

// limitProcess makes the collector of garbage work harder before the process takes more
// memory than it is to, unless somebody has set that for the process already.
func limitProcess(v bounds.Values) (restore func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(v[transport.LimitMemory] / 10 * 9)
	return func() { debug.SetMemoryLimit(math.MaxInt64) }
}

func (s *Service) gateOptions() *link.GateOptions {
	v := s.values()
	return &link.GateOptions{
		MaxConns: v.Int(link.LimitConns), MaxPerAddress: v.Int(link.LimitPerAddress),
		MaxHandshakes: v.Int(link.LimitHandshakes), Memory: s.memory, Hit: s.meters.hit,
	}
}

func (s *Service) requestOptions() *transport.ServerOptions {
	v := s.values()
	return &transport.ServerOptions{
		MaxRequests: v.Int(transport.LimitRequests), MaxWaiting: v.Int(transport.LimitWaiting), MaxWait: v.Time(bounds.Wait),
		MaxWatches: v.Int(transport.LimitWatches), MaxWatchesPerPeer: v.Int(transport.LimitPeerWatches),
		Memory: s.memory, MaxRequestBytes: v.Int(transport.LimitRequestBytes), MaxTraversal: v[transport.LimitTraversal],
		MaxObjectBytes: v.Int(transport.LimitObjectBytes), MaxPushBytes: v[transport.LimitPushBytes],
		Stall: v.Time(bounds.Stall), MinProgress: v[transport.LimitProgress], Done: s.done,
	}
}

// shareOptions says how a dataset is served: as the command line says, or its settings.
func (s *Service) shareOptions(f *folder) (*repo.ShareOptions, error) {
	set := f.card.Settings()
	v, err := bounds.Resolve(s.o.Given, set.Get)
	if err != nil {
		return nil, err
	}
	policy := s.o.Policy
	if text, ok := set.Get(settings.AcceptProposals); ok && policy == "" {
		policy = repo.ProposalPolicy(text)
	}
	return &repo.ShareOptions{
		Proposals: policy, MaxProposals: v.Int(bounds.Proposals), MaxProposalBytes: v[bounds.ProposalBytes],
		MaxProposalRows: v[bounds.ProposalRows], MaxProposalsTotal: v.Int(bounds.ProposalsTotal),
		DiskFloor: v[transport.LimitDiskFloor], Report: s.events.proposal,
	}, nil
}
