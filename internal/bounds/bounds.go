package bounds

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
)

// ErrInvalid says that a text is no value of a bound, or one beyond its range.
var ErrInvalid = errors.New("bounds: invalid value")

// Unit is what a bound counts.
type Unit int

// The units. Values are counts, bytes, and nanoseconds.
const (
	Count Unit = iota
	Bytes
	Time
)

// Bound is one bound.
type Bound struct {
	Name        string
	Unit        Unit
	Default     int64
	Least, Most int64  // the range
	Usage       string // one line for people
	// Dataset says that each dataset may have a value of its own.
	Dataset bool
	// Setting is the name of the setting.
	Setting string
}

// The names of the bounds that are not those of packages below.
const (
	Streams        = quic.LimitStreams
	OpenDatasets   = "max-open-datasets"
	DatasetIdle    = "dataset-idle"
	Wait           = "max-wait"
	Stall          = "stall"
	Grace          = "grace"
	Proposals      = "max-proposals"
	ProposalBytes  = "max-proposal-bytes"
	ProposalRows   = "max-proposal-rows"
	ProposalsTotal = "max-proposals-total"
)

// DiskFloor is the setting of how much of a disk stays free; clone, pull and fetch keep
// to it, too.
const DiskFloor = "disk.floor"

// Prefix begins the names of the settings that are for serve alone.
const Prefix = "serve."

// All returns the table, in the order in which help shows it.
func All() []Bound {
	list := []Bound{
		{Name: link.LimitConns, Default: 512, Most: 100_000, Usage: "connections at once"},
		{Name: link.LimitPerAddress, Default: 256, Most: 100_000, Usage: "of them from one IPv4 address or IPv6 /64 network; loopback is exempt"},
		{Name: link.LimitHandshakes, Default: 200, Most: 1_000_000, Usage: "new connections in a second, half of them from one address"},
		{Name: Streams, Default: 16, Most: 1000, Usage: "requests under way on one connection"},
		{Name: transport.LimitRequests, Default: 128, Most: 100_000, Usage: "requests served at once, half of them for one peer"},
		{Name: transport.LimitWaiting, Default: 1024, Most: 1_000_000, Usage: "requests that wait for their turn"},
		{Name: Wait, Unit: Time, Default: int64(30 * time.Second), Most: int64(50 * time.Second), Usage: "how long they wait before they are told to come again"},
		{Name: transport.LimitWatches, Default: 256, Most: 100_000, Usage: "peers who follow what becomes new, at once"},
		{Name: transport.LimitPeerWatches, Default: 16, Most: 100_000, Usage: "and how often one of them does"},
		{Name: transport.LimitRequestBytes, Unit: Bytes, Default: transport.MaxRequest, Least: 4 << 10, Most: transport.MaxRequest, Usage: "size of a request"},
		{Name: transport.LimitMemory, Unit: Bytes, Default: 384 << 20, Least: 128 << 20, Most: math.MaxInt64, Usage: "memory that the whole service aims to stay below"},
		{Name: transport.LimitTraversal, Default: 1_000_000, Least: 100, Most: math.MaxInt64, Usage: "objects looked into for one answer; who asked goes on with another"},
		{Name: transport.LimitObjectBytes, Unit: Bytes, Default: 1 + object.MaxPayload, Least: 64 << 10, Most: 1 + object.MaxPayload, Usage: "size of one pushed object, unpacked"},
		{Name: transport.LimitPushBytes, Unit: Bytes, Default: 16e9, Most: math.MaxInt64, Usage: "size of what one push brings, unpacked"},
		{Name: transport.LimitProgress, Unit: Bytes, Default: 16 << 10, Most: 1 << 30, Usage: "what must pass while a peer is waited for, in the time of stall"},
		{Name: Stall, Unit: Time, Default: int64(time.Minute), Least: int64(time.Second), Most: int64(time.Hour), Usage: "in which time less than min-progress ends a request"},
		{Name: OpenDatasets, Default: 64, Most: 100_000, Usage: "datasets whose objects are open at once"},
		{Name: DatasetIdle, Unit: Time, Default: int64(time.Minute), Least: int64(time.Second), Most: int64(24 * time.Hour), Usage: "how long a dataset that nobody asks for stays open"},
		{Name: Grace, Unit: Time, Default: int64(30 * time.Second), Most: int64(time.Hour), Usage: "how long requests under way may go on when serve is ended"},
		{Name: transport.LimitDiskFloor, Unit: Bytes, Default: 256e6, Least: -1, Most: math.MaxInt64, Dataset: true, Setting: DiskFloor,
			Usage: "how much of the disk stays free of what others push; 0 for no matter"},
		{Name: Proposals, Default: 8, Most: 1_000_000, Dataset: true, Usage: "proposals of one device that have no answer"},
		{Name: ProposalBytes, Unit: Bytes, Default: 16 << 20, Most: math.MaxInt64 / 16, Dataset: true, Usage: "their size in all, unpacked"},
		{Name: ProposalRows, Default: 100_000, Most: math.MaxInt64, Dataset: true, Usage: "rows that each of them changes"},
		{Name: ProposalsTotal, Default: 256, Most: 1_000_000, Dataset: true, Usage: "proposals of all devices, of 16 times that size"},
	}
	for i := range list {
		if list[i].Setting == "" {
			list[i].Setting = Prefix + list[i].Name
		}
		if list[i].Least == 0 {
			list[i].Least = 1
		}
		list[i].Least = max(list[i].Least, 0)
	}
	return list
}

