package csv

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular/csv/deflate"
)

// GzipCodec is the name of the layouts of files compressed with gzip.
const GzipCodec = "csv.gz"

// Gzip is what a compressed file says besides its text (RFC 1952), and how the
// text was compressed. It is a value that can be compared with ==.
type Gzip struct {
	Method deflate.Method
	// Synced says that the text was synchronised before its end, as Python does.
	Synced bool
	// Flags are those of the header. They tell which of Extra, Name and Comment
	// the header has, and whether it ends with a checksum.
	Flags byte
	// ModTime is the time in the header, in seconds since 1970; 0 if it has none.
	ModTime uint32
	// ExtraFlags and OS are the header's bytes of these names.
	ExtraFlags, OS byte
	// Extra, Name and Comment are the header's bytes, empty unless the flags say
	// that they are there.
	Extra, Name, Comment string
}

// The flags of a gzip header.
const (
	gzipText = 1 << iota
	gzipHeaderSum
	gzipExtra
	gzipName
	gzipComment
	gzipFlags = 1<<iota - 1
)

const (
	gzipMagic = "\x1f\x8b\x08" // gzip, and the only way of compressing that there is
	// maxGzipText bounds the name and the comment of a gzip header.
	maxGzipText  = 4 << 10
	maxGzipExtra = 1<<16 - 1
	gzipTail     = 8 // bytes: the text's CRC-32 and size
)

// header returns the file's first bytes.
func (g *Gzip) header() []byte {
	b := append([]byte(gzipMagic), g.Flags)
	b = binary.LittleEndian.AppendUint32(b, g.ModTime)
	b = append(b, g.ExtraFlags, g.OS)
	if g.Flags&gzipExtra != 0 {
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(g.Extra))), g.Extra...)
	}
	for _, x := range []struct {
		flag byte
		text string
	}{{gzipName, g.Name}, {gzipComment, g.Comment}} {
		if g.Flags&x.flag != 0 {
			b = append(append(b, x.text...), 0)
		}
	}
	if g.Flags&gzipHeaderSum != 0 {
		b = binary.LittleEndian.AppendUint16(b, uint16(crc32.ChecksumIEEE(b)))
	}
	return b
}

func (g *Gzip) validate() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrInvalidLayout, what) }
	switch err := g.Method.Check(); {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrInvalidLayout, err)
	case g.Flags&^gzipFlags != 0:
		return bad("unknown flags of gzip")
	case g.Flags&gzipExtra == 0 && g.Extra != "" || g.Flags&gzipName == 0 && g.Name != "" || g.Flags&gzipComment == 0 && g.Comment != "":
		return bad("a part of a gzip header without its flag")
	case len(g.Extra) > maxGzipExtra || len(g.Name) > maxGzipText || len(g.Comment) > maxGzipText:
		return bad("a part of a gzip header that is too long")
	case strings.Contains(g.Name, "\x00") || strings.Contains(g.Comment, "\x00"):
		return bad("a name or comment with a zero in it")
	}
	return nil
}

func (g *Gzip) encode(e *object.Encoder) {
	e.Byte(byte(g.Method.Program))
	e.Byte(byte(g.Method.Level))
	e.Byte(bit(g.Synced))
	e.Byte(g.Flags)
	e.Uvarint(uint64(g.ModTime))
	e.Byte(g.ExtraFlags)
	e.Byte(g.OS)
	if g.Flags&gzipExtra != 0 {
		e.Bytes([]byte(g.Extra))
	}
	if g.Flags&gzipName != 0 {
		e.Bytes([]byte(g.Name))
	}
	if g.Flags&gzipComment != 0 {
		e.Bytes([]byte(g.Comment))
	}
}

// encoded returns what stands in a layout, to put values into an order.
func (g *Gzip) encoded() []byte {
	var e object.Encoder
	g.encode(&e)
	return e.Body()
}

func decodeGzip(d *object.Decoder) *Gzip {
	g := &Gzip{Method: deflate.Method{Program: deflate.Program(d.Byte()), Level: int(d.Byte())}}
	synced := d.Byte()
	if g.Synced = synced == 1; synced > 1 {
		d.Fail("an end of the compressed data that is not known")
	}
	g.Flags = d.Byte()
	g.ModTime = uint32(d.Size(1<<32 - 1))
	g.ExtraFlags, g.OS = d.Byte(), d.Byte()
	if g.Flags&gzipExtra != 0 {
		g.Extra = string(d.Bytes(maxGzipExtra))
	}
	if g.Flags&gzipName != 0 {
		g.Name = string(d.Bytes(maxGzipText))
	}
	if g.Flags&gzipComment != 0 {
		g.Comment = string(d.Bytes(maxGzipText))
	}
	return g
}

// gzipWriter compresses a text into a whole file.
type gzipWriter struct {
	w    io.Writer
	body *deflate.Writer
	sync bool
	sum  uint32
	size uint32 // modulo 2³², as the file has it
}

func newGzipWriter(w io.Writer, g *Gzip) (*gzipWriter, error) {
	body, err := deflate.NewWriter(w, g.Method)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(g.header())
	return &gzipWriter{w: w, body: body, sync: g.Synced}, err
}

// Write implements [io.Writer].
func (z *gzipWriter) Write(p []byte) (int, error) {
	z.sum = crc32.Update(z.sum, crc32.IEEETable, p)
	z.size += uint32(len(p))
	return z.body.Write(p)
}

// Close ends the file; it does not close the writer below.
func (z *gzipWriter) Close() error {
	end := z.body.Close
	if z.sync {
		end = z.body.CloseSynced
	}
	if err := end(); err != nil {
		return err
	}
	tail := binary.LittleEndian.AppendUint32(nil, z.sum)
	_, err := z.w.Write(binary.LittleEndian.AppendUint32(tail, z.size))
	return err
}
