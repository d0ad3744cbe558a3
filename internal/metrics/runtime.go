package metrics

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// Runtime adds what the process itself takes: goroutines, memory, collections of garbage,
// and, where the system tells, resident memory and open files.
func (s *Set) Runtime() {
	began := float64(time.Now().UnixMilli()) / 1000
	s.Gauge("process_start_time_seconds", "When the process began, in seconds since 1970.", func() float64 { return began })
	for _, m := range []struct{ name, help, source string }{
		{"go_goroutines", "Goroutines that exist.", "/sched/goroutines:goroutines"},
		{"go_heap_objects_bytes", "Memory of objects, those included that are garbage.", "/memory/classes/heap/objects:bytes"},
		{"go_memory_total_bytes", "Memory that the Go runtime has of the system.", "/memory/classes/total:bytes"},
		{"go_memory_released_bytes", "Of it, what was given back to the system.", "/memory/classes/heap/released:bytes"},
	} {
		s.Gauge(m.name, m.help, func() float64 { return sample(m.source) })
	}
	s.CounterFunc("go_gc_cycles_total", "Collections of garbage.", func() float64 { return sample("/gc/cycles/total:gc-cycles") })
	if _, ok := resident(); ok {
		s.Gauge("process_resident_memory_bytes", "Memory of the process that is in use.", func() float64 { n, _ := resident(); return n })
	}
	if _, ok := openFiles(); ok {
		s.Gauge("process_open_fds", "Files and sockets that are open.", func() float64 { n, _ := openFiles(); return n })
	}
}

func sample(name string) float64 {
	list := []metrics.Sample{{Name: name}}
	metrics.Read(list)
	switch list[0].Value.Kind() {
	case metrics.KindUint64:
		return float64(list[0].Value.Uint64())
	case metrics.KindFloat64:
		return list[0].Value.Float64()
	}
	return 0
}

// resident returns the process's resident memory in bytes, and whether the system tells.
func resident() (float64, bool) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return float64(pages * int64(os.Getpagesize())), err == nil
}

func openFiles() (float64, bool) {
	entries, err := os.ReadDir("/proc/self/fd")
	return float64(len(entries)), err == nil
}
