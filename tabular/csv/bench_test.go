package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
)

// observations is a table of field observations, some cells of which need quotes.
func observations(rows int) []byte {
	species := []string{"Calidris alba", "Larus argentatus", "Sterna hirundo", "Parus major"}
	notes := []string{"", "", "", "", "fog", "\"rain, light\"", "\"two \"\"ringed\"\" birds\"", "nest site"}
	r := rand.New(rand.NewPCG(1, 2))
	b := []byte("id,site,observed_at,species,count,temp_c,lat,lon,observer,note\n")
	for i := range rows {
		b = fmt.Appendf(b, "%d,S%d,2005-%02d-%02dT%02d:%02d:07Z,%s,%d,%.1f,%.5f,%.5f,amartin,%s\n",
			i*10, 100+r.IntN(400), 1+i/28%12, 1+i%28, i%24, i%60, species[r.IntN(4)], r.IntN(20),
			11+r.NormFloat64()*7, 47+r.Float64()*5, -1+r.Float64()*8, notes[r.IntN(len(notes))])
	}
	return b
}

const benchRows = 100_000

func BenchmarkParse(b *testing.B) {
	data := observations(benchRows)
	for name, text := range map[string][]byte{
		"observations": data,
		"crlf":         bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")),
		"quoted":       quoteAll(data),
	} {
		b.Run(name, func(b *testing.B) {
			s, err := NewScanner(bytes.NewReader(text), "x.csv")
			if err != nil {
				b.Fatal(err)
			}
			body := text[s.sniffed.body:]
			buf := make([]byte, len(body), 2*len(body)+wideBytes)
			var rows tabular.Rows
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				copy(buf, body)
				p := s.parser.parse(buf, true, rows)
				if p.err != nil || p.rows.Len() != benchRows {
					b.Fatal(p.err, p.rows.Len())
				}
				rows = p.rows
			}
		})
	}
}

func quoteAll(data []byte) []byte {
	var out []byte
	for _, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		line = bytes.ReplaceAll(line, []byte(`"`), nil)
		out = append(out, '"')
		out = append(out, bytes.ReplaceAll(bytes.Replace(line, []byte(", "), []byte(" "), 1), []byte(","), []byte(`","`))...)
		out = append(out, "\"\n"...)
	}
	return out
}

func BenchmarkScan(b *testing.B) {
	data := observations(benchRows)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s, err := NewScanner(bytes.NewReader(data), "x.csv")
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Scan(context.Background(), 0, func(rows tabular.Rows) error { s.Recycle(rows); return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSniff(b *testing.B) {
	data := observations(benchRows)[:windowBytes]
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := sniff(data, false, "x.csv"); err != nil {
			b.Fatal(err)
		}
	}
}

// dropWriter counts objects and forgets them.
type dropWriter struct{ object.Reader }

func (dropWriter) Put(_ context.Context, o object.Object, _ ...object.ID) (object.ID, error) {
	return o.ID(), nil
}

func BenchmarkRead(b *testing.B) {
	data := observations(benchRows)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Read(context.Background(), dropWriter{mem.New()}, bytes.NewReader(data), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	data := observations(benchRows)
	_, table := commit(b, mem.New(), data, nil)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Write(context.Background(), io.Discard, table, nil); err != nil {
			b.Fatal(err)
		}
	}
}
