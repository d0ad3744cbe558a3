package csv

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encoding is how a file's bytes stand for text. Cells hold UTF-8 if the file is
// in UTF-8 or UTF-16; otherwise they hold the file's own bytes.
type Encoding uint8

// The encodings. A file that is not valid UTF-8 is taken for Windows1252, of
// which ISO 8859-1 is a part: that is a guess which only [Encoding.Text] uses.
const (
	UTF8 Encoding = iota
	UTF16LE
	UTF16BE
	Windows1252
	encodings
)

// String returns the encoding's usual name.
func (e Encoding) String() string {
	switch e {
	case UTF8:
		return "utf-8"
	case UTF16LE:
		return "utf-16le"
	case UTF16BE:
		return "utf-16be"
	case Windows1252:
		return "windows-1252"
	}
	return fmt.Sprintf("encoding %d", uint8(e))
}

// windows1252 holds the characters of the bytes 0x80 to 0x9F.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

// Text returns a cell's text as people read it, in valid UTF-8.
func (e Encoding) Text(cell []byte) string {
	if utf8.Valid(cell) && (e != Windows1252 || isASCII(cell)) {
		return string(cell)
	}
	high := []rune(windows1252)
	var b strings.Builder
	for len(cell) > 0 {
		r, n := utf8.DecodeRune(cell)
		if e == Windows1252 || r == utf8.RuneError && n == 1 {
			r, n = rune(cell[0]), 1
			if r >= 0x80 && r < 0xA0 {
				r = high[r-0x80]
			}
		}
		b.WriteRune(r)
		cell = cell[n:]
	}
	return b.String()
}

// Cell returns what a cell holds that reads as the text: the inverse of
// [Encoding.Text]. It fails with an error that wraps [ErrEncoding] if the encoding
// has no such character.
func (e Encoding) Cell(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: %q is not UTF-8", ErrEncoding, text)
	}
	if e != Windows1252 {
		return []byte(text), nil
	}
	high := []rune(windows1252)
	cell := make([]byte, 0, len(text))
	for _, r := range text {
		if at := slices.Index(high, r); at >= 0 {
			r = rune(0x80 + at)
		} else if r >= 0x80 && r < 0xA0 || r > 0xFF {
			return nil, fmt.Errorf("%w: %s has no %q", ErrEncoding, e, r)
		}
		cell = append(cell, byte(r))
	}
	return cell, nil
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// bom returns the encoding's byte order mark.
func (e Encoding) bom() string {
	switch e {
	case UTF16LE:
		return "\xff\xfe"
	case UTF16BE:
		return "\xfe\xff"
	}
	return "\xef\xbb\xbf"
}

func (e Encoding) byteOrder() binary.ByteOrder {
	switch e {
	case UTF16LE:
		return binary.LittleEndian
	case UTF16BE:
		return binary.BigEndian
	}
	return nil
}

// utf16Reader gives UTF-16 as UTF-8. It refuses what would not become the same
// bytes again.
type utf16Reader struct {
	r     io.Reader
	order binary.ByteOrder
	in    []byte // read and not yet decoded
	out   []byte // decoded and not yet given
	err   error
}

func newUTF16Reader(r io.Reader, order binary.ByteOrder) *utf16Reader {
	return &utf16Reader{r: r, order: order, in: make([]byte, 0, 64<<10)}
}

// Read implements [io.Reader]. It fails with [ErrNotTable] on half a character.
func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) fill() {
	n, err := u.r.Read(u.in[len(u.in):cap(u.in)])
	u.in = u.in[:len(u.in)+n]
	u.err = err
	u.out = u.out[:0]
	i := 0
	for ; i+1 < len(u.in); i += 2 {
		c := rune(u.order.Uint16(u.in[i:]))
		if utf16.IsSurrogate(c) {
			if i+3 >= len(u.in) {
				break
			}
			pair := utf16.DecodeRune(c, rune(u.order.Uint16(u.in[i+2:])))
			if pair == utf8.RuneError {
				u.err = notTable("the UTF-16 text has half a character")
				return
			}
			c = pair
			i += 2
		}
		u.out = utf8.AppendRune(u.out, c)
	}
	u.in = u.in[:copy(u.in, u.in[i:])]
	if err == io.EOF && len(u.in) > 0 {
		u.err = notTable("the UTF-16 text ends within a character")
	}
}

// utf16Writer writes the UTF-8 that it is given as UTF-16.
type utf16Writer struct {
	w     io.Writer
	order binary.ByteOrder
	rest  []byte // the beginning of a character
	out   []byte
}

// Write implements [io.Writer]. It fails with [ErrEncoding] on what is not UTF-8.
func (u *utf16Writer) Write(p []byte) (int, error) {
	u.out = u.out[:0]
	text := p
	if len(u.rest) > 0 {
		text = append(u.rest, p...)
		u.rest = nil
	}
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			if utf8.FullRune(text) {
				return 0, fmt.Errorf("%w: %q is not UTF-8 and cannot be written as UTF-16", ErrEncoding, text[:1])
			}
			u.rest = append([]byte(nil), text...)
			break
		}
		if r >= 0x10000 {
			hi, lo := utf16.EncodeRune(r)
			u.out = u.put(u.put(u.out, hi), lo)
		} else {
			u.out = u.put(u.out, r)
		}
		text = text[n:]
	}
	if _, err := u.w.Write(u.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// put appends one unit. The order of bytes is an interface without append.
func (u *utf16Writer) put(dst []byte, c rune) []byte {
	dst = append(dst, 0, 0)
	u.order.PutUint16(dst[len(dst)-2:], uint16(c))
	return dst
}

// Close fails with [ErrEncoding] if the text ended within a character.
func (u *utf16Writer) Close() error {
	if len(u.rest) > 0 {
		return fmt.Errorf("%w: %q is not UTF-8 and cannot be written as UTF-16", ErrEncoding, u.rest)
	}
	return nil
}

// newWriter returns a writer of text that puts the byte order mark before it and
// writes to w in the layout's encoding, compressed if the file is. Its Close ends
// the file and does not close w. It fails as w does.
func (l *Layout) newWriter(w io.Writer) (*encodedWriter, error) {
	e := &encodedWriter{w: w}
	if l.Gzip != nil {
		var err error
		if e.gz, err = newGzipWriter(w, l.Gzip); err != nil {
			return nil, err
		}
		w = e.gz
		e.w = w
	}
	if l.BOM {
		e.mark = l.Encoding.bom()
	}
	if order := l.Encoding.byteOrder(); order != nil {
		e.wide = &utf16Writer{w: w, order: order}
	}
	return e, nil
}

type encodedWriter struct {
	w    io.Writer
	mark string // still to be written
	wide *utf16Writer
	gz   *gzipWriter
}

// Write implements [io.Writer]. It fails with [ErrEncoding] or as the writer
// below does.
func (e *encodedWriter) Write(p []byte) (int, error) {
	if e.mark != "" {
		if _, err := io.WriteString(e.w, e.mark); err != nil {
			return 0, err
		}
		e.mark = ""
	}
	if e.wide != nil {
		return e.wide.Write(p)
	}
	return e.w.Write(p)
}

// Close fails with [ErrEncoding] if the text ended within a character, or as the
// writer below does.
func (e *encodedWriter) Close() error {
	if e.wide != nil {
		if err := e.wide.Close(); err != nil {
			return err
		}
	}
	if e.gz != nil {
		return e.gz.Close()
	}
	return nil
}