// ForSetting returns the bound of a setting.
func ForSetting(name string) (Bound, bool) {
	for _, b := range All() {
		if b.Setting == name {
			return b, true
		}
	}
	return Bound{}, false
}

// units are the units of sizes, the larger ones first.
var units = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3},
}

// ParseBytes reads a size as 500kB, 16MB, 2GiB, or a number of bytes. It fails with an
// error that wraps [ErrInvalid].
func ParseBytes(text string) (int64, error) {
	digits, factor := text, int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.name); ok {
			digits, factor = number, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%w: expected a size as 500kB, 16MB or 2GiB, found %q", ErrInvalid, text)
	}
	return n * factor, nil
}

// Parse reads a value: a whole number, a size as [ParseBytes] takes it, or a time as 30s, 2m
// or 1h. It fails with an error that wraps [ErrInvalid].
func (b Bound) Parse(text string) (n int64, err error) {
	switch b.Unit {
	case Bytes:
		n, err = ParseBytes(text)
	case Time:
		var d time.Duration
		if d, err = time.ParseDuration(text); err != nil {
			err = fmt.Errorf("%w: expected a time as 30s, 2m or 1h, found %q", ErrInvalid, text)
		}
		n = int64(d)
	default:
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			err = fmt.Errorf("%w: expected a whole number, found %q", ErrInvalid, text)
		}
	}
	switch {
	case err != nil:
		return 0, err
	case n < b.Least:
		return 0, fmt.Errorf("%w: at least %s, found %s", ErrInvalid, b.Format(b.Least), text)
	case n > b.Most:
		return 0, fmt.Errorf("%w: at most %s, found %s", ErrInvalid, b.Format(b.Most), text)
	}
	return n, nil
}

// Format writes a value as [Bound.Parse] reads it.
func (b Bound) Format(n int64) string {
	switch b.Unit {
	case Bytes:
		return FormatBytes(n)
	case Time:
		text := time.Duration(n).String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		return text
	}
	return strconv.FormatInt(n, 10)
}

// FormatBytes writes a size in the largest unit in which it is a whole number.
func FormatBytes(n int64) string {
	best := strconv.FormatInt(n, 10)
	for _, u := range slices.Backward(units) {
		if text := fmt.Sprint(n/u.bytes) + u.name; n%u.bytes == 0 && n > 0 && len(text) < len(best) {
			best = text
		}
	}
	return best
}

// Values are the values of bounds, by their names.
type Values map[string]int64

// Int returns a value that fits an int.
func (v Values) Int(name string) int { return int(min(v[name], math.MaxInt32)) }

// Time returns a value that is a time.
func (v Values) Time(name string) time.Duration { return time.Duration(v[name]) }

// Resolve returns the values of all bounds: those that are given, or else those of the
// settings, or else the defaults. setting returns the text of a setting and whether it is
// set. It fails with an error that wraps [ErrInvalid] and names the setting.
func Resolve(given Values, setting func(name string) (string, bool)) (Values, error) {
	v := make(Values)
	for _, b := range All() {
		v[b.Name] = b.Default
		if n, ok := given[b.Name]; ok {
			v[b.Name] = n
			continue
		}
		text, ok := setting(b.Setting)
		if !ok {
			continue
		}
		n, err := b.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("the setting %s: %w", b.Setting, err)
		}
		v[b.Name] = n
	}
	return v, nil
}
