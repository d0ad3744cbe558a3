package tabular

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
)

// defaultHashMemory is how many bytes of hashes a hashSorter holds.
const defaultHashMemory = 256 << 20

// hashSorter sorts hashes. What does not fit into memory it writes to a temporary
// file in sorted runs, which it merges.
type hashSorter struct {
	rows  int64
	limit int // hashes held
	held  []rowHash
	file  *os.File
	runs  []int64 // where each run ends in the file
}

func newHashSorter(memory int) *hashSorter {
	if memory <= 0 {
		memory = defaultHashMemory
	}
	return &hashSorter{limit: max(memory/len(rowHash{}), 1)}
}

// add takes hashes. It fails if they cannot be written.
func (s *hashSorter) add(hashes []rowHash) error {
	s.rows += int64(len(hashes))
	for len(hashes) > 0 {
		n := min(len(hashes), s.limit-len(s.held))
		s.held = append(s.held, hashes[:n]...)
		hashes = hashes[n:]
		if len(s.held) == s.limit {
			if err := s.spill(); err != nil {
				return fmt.Errorf("sorting row hashes: %w", err)
			}
		}
	}
	return nil
}

func (s *hashSorter) spill() (err error) {
	if s.file == nil {
		if s.file, err = os.CreateTemp("", "constl-rows-*"); err != nil {
			return err
		}
	}
	sortHashes(s.held)
	w := bufio.NewWriterSize(s.file, 1<<16)
	for i := range s.held {
		if _, err := w.Write(s.held[i][:]); err != nil {
			return err
		}
	}
	end := int64(len(s.held) * len(rowHash{}))
	if n := len(s.runs); n > 0 {
		end += s.runs[n-1]
	}
	s.runs, s.held = append(s.runs, end), s.held[:0]
	return w.Flush()
}

// sorted hands all hashes, in ascending order, to use, piece by piece.
func (s *hashSorter) sorted(use func([]byte)) error {
	sortHashes(s.held)
	if len(s.runs) == 0 {
		for i := range s.held {
			use(s.held[i][:])
		}
		return nil
	}
	var m runHeap
	from := int64(0)
	for _, end := range s.runs {
		m = append(m, &hashRun{r: bufio.NewReaderSize(io.NewSectionReader(s.file, from, end-from), 1<<16)})
		from = end
	}
	rest := bytes.NewBuffer(nil)
	for i := range s.held {
		rest.Write(s.held[i][:])
	}
	m = append(m, &hashRun{r: rest})
	m = slices.DeleteFunc(m, func(r *hashRun) bool { return !r.next() && r.err == nil })
	heap.Init(&m)
	for len(m) > 0 {
		if m[0].err != nil {
			return fmt.Errorf("sorting row hashes: %w", m[0].err)
		}
		use(m[0].hash[:])
		if m[0].next() || m[0].err != nil {
			heap.Fix(&m, 0)
		} else {
			heap.Pop(&m)
		}
	}
	return nil
}

// close takes the temporary file away.
func (s *hashSorter) close() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}

// hashRun is a sorted run of hashes that is being read.
type hashRun struct {
	r    io.Reader
	hash rowHash
	err  error
}

func (r *hashRun) next() bool {
	_, err := io.ReadFull(r.r, r.hash[:])
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return err == nil
}

type runHeap []*hashRun

func (h runHeap) Len() int      { return len(h) }
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h runHeap) Less(i, j int) bool {
	if h[i].err != nil || h[j].err != nil {
		return h[i].err != nil && h[j].err == nil
	}
	return bytes.Compare(h[i].hash[:], h[j].hash[:]) < 0
}
func (h *runHeap) Push(x any) { *h = append(*h, x.(*hashRun)) }
func (h *runHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// sortHashes sorts by the first byte, then each part on its own, several at a time.
func sortHashes(list []rowHash) {
	if len(list) < 1<<12 {
		slices.SortFunc(list, compareHashes)
		return
	}
	var ends [256]int
	for i := range list {
		ends[list[i][0]]++
	}
	var next [256]int
	at := 0
	for b, n := range ends {
		next[b] = at
		at += n
		ends[b] = at
	}
	// Every hash is swapped to the part where it belongs.
	for b := range next {
		for next[b] < ends[b] {
			to := list[next[b]][0]
			if int(to) == b {
				next[b]++
				continue
			}
			list[next[b]], list[next[to]] = list[next[to]], list[next[b]]
			next[to]++
		}
	}
	parts := make(chan []rowHash)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for part := range parts {
				slices.SortFunc(part, compareHashes)
			}
		})
	}
	from := 0
	for _, end := range ends {
		parts <- list[from:end]
		from = end
	}
	close(parts)
	wg.Wait()
}

func compareHashes(a, b rowHash) int {
	return cmp.Or(cmp.Compare(binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(b[:])), bytes.Compare(a[8:], b[8:]))
}
