package metrics

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Set is a number of families, in the order in which they were made.
type Set struct {
	mu       sync.Mutex
	families []family
}

// family is one name with all its values.
type family struct {
	name, help, kind string
	write            func(w *bufio.Writer, name string)
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{} }

func (s *Set) add(f family) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.families = append(s.families, f)
}

// WriteTo writes all families. It implements [io.WriterTo].
func (s *Set) WriteTo(w io.Writer) (int64, error) {
	s.mu.Lock()
	families := slices.Clone(s.families)
	s.mu.Unlock()
	counting := &countingWriter{w: w}
	buf := bufio.NewWriter(counting)
	for _, f := range families {
		fmt.Fprintf(buf, "# HELP %s %s\n# TYPE %s %s\n", f.name, helpEscapes().Replace(f.help), f.name, f.kind)
		f.write(buf, f.name)
	}
	err := buf.Flush()
	return counting.n, err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func helpEscapes() *strings.Replacer  { return strings.NewReplacer(`\`, `\\`, "\n", `\n`) }
func labelEscapes() *strings.Replacer { return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`) }

// labels writes names and values as they stand behind a metric's name, "" if there are none.
func labels(names, values []string) string {
	if len(names) == 0 {
		return ""
	}
	escapes := labelEscapes()
	var b strings.Builder
	for i, name := range names {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(&b, `%s%s="%s"`, sep, name, escapes.Replace(values[i]))
	}
	return b.String() + "}"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Counter is a family of numbers that only grow.
type Counter struct {
	names  []string
	mu     sync.Mutex
	values map[string]float64 // by labels as they are written
}

// Counter makes a family of counters with the given names of labels.
func (s *Set) Counter(name, help string, labelNames ...string) *Counter {
	c := &Counter{names: labelNames, values: make(map[string]float64)}
	if len(labelNames) == 0 {
		c.values[""] = 0
	}
	s.add(family{name, help, "counter", c.write})
	return c
}

// Add adds to the counter with these values of the labels, of which there is one for each
// name.
func (c *Counter) Add(v float64, labelValues ...string) {
	key := labels(c.names, labelValues)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[key] += v
}

func (c *Counter) write(w *bufio.Writer, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range sortedKeys(c.values) {
		fmt.Fprintf(w, "%s%s %s\n", name, key, number(c.values[key]))
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Gauge makes a family of one number without labels, which read returns.
func (s *Set) Gauge(name, help string, read func() float64) {
	s.add(family{name, help, "gauge", func(w *bufio.Writer, name string) {
		fmt.Fprintf(w, "%s %s\n", name, number(read()))
	}})
}

// Gauges makes a family of numbers with one label; read returns them by its values.
func (s *Set) Gauges(name, help, labelName string, read func() map[string]float64) {
	s.add(family{name, help, "gauge", func(w *bufio.Writer, name string) {
		values := read()
		for _, key := range sortedKeys(values) {
			fmt.Fprintf(w, "%s%s %s\n", name, labels([]string{labelName}, []string{key}), number(values[key]))
		}
	}})
}

// CounterFunc makes a family of one counter without labels, which read returns.
func (s *Set) CounterFunc(name, help string, read func() float64) {
	s.add(family{name, help, "counter", func(w *bufio.Writer, name string) {
		fmt.Fprintf(w, "%s %s\n", name, number(read()))
	}})
}

// Histogram is a family of distributions with one label.
type Histogram struct {
	label  string
	bounds []float64
	mu     sync.Mutex
	values map[string]*distribution
}

type distribution struct {
	counts []uint64 // of each bucket alone
	sum    float64
	n      uint64
}

// Histogram makes a family of distributions over buckets with the given upper bounds,
// which ascend.
func (s *Set) Histogram(name, help, labelName string, bounds ...float64) *Histogram {
	h := &Histogram{label: labelName, bounds: bounds, values: make(map[string]*distribution)}
	s.add(family{name, help, "histogram", h.write})
	return h
}

// Observe counts a value for the label.
func (h *Histogram) Observe(v float64, labelValue string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.values[labelValue]
	if d == nil {
		d = &distribution{counts: make([]uint64, len(h.bounds))}
		h.values[labelValue] = d
	}
	if i, _ := slices.BinarySearch(h.bounds, v); i < len(d.counts) {
		d.counts[i]++
	}
	d.sum += v
	d.n++
}

func (h *Histogram) write(w *bufio.Writer, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range sortedKeys(h.values) {
		d := h.values[key]
		line := func(suffix, le, value string) {
			names, values := []string{h.label}, []string{key}
			if le != "" {
				names, values = append(names, "le"), append(values, le)
			}
			fmt.Fprintf(w, "%s%s%s %s\n", name, suffix, labels(names, values), value)
		}
		sum := uint64(0)
		for i, bound := range h.bounds {
			sum += d.counts[i]
			line("_bucket", number(bound), strconv.FormatUint(sum, 10))
		}
		line("_bucket", "+Inf", strconv.FormatUint(d.n, 10))
		line("_sum", "", number(d.sum))
		line("_count", "", strconv.FormatUint(d.n, 10))
	}
}
