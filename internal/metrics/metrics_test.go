package metrics

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/constl/constl/internal/metrics/metricstest"
)

func text(t *testing.T, s *Set) string {
	t.Helper()
	var b bytes.Buffer
	n, err := s.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d were written: %v", n, b.Len(), err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	s := NewSet()
	c := s.Counter("a_total", "Counts\nwith a \\ in it.", "kind", "outcome")
	c.Add(2, "b", `q"uo\te`+"\n")
	c.Add(1, "a", "ok")
	c.Add(0.5, "a", "ok")
	s.Counter("plain_total", "No labels.")
	s.Gauge("g", "A gauge.", func() float64 { return -1.25e10 })
	s.Gauges("gs", "Gauges.", "state", func() map[string]float64 { return map[string]float64{"y": 2, "x": 1} })
	h := s.Histogram("h_seconds", "A histogram.", "kind", 0.1, 1)
	for _, v := range []float64{0.05, 0.1, 0.2, 5} {
		h.Observe(v, "sync")
	}
	want := `# HELP a_total Counts\nwith a \\ in it.
# TYPE a_total counter
a_total{kind="a",outcome="ok"} 1.5
a_total{kind="b",outcome="q\"uo\\te\n"} 2
# HELP plain_total No labels.
# TYPE plain_total counter
plain_total 0
# HELP g A gauge.
# TYPE g gauge
g -1.25e+10
# HELP gs Gauges.
# TYPE gs gauge
gs{state="x"} 1
gs{state="y"} 2
# HELP h_seconds A histogram.
# TYPE h_seconds histogram
h_seconds_bucket{kind="sync",le="0.1"} 2
h_seconds_bucket{kind="sync",le="1"} 3
h_seconds_bucket{kind="sync",le="+Inf"} 4
h_seconds_sum{kind="sync"} 5.35
h_seconds_count{kind="sync"} 4
`
	got := text(t, s)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	metricstest.Parse(t, got)
}

func TestRuntime(t *testing.T) {
	s := NewSet()
	s.Runtime()
	values := metricstest.Parse(t, text(t, s))
	for _, name := range []string{"go_goroutines", "go_memory_total_bytes", "go_heap_objects_bytes", "process_start_time_seconds"} {
		if values[name] <= 0 {
			t.Errorf("%s is %g", name, values[name])
		}
	}
	if runtime.GOOS == "linux" && (values["process_resident_memory_bytes"] < 1e6 || values["process_open_fds"] < 3) {
		t.Errorf("the process has %g bytes and %g files", values["process_resident_memory_bytes"], values["process_open_fds"])
	}
}

func TestTheParserIsStrict(t *testing.T) {
	good := "# HELP a A.\n# TYPE a counter\na{k=\"v\"} 1\n"
	if err := metricstest.Check(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"a 1\n",                   // no TYPE
		"# TYPE a counter\na 1\n", // no HELP
		strings.TrimSuffix(good, "\n"),
		good + good,
		good + "a{k=\"v\"} 2\n",
		"# HELP a A.\n# TYPE a number\na 1\n",
		"# HELP a A.\n# TYPE a counter\na one\n",
		"# HELP a A.\n# TYPE a counter\na -1\n",
		"# HELP a A.\n# TYPE a gauge\na{k=v} 1\n",
		"# HELP a A.\n# TYPE a gauge\na{k=\"v\" 1\n",
		"# HELP a A.\n# TYPE a gauge\na{k=\"\\x\"} 1\n",
		"# HELP a A.\n# TYPE a gauge\n\na 1\n",
		"# HELP a A.\n# TYPE a gauge\n1a 1\n",
		"# HELP a A.\n# TYPE a gauge\nb 1\n",
		"# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
		"# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
	} {
		if metricstest.Check(bad) == nil {
			t.Errorf("this was taken:\n%s", bad)
		}
	}
}
