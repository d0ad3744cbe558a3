package csv

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"pgregory.net/rapid"
)

// A file that is written with the help of the one before is the same as without, edit
// after edit, whether the trace is a reader's or a writer's; and a writer's trace is as
// good as a reader's, or as none, for reading.
func TestFileBeforeChangesNothing(t *testing.T) {
	kinds := make([]string, 0, len(tracedEdits))
	for name := range tracedEdits {
		kinds = append(kinds, name)
	}
	slices.Sort(kinds)
	start := manyGroups(12_000)
	rapid.Check(t, func(rt *rapid.T) {
		store := mem.New()
		var before *Before
		var table *tabular.Table
		lines := slices.Clone(start)
		for range 3 {
			data := []byte(strings.Join(lines, ""))
			o := &ReadOptions{Parent: table, KeepTrace: true}
			if before != nil {
				o.Trace = before.Trace
			}
			res, err := Read(t.Context(), store, bytes.NewReader(data), o)
			if errors.Is(err, ErrNotTable) {
				return
			} else if err != nil {
				rt.Fatal(err)
			}
			table = opened(rt, store, res.Table)
			var out bytes.Buffer
			var written *Trace
			if err := Write(t.Context(), &out, table, &WriteOptions{Before: before, Trace: func(t *Trace) { written = t }}); err != nil {
				rt.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), data) {
				rt.Fatal("the file did not come back")
			}
			if before = (&Before{File: bytes.NewReader(data), Table: table, Trace: res.Trace}); rapid.Bool().Draw(rt, "the writer's trace") {
				before.Trace = reread(rt, written)
			}
			lines = tracedEdits[rapid.SampledFrom(kinds).Draw(rt, "edit")](rt, slices.Clone(lines))
		}
	})
}

// reread returns a trace as it comes back from a disk.
func reread(t *rapid.T, trace *Trace) *Trace {
	if trace == nil {
		return nil
	}
	back, err := DecodeTrace(trace.Encode())
	if err != nil || !bytes.Equal(back.Encode(), trace.Encode()) {
		t.Fatalf("a trace did not come back: %v", err)
	}
	return back
}

// countingReader counts the objects that are read.
type countingReader struct {
	object.ReadWriter
	gets atomic.Int64
}

func (c *countingReader) Get(ctx context.Context, id object.ID) (object.Object, error) {
	c.gets.Add(1)
	return c.ReadWriter.Get(ctx, id)
}

// Row groups that the file before has are not read.
func TestFileBeforeSavesReading(t *testing.T) {
	store := &countingReader{ReadWriter: mem.New()}
	lines := manyGroups(60_000)
	read := func(o *ReadOptions) *tabular.Table {
		res, err := Read(t.Context(), store, strings.NewReader(strings.Join(lines, "")), o)
		if err != nil {
			t.Fatal(err)
		}
		table, err := tabular.Open(t.Context(), store, res.Table)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	first := read(nil)
	old := strings.Join(lines, "")
	var trace *Trace
	write := func(table *tabular.Table, o *WriteOptions) int64 {
		store.gets.Store(0)
		o.Trace = func(t *Trace) { trace = t }
		var out strings.Builder
		if err := Write(t.Context(), &out, table, o); err != nil {
			t.Fatal(err)
		}
		if out.String() != strings.Join(lines, "") {
			t.Fatal("the file did not come back")
		}
		return store.gets.Load()
	}
	write(first, &WriteOptions{})
	lines[30_000] = "1000001,S1,77777,changed\n"
	second := read(&ReadOptions{Parent: first})
	all := write(second, &WriteOptions{})
	few := write(second, &WriteOptions{Before: &Before{File: strings.NewReader(old), Table: first, Trace: mustTrace(t, first, old)}})
	if few*3 > all {
		t.Errorf("%d objects were read with the file before, %d without", few, all)
	}
	if trace == nil || trace.Table() != second.ID {
		t.Error("no trace of what was written")
	}
}

// mustTrace returns the trace of a table's file.
func mustTrace(t *testing.T, table *tabular.Table, file string) (trace *Trace) {
	t.Helper()
	var out strings.Builder
	if err := Write(t.Context(), &out, table, &WriteOptions{Trace: func(t *Trace) { trace = t }}); err != nil {
		t.Fatal(err)
	}
	if out.String() != file || trace == nil {
		t.Fatal("no trace")
	}
	return trace
}
