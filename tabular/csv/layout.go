package csv

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Codec is the name of the layouts of plain files in a [tabular.Layout].
const Codec = "csv"

// LineEnd is how a line of a file ends.
type LineEnd uint8

// The line ends.
const (
	LF LineEnd = iota
	CRLF
	CR
	lineEnds
)

// String returns the bytes of the line end.
func (e LineEnd) String() string {
	switch e {
	case CRLF:
		return "\r\n"
	case CR:
		return "\r"
	}
	return "\n"
}

// Layout says how a file is written, apart from its cells. It is a value that
// nobody changes once a [Printer] or a [Scanner] uses it.
type Layout struct {
	// Gzip says how the file is compressed; nil if it is not. All else is about the
	// text.
	Gzip      *Gzip
	Encoding  Encoding
	BOM       bool // the file begins with a byte order mark
	Delimiter byte
	// Quote is '"', or 0 in a file where quotes mean nothing.
	Quote byte
	// BareQuotes says that a quote inside a cell that does not begin with one is
	// written as it is.
	BareQuotes bool
	// Comment is '#' if lines that begin with it are no rows, else 0.
	Comment byte
	LineEnd LineEnd
	// NoFinalEnd says that the last line has no line end. There is no Trailer then.
	NoFinalEnd bool
	// Header says that the names of the fields stand above the rows.
	Header bool
	// HeaderRule says which names stand in quotes without need.
	HeaderRule Rule
	// HeaderText is the header's line, without its end, if it is not what
	// HeaderRule prints for the names; else nil.
	HeaderText []byte
	// HeaderEnd is how the header's line ends.
	HeaderEnd LineEnd
	// Preamble is what stands above header and rows, Trailer what stands below
	// the last row.
	Preamble, Trailer []byte
	// Rules holds a rule for each field.
	Rules []Rule
}

const (
	flagBOM = 1 << iota
	flagQuotes
	flagBareQuotes
	flagComment
	flagNoFinalEnd
	flagHeader
	flagHeaderText
	flagHeaderEnd
	layoutFlags = 1<<iota - 1
)

// layoutVersion is the version of this encoding (FORMAT.md §4).
const layoutVersion = 1

// gzipVersion is the version of what a layout of [GzipCodec] says before that
// (FORMAT.md §7).
const gzipVersion = 1

func (l *Layout) flags() byte {
	var f byte
	for _, x := range []struct {
		set  bool
		flag byte
	}{
		{l.BOM, flagBOM}, {l.Quote != 0, flagQuotes}, {l.BareQuotes, flagBareQuotes}, {l.Comment != 0, flagComment},
		{l.NoFinalEnd, flagNoFinalEnd}, {l.Header, flagHeader}, {l.HeaderText != nil, flagHeaderText},
		{l.HeaderEnd != l.LineEnd, flagHeaderEnd},
	} {
		if x.set {
			f |= x.flag
		}
	}
	return f
}

// Encode returns the layout as a table holds it. It fails with an error that
// wraps [ErrInvalidLayout] if the layout breaks a rule of FORMAT.md §4.
func (l *Layout) Encode() (tabular.Layout, error) {
	if err := l.validate(); err != nil {
		return tabular.Layout{}, err
	}
	var e object.Encoder
	codec := Codec
	if l.Gzip != nil {
		codec = GzipCodec
		e.Byte(gzipVersion)
		l.Gzip.encode(&e)
	}
	e.Byte(layoutVersion)
	e.Byte(byte(l.Encoding))
	e.Byte(l.flags())
	e.Byte(l.Delimiter)
	e.Byte(byte(l.LineEnd))
	if l.Header {
		e.Byte(byte(l.HeaderRule))
		if l.HeaderText != nil {
			e.Bytes(l.HeaderText)
		}
		if l.HeaderEnd != l.LineEnd {
			e.Byte(byte(l.HeaderEnd))
		}
	}
	e.Bytes(l.Preamble)
	e.Bytes(l.Trailer)
	for i := 0; i < len(l.Rules); {
		n := 1
		for i+n < len(l.Rules) && l.Rules[i+n] == l.Rules[i] {
			n++
		}
		e.Byte(byte(l.Rules[i]))
		e.Uvarint(uint64(n))
		i += n
	}
	if e.Len() > tabular.MaxLayout {
		return tabular.Layout{}, fmt.Errorf("%w: it takes %d bytes, at most %d are allowed", ErrInvalidLayout, e.Len(), tabular.MaxLayout)
	}
	return tabular.Layout{Codec: codec, Data: e.Body()}, nil
}

