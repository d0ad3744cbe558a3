package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// manyGroups is a table of some ten row groups, some of them without any exception.
func manyGroups(rows int) []string {
	lines := []string{"id,site,count,note\n"}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range rows {
		note := ""
		if i > rows/2 && i%997 == 0 {
			note = "\"two\nlines\""
		}
		lines = append(lines, fmt.Sprintf("%d,S%d,%d,%s\n", i*7, r.IntN(40), r.IntN(2000), note))
	}
	return lines
}

// tracedEdits are what people do to a large file.
var tracedEdits = map[string]func(*rapid.T, []string) []string{
	"a cell of another length": func(t *rapid.T, l []string) []string {
		l[rapid.IntRange(1, len(l)-1).Draw(t, "row")] = "1000001,S1,77777,changed\n"
		return l
	},
	"many cells": func(t *rapid.T, l []string) []string {
		for i := rapid.IntRange(1, 50).Draw(t, "first"); i < len(l); i += 1501 {
			l[i] = strings.Replace(l[i], ",S", ",T", 1)
		}
		return l
	},
	"rows inserted": func(t *rapid.T, l []string) []string {
		at := rapid.IntRange(1, len(l)).Draw(t, "row")
		return slices.Insert(l, at, slices.Repeat([]string{"2000001,S1,1,\n", "2000002,S1,1,\"a\nb\"\n"}, rapid.SampledFrom([]int{1, 20, 3000}).Draw(t, "n"))...)
	},
	"rows deleted": func(t *rapid.T, l []string) []string {
		at := rapid.IntRange(1, len(l)-1).Draw(t, "row")
		return slices.Delete(l, at, min(len(l), at+rapid.SampledFrom([]int{1, 2, 3000, 9000}).Draw(t, "n")))
	},
	"rows moved": func(t *rapid.T, l []string) []string {
		half := len(l) / 2
		return slices.Concat(l[:1], l[half:], l[1:half])
	},
	"rows twice":    func(_ *rapid.T, l []string) []string { return slices.Concat(l, l[1:]) },
	"an open quote": func(_ *rapid.T, l []string) []string { l[len(l)/3] = "5,\"S1,3,\n"; return l },
	"a blank line":  func(_ *rapid.T, l []string) []string { l[len(l)/3] += "\n"; return l },
	"no last line end": func(_ *rapid.T, l []string) []string {
		l[len(l)-1] = strings.TrimSuffix(l[len(l)-1], "\n")
		return l
	},
	"another header":   func(_ *rapid.T, l []string) []string { l[0] = "id,place,count,note\n"; return l },
	"columns changed":  func(_ *rapid.T, l []string) []string { l[0] = "id,count,site,note\n"; return l },
	"a title above it": func(_ *rapid.T, l []string) []string { return slices.Insert(l, 0, "# moths\n") },
	"nothing":          func(_ *rapid.T, l []string) []string { return l },
}

// What is read with a trace is what is read without one, edit after edit.
func TestATraceChangesNothing(t *testing.T) {
	kinds := make([]string, 0, len(tracedEdits))
	for name := range tracedEdits {
		kinds = append(kinds, name)
	}
	slices.Sort(kinds)
	start := manyGroups(12_000)
	rapid.Check(t, func(rt *rapid.T) {
		plain, traced := mem.New(), mem.New()
		var before, parent *tabular.Table
		var trace *Trace
		lines := slices.Clone(start)
		for range 3 {
			data := []byte(strings.Join(lines, ""))
			without, err1 := Read(t.Context(), plain, bytes.NewReader(data), &ReadOptions{Parent: before})
			with, err2 := Read(t.Context(), traced, bytes.NewReader(data), &ReadOptions{Parent: parent, Trace: trace, KeepTrace: true})
			if fmt.Sprint(err1) != fmt.Sprint(err2) {
				rt.Fatalf("with the trace: %v, without: %v", err2, err1)
			}
			if errors.Is(err1, ErrNotTable) {
				return
			}
			if trace = with.Trace; trace != nil {
				if back, err := DecodeTrace(trace.Encode()); err != nil || !bytes.Equal(back.Encode(), trace.Encode()) {
					rt.Fatalf("a trace did not come back: %v", err)
				}
			}
			with.Trace = nil
			if d := cmp.Diff(without, with); d != "" {
				rt.Fatalf("with the trace (-without +with):\n%s", d)
			}
			before, parent = opened(rt, plain, with.Table), opened(rt, traced, with.Table)
			var out bytes.Buffer
			if err := Write(t.Context(), &out, parent, nil); err != nil || !bytes.Equal(out.Bytes(), data) {
				rt.Fatalf("the file did not come back: %v", err)
			}
			lines = tracedEdits[rapid.SampledFrom(kinds).Draw(rt, "edit")](rt, slices.Clone(lines))
		}
	})
}

func opened(t *rapid.T, store object.ReadWriter, id object.ID) *tabular.Table {
	table, err := tabular.Open(context.Background(), store, id)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Of a file in which one cell has changed, all rows but those around it are known
// by their bytes.
func TestATraceSparesReading(t *testing.T) {
	lines := manyGroups(60_000)
	store := mem.New()
	first, parent := commit(t, store, []byte(strings.Join(lines, "")), &ReadOptions{KeepTrace: true})
	lines[100] = "693,S1,12345678,\n"
	text := strings.Join(lines, "")
	s, err := NewScanner(strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	res := &Result{Schema: parent.Schema}
	groups := res.knownGroups(s, &ReadOptions{Parent: parent, Trace: first.Trace})
	parsed, known := 0, 0
	err = s.scan(context.Background(), 2, groups, taker{
		rows:  func(r tabular.Rows) error { parsed += r.Len(); return nil },
		known: func(g *tabular.Source, raw []byte) error { known += g.Rows; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if parsed+known != 60_000 || known < 30_000-2*8192 {
		t.Errorf("%d rows read and %d known of 60000, half of which stand in groups without exceptions", parsed, known)
	}
}

func FuzzDecodeTrace(f *testing.F) {
	store := mem.New()
	res, err := Read(context.Background(), store, strings.NewReader(strings.Join(manyGroups(20_000), "")), &ReadOptions{KeepTrace: true})
	if err != nil {
		f.Fatal(err)
	}
	data := res.Trace.Encode()
	f.Add(data[:len(data)-object.IDSize])
	f.Add([]byte{traceVersion})
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := object.Sum(body)
		sealed := append(bytes.Clone(body), sum[:]...)
		trace, err := DecodeTrace(sealed)
		if err != nil {
			if !errors.Is(err, ErrNoTrace) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(trace.Encode(), sealed) {
			t.Fatal("decoded and encoded again it differs")
		}
		if _, err := DecodeTrace(body); err == nil {
			t.Fatal("taken without its seal")
		}
	})
}

// BenchmarkReadOneCell reads a file in which one cell has changed.
func BenchmarkReadOneCell(b *testing.B) {
	data := observations(benchRows)
	store := mem.New()
	res, parent := commit(b, store, data, &ReadOptions{Name: "x.csv", KeepTrace: true})
	changed := bytes.Replace(data, []byte(",amartin,"), []byte(",bmartin,"), 1)
	for name, trace := range map[string]*Trace{"traced": res.Trace, "whole": nil} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(changed)))
			for b.Loop() {
				_, err := Read(b.Context(), store, bytes.NewReader(changed), &ReadOptions{Name: "x.csv", Parent: parent, Trace: trace})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
