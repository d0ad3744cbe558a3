package csv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv/deflate"
	"github.com/google/go-cmp/cmp"
)

// layoutVectors hold layouts and their encodings, which never change.
var layoutVectors = []struct {
	name   string
	layout Layout
	hex    string
}{
	{"plain", Layout{Delimiter: ',', Quote: '"', Header: true, Rules: make([]Rule, 3)},
		"01" + "00" + "22" + "2c" + "00" + "00" + "00" + "00" + "0003"},
	{"all", Layout{
		Encoding: UTF16LE, BOM: true, Delimiter: ';', Quote: '"', BareQuotes: true, Comment: '#', LineEnd: CRLF,
		Header: true, HeaderRule: Always, HeaderText: []byte("a;b"), HeaderEnd: LF,
		Preamble: []byte("# x\n"), Trailer: []byte("\n"), Rules: []Rule{Minimal, Minimal, Always, QuoteText | QuoteEmpty},
	}, "01" + "01" + "ef" + "3b" + "01" + "0f" + "03613b62" + "00" + "042320780a" + "010a" + "0002" + "0f01" + "0901"},
	{"headerless, no quotes, no final line end", Layout{Encoding: Windows1252, Delimiter: '\t', LineEnd: CR, HeaderEnd: CR, NoFinalEnd: true, Rules: make([]Rule, 300)},
		"01" + "03" + "10" + "09" + "02" + "00" + "00" + "00ac02"},
	{"compressed", Layout{
		Gzip:      &Gzip{Method: deflate.Method{Program: deflate.Zlib, Level: 9}, Synced: true, ModTime: 1<<32 - 1, ExtraFlags: 2, OS: 255},
		Delimiter: ',', Quote: '"', Header: true, Rules: make([]Rule, 3),
	}, "01" + "00" + "09" + "01" + "00" + "ffffffff0f" + "02" + "ff" + "01" + "00" + "22" + "2c" + "00" + "00" + "00" + "00" + "0003"},
	{"compressed, with all that a header can have", Layout{
		Gzip: &Gzip{
			Method: deflate.Method{Program: deflate.GNU, Level: 6}, Flags: gzipText | gzipHeaderSum | gzipExtra | gzipName | gzipComment,
			OS: 3, Extra: "ab\x00\x00", Name: "x.csv",
		},
		Delimiter: ',', Quote: '"', Header: true, Rules: make([]Rule, 3),
	}, "01" + "02" + "06" + "00" + "1f" + "00" + "00" + "03" + "0461620000" + "05782e637376" + "00" + "01" + "00" + "22" + "2c" + "00" + "00" + "00" + "00" + "0003"},
}

func codecOf(l *Layout) string {
	if l.Gzip != nil {
		return GzipCodec
	}
	return Codec
}

func TestLayoutVectors(t *testing.T) {
	for _, v := range layoutVectors {
		encoded, err := v.layout.Encode()
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		if got := hex.EncodeToString(encoded.Data); got != v.hex || encoded.Codec != codecOf(&v.layout) {
			t.Errorf("%s: encoded as %s, expected %s", v.name, got, v.hex)
		}
		back, err := DecodeLayout(encoded)
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		want := v.layout
		if want.Preamble == nil {
			want.Preamble = []byte{}
		}
		if want.Trailer == nil {
			want.Trailer = []byte{}
		}
		if diff := cmp.Diff(&want, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.name, diff)
		}
	}
}

func TestLayoutRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                  "",
		"another version":          "02" + "00222c00" + "00" + "0000" + "0003",
		"unknown encoding":         "01" + "04222c00" + "00" + "0000" + "0003",
		"quote as delimiter":       "01" + "00222200" + "00" + "0000" + "0003",
		"unknown line end":         "01" + "00222c03" + "00" + "0000" + "0003",
		"no fields":                "01" + "00222c00" + "00" + "0000",
		"empty run":                "01" + "00222c00" + "00" + "0000" + "0000",
		"runs that are one":        "01" + "00222c00" + "00" + "0000" + "0001" + "0002",
		"unknown rule":             "01" + "00222c00" + "00" + "0000" + "1003",
		"rule without quotes":      "01" + "00202c00" + "00" + "0000" + "0103",
		"too many fields":          "01" + "00222c00" + "00" + "0000" + "00818004",
		"bare quotes, no quotes":   "01" + "00242c00" + "00" + "0000" + "0003",
		"trailer but no final end": "01" + "00322c00" + "00" + "00" + "010a" + "0003",
		"empty header text":        "01" + "00622c00" + "00" + "00" + "0000" + "0003",
		"header end as the others": "01" + "00a22c00" + "00" + "00" + "0000" + "0003",
		"header text, no header":   "01" + "00422c00" + "0000" + "0003",
	} {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := DecodeLayout(tabular.Layout{Codec: Codec, Data: data}); !errors.Is(err, ErrInvalidLayout) || !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"another version":          "02" + "0009000000" + "0000",
		"unknown program":          "01" + "0309000000" + "0000",
		"level 0":                  "01" + "0000000000" + "0000",
		"level 10":                 "01" + "000a000000" + "0000",
		"unknown end":              "01" + "0009020000" + "0000",
		"unknown flag":             "01" + "0009002000" + "0000",
		"a time beyond 32 bits":    "01" + "000900008080808010" + "0000",
		"a name with a zero in it": "01" + "0009000800" + "0000" + "026100",
		"a name that is too long":  "01" + "0009000800" + "0000" + "8120" + strings.Repeat("61", maxGzipText+1),
	} {
		data, err := hex.DecodeString(text + "01" + "00222c00" + "00" + "0000" + "0003")
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := DecodeLayout(tabular.Layout{Codec: GzipCodec, Data: data}); !errors.Is(err, ErrInvalidLayout) || !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("compressed: %s: got %v", name, err)
		}
	}
	if _, err := DecodeLayout(tabular.Layout{Codec: "xlsx"}); !errors.Is(err, ErrInvalidLayout) {
		t.Errorf("another codec: got %v", err)
	}
}

func FuzzDecodeLayout(f *testing.F) {
	for _, v := range layoutVectors {
		data, err := hex.DecodeString(v.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, codecOf(&v.layout) == GzipCodec)
	}
	f.Fuzz(func(t *testing.T, data []byte, compressed bool) {
		codec := Codec
		if compressed {
			codec = GzipCodec
		}
		l, err := DecodeLayout(tabular.Layout{Codec: codec, Data: data})
		if err != nil {
			return
		}
		again, err := l.Encode()
		if err != nil || !bytes.Equal(again.Data, data) {
			t.Fatalf("encodes as %x, %v", again.Data, err)
		}
	})
}

func TestWithFields(t *testing.T) {
	field := func(id, name string) tabular.Field {
		return tabular.Field{ID: id, Name: name, Type: tabular.TypeString}
	}
	from := []tabular.Field{field("a", "a"), field("b", "b"), field("c", "c")}
	l := &Layout{Delimiter: ',', Quote: '"', Header: true, HeaderText: []byte("a, b,c"), Rules: []Rule{Always, Minimal, Always}}

	same := l.WithFields(from, from)
	if diff := cmp.Diff(l, same); diff != "" {
		t.Errorf("with the same fields (-want +got):\n%s", diff)
	}
	changed := l.WithFields(from, []tabular.Field{field("b", "B"), field("new", "new"), field("a", "a")})
	if diff := cmp.Diff([]Rule{Minimal, Always, Always}, changed.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if changed.HeaderText != nil {
		t.Errorf("the header is still %q", changed.HeaderText)
	}
	if string(l.HeaderText) != "a, b,c" || len(l.Rules) != 3 {
		t.Error("the layout itself was changed")
	}
}
