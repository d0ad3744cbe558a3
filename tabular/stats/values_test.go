package stats

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"pgregory.net/rapid"
)

// encoded hands over the one column of cells as a builder encodes it.
func encoded(t interface{ Fatal(...any) }, ctx context.Context, cells []string, see func(tabular.Encoded)) {
	rows := tabular.Rows{Width: 1}
	for _, text := range cells {
		rows.Cells = append(rows.Cells, tabular.Ref{Off: uint32(len(rows.Buf)), Len: uint32(len(text))})
		rows.Buf = append(rows.Buf, text...)
	}
	var mu sync.Mutex
	b := tabular.NewBuilder(ctx, mem.New(), 1, nil, &tabular.BuilderOptions{Watch: func(e tabular.Encoded) func(object.ID, bool) {
		mu.Lock()
		defer mu.Unlock()
		see(e)
		return nil
	}})
	defer b.Close()
	if err := b.Add(rows); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Columns(); err != nil {
		t.Fatal(err)
	}
}

// A column that has its cells as integers has the sketch of its texts.
func TestColumnIsAsItsTexts(t *testing.T) {
	forms := map[string]*rapid.Generator[string]{
		"label":   rapid.Map(rapid.IntRange(0, 9999), func(n int) string { return fmt.Sprintf("S%04d", n) }),
		"id":      rapid.Map(rapid.IntRange(-3_000_000, 5_000_000), func(n int) string { return fmt.Sprint(n) }),
		"count":   rapid.Map(rapid.IntRange(0, 40), func(n int) string { return fmt.Sprint(n) }),
		"mass":    rapid.Map(rapid.IntRange(-99999, 99999), func(n int) string { return fmt.Sprintf("%.2f", float64(n)/100) }),
		"trimmed": rapid.Map(rapid.IntRange(-99999, 99999), func(n int) string { return fmt.Sprint(float64(n) / 100) }),
		"huge":    rapid.Map(rapid.Int64Range(9e15, 9.1e15), func(n int64) string { return fmt.Sprint(n) }),
		"day":     rapid.Map(rapid.IntRange(-9999, 9999), func(n int) string { return time.Unix(int64(n)*86400, 0).UTC().Format(time.DateOnly) }),
		"moment":  rapid.Map(rapid.Int64Range(-1e9, 2e9), func(n int64) string { return time.Unix(n, 0).UTC().Format("2006-01-02T15:04:05+01:30") }),
		"minute":  rapid.Map(rapid.Int64Range(-1e7, 2e7), func(n int64) string { return time.Unix(n*60, 0).UTC().Format("2006-01-02 15:04") }),
		"clock":   rapid.Map(rapid.Int64Range(0, 86399), func(n int64) string { return time.Unix(n, 0).UTC().Format(time.TimeOnly) }),
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom([]string{"id", "label", "count", "mass", "trimmed", "huge", "day", "moment", "minute", "clock"}).Draw(rt, "form")
		other := rapid.SampledFrom([]string{"", "NA", "x", "-999"})
		cells := rapid.SliceOfN(rapid.OneOf(forms[name], forms[name], forms[name], forms[name], forms[name], forms[name], other), 1, 300).Draw(rt, "cells")
		r := Reading{Kind: rapid.SampledFrom([]Kind{Text, Number, Moment, Daytime, Day}).Draw(rt, "kind")}
		if rapid.Bool().Draw(rt, "missing") {
			r.Missing = []string{"", "-999", "0"}
		}
		var whole tabular.Cells
		for _, c := range cells {
			whole.Append([]byte(c))
		}
		want := Of(whole, nil, r)
		var m Maker
		got := &Sketch{}
		encoded(rt, t.Context(), cells, func(e tabular.Encoded) {
			s, ok := m.OfColumn(e.Column, r)
			if !ok {
				s = m.Of(e.Cells, nil, r)
			}
			got.Join(s)
		})
		if math.Abs(got.Sum-want.Sum) > 1e-9*math.Max(1, math.Abs(want.Sum)) {
			rt.Fatalf("sum %v, of the texts %v", got.Sum, want.Sum)
		}
		got.Sum = want.Sum
		if !bytes.Equal(got.Encode(), want.Encode()) {
			rt.Fatalf("%s as %v\ncolumn %+v\ntexts  %+v", strings.Join(cells, " "), r, got, want)
		}
	})
}