// DecodeLayout reads a table's layout. It fails with an error that wraps
// [ErrInvalidLayout] if the layout is another codec's, and [object.ErrCorrupt]
// too if it is damaged.
func DecodeLayout(t tabular.Layout) (*Layout, error) {
	if t.Codec != Codec && t.Codec != GzipCodec {
		return nil, fmt.Errorf("%w: expected one of codec %q or %q, found %q", ErrInvalidLayout, Codec, GzipCodec, t.Codec)
	}
	d := object.NewBodyDecoder(t.Data)
	var gz *Gzip
	if t.Codec == GzipCodec {
		if v := d.Byte(); d.Err() == nil && v != gzipVersion {
			d.Fail("gzip layout version %d; this program knows version %d", v, gzipVersion)
		}
		gz = decodeGzip(d)
	}
	if v := d.Byte(); d.Err() == nil && v != layoutVersion {
		d.Fail("layout version %d; this program knows version %d", v, layoutVersion)
	}
	l := &Layout{Gzip: gz, Encoding: Encoding(d.Byte())}
	flags := d.Byte()
	l.BOM, l.BareQuotes = flags&flagBOM != 0, flags&flagBareQuotes != 0
	l.NoFinalEnd, l.Header = flags&flagNoFinalEnd != 0, flags&flagHeader != 0
	if flags&flagQuotes != 0 {
		l.Quote = '"'
	}
	if flags&flagComment != 0 {
		l.Comment = '#'
	}
	l.Delimiter = d.Byte()
	l.LineEnd = LineEnd(d.Byte())
	l.HeaderEnd = l.LineEnd
	if l.Header {
		l.HeaderRule = Rule(d.Byte())
		if flags&flagHeaderText != 0 {
			l.HeaderText = append([]byte{}, d.Bytes(tabular.MaxLayout)...)
		}
		if flags&flagHeaderEnd != 0 {
			l.HeaderEnd = LineEnd(d.Byte())
		}
	}
	l.Preamble = bytes.Clone(d.Bytes(tabular.MaxLayout))
	l.Trailer = bytes.Clone(d.Bytes(tabular.MaxLayout))
	l.decodeRules(d)
	if d.Err() == nil && l.flags() != flags {
		d.Fail("flags that say nothing")
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidLayout, err)
	}
	if err := l.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", object.ErrCorrupt, err)
	}
	return l, nil
}

func (l *Layout) decodeRules(d *object.Decoder) {
	for d.Err() == nil && d.Remaining() > 0 {
		rule := Rule(d.Byte())
		n := int(d.Size(int64(tabular.MaxFields - len(l.Rules))))
		if n == 0 || len(l.Rules) > 0 && l.Rules[len(l.Rules)-1] == rule {
			d.Fail("runs of quoting rules that are not the longest")
			return
		}
		l.Rules = slices.Grow(l.Rules, n)
		for range n {
			l.Rules = append(l.Rules, rule)
		}
	}
}

func (l *Layout) validate() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrInvalidLayout, what) }
	switch {
	case l.Encoding >= encodings || l.LineEnd >= lineEnds || l.HeaderEnd >= lineEnds:
		return bad("an unknown encoding or line end")
	case l.Delimiter == '"' || l.Delimiter == '\n' || l.Delimiter == '\r' || l.Delimiter == '#' || l.Delimiter == 0 || l.Delimiter >= 0x80:
		return bad("a delimiter that cannot be one")
	case l.Quote != 0 && l.Quote != '"' || l.Comment != 0 && l.Comment != '#':
		return bad("an unknown quote or comment sign")
	case l.Quote == 0 && l.BareQuotes:
		return bad("bare quotes in a file without quotes")
	case l.NoFinalEnd && len(l.Trailer) > 0:
		return bad("a last line without end before a trailer")
	case l.HeaderRule > Always || !l.Header && (l.HeaderText != nil || l.HeaderRule != Minimal || l.HeaderEnd != l.LineEnd):
		return bad("a header's rules without a header, or unknown ones")
	case l.HeaderText != nil && len(l.HeaderText) == 0:
		return bad("an empty header")
	case len(l.Rules) == 0 || len(l.Rules) > tabular.MaxFields:
		return bad("no fields, or too many")
	}
	if l.Gzip != nil {
		if err := l.Gzip.validate(); err != nil {
			return err
		}
	}
	for _, r := range l.Rules {
		if r > Always || r != Minimal && l.Quote == 0 {
			return bad("an unknown quoting rule")
		}
	}
	return nil
}

// WithFields returns the layout for a table whose fields were those of from and
// are now those of to: every field keeps its rule, by its id; a new field gets
// the rule that most have; a header that was kept literally gives way to one
// printed by rule if the names or their order changed. The receiver stays as it is.
func (l *Layout) WithFields(from, to []tabular.Field) *Layout {
	changed := *l
	rules := make(map[string]Rule, len(from))
	var votes [Always + 1]int
	for i := range from {
		if i < len(l.Rules) {
			rules[from[i].ID] = l.Rules[i]
			votes[l.Rules[i]]++
		}
	}
	most := Minimal
	for r := range votes {
		if votes[r] > votes[most] {
			most = Rule(r)
		}
	}
	changed.Rules = make([]Rule, len(to))
	for i := range to {
		rule, ok := rules[to[i].ID]
		if !ok {
			rule = most
		}
		changed.Rules[i] = rule
	}
	sameNames := slices.EqualFunc(from, to, func(a, b tabular.Field) bool { return a.Name == b.Name })
	if !sameNames {
		changed.HeaderText = nil
	}
	return &changed
}
