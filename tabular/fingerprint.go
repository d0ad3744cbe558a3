package tabular

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/zeebo/blake3"
)

// Texts is a table of any format as texts, so that it can be fingerprinted: what
// FINGERPRINT.md §1 makes of a file. Its methods may be called several times.
type Texts interface {
	// Names returns the columns' names in the file's order, in UTF-8.
	Names() []string
	// Batches yields the rows in order. It ends after the first error.
	Batches(ctx context.Context) iter.Seq2[Batch, error]
}

// Batch reads some rows of a [Texts]: of each column as many cells. It may be
// called from any goroutine, and more than once.
type Batch func(ctx context.Context) ([]Cells, error)

// Fingerprint says whether two tables hold the same data, whatever the order of
// their rows and columns and the format of their files (FINGERPRINT.md).
type Fingerprint [32]byte

const fingerprintPrefix = "fp1:"

// String returns the fingerprint as it is written: fp1: and 64 digits.
func (f Fingerprint) String() string { return fingerprintPrefix + hex.EncodeToString(f[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It fails as [ParseFingerprint] does.
func (f *Fingerprint) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFingerprint(string(text))
	return err
}

// ErrNoFingerprint says that a text is none.
var ErrNoFingerprint = errors.New("tabular: no fingerprint")

// ParseFingerprint reads what [Fingerprint.String] writes. It fails with an error
// that wraps [ErrNoFingerprint].
func ParseFingerprint(text string) (f Fingerprint, err error) {
	digits, ok := strings.CutPrefix(text, fingerprintPrefix)
	if !ok || len(digits) != 2*len(f) || digits != strings.ToLower(digits) {
		return f, fmt.Errorf("%w: expected %s and %d digits, found %q", ErrNoFingerprint, fingerprintPrefix, 2*len(f), text)
	}
	if _, err := hex.Decode(f[:], []byte(digits)); err != nil {
		return Fingerprint{}, fmt.Errorf("%w: %q: %w", ErrNoFingerprint, text, err)
	}
	return f, nil
}

// Printed is a fingerprint and what it was made of.
type Printed struct {
	Fingerprint Fingerprint
	Rows        int64 // rows that count: those that have a cell
	Columns     []PrintedColumn
}

// PrintedColumn is a column that counts, in the file's order.
type PrintedColumn struct {
	Name string
	Kind Kind
}

// FingerprintOptions tune [FingerprintOf]. A nil one stands for the defaults.
type FingerprintOptions struct {
	// Workers is the number of goroutines that read and hash; 0 is one per processor.
	Workers int
	// Memory is how many bytes of row hashes are held before they are written to a
	// temporary file; 0 is 256 MiB.
	Memory int
	// Progress, if not nil, is told how many rows are hashed. It is called from the
	// caller's goroutine.
	Progress func(rows int64)
}

// FingerprintOf returns the fingerprint of a table. It reads the table twice. Memory
// is bounded; of more than some million rows the hashes are sorted in a temporary
// file. It fails as the table's reader does.
func FingerprintOf(ctx context.Context, t Texts, o *FingerprintOptions) (*Printed, error) {
	if o == nil {
		o = &FingerprintOptions{}
	}
	kinds, err := kindsOf(ctx, t, o.Workers)
	if err != nil {
		return nil, err
	}
	columns := printColumns(t.Names(), kinds)
	sorter := newHashSorter(o.Memory)
	defer sorter.close()
	err = inOrder(ctx, o.Workers, t.Batches(ctx), func(ctx context.Context, b Batch) ([]rowHash, error) {
		cells, err := b(ctx)
		if err != nil {
			return nil, err
		}
		return hashRows(columns, cells), nil
	}, func(hashes []rowHash) error {
		err := sorter.add(hashes)
		if err == nil && o.Progress != nil {
			o.Progress(sorter.rows)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	h := blake3.New()
	_, _ = h.Write(printHead(columns, sorter.rows))
	if err := sorter.sorted(func(hashes []byte) { _, _ = h.Write(hashes) }); err != nil {
		return nil, err
	}
	p := &Printed{Rows: sorter.rows}
	h.Sum(p.Fingerprint[:0])
	slices.SortFunc(columns, func(a, b printColumn) int { return cmp.Compare(a.at, b.at) })
	for _, c := range columns {
		p.Columns = append(p.Columns, PrintedColumn{t.Names()[c.at], c.kind})
	}
	return p, nil
}

// kindsOf finds the kinds of all columns.
func kindsOf(ctx context.Context, t Texts, workers int) ([]Kind, error) {
	kinds := make([]Kind, len(t.Names()))
	err := inOrder(ctx, workers, t.Batches(ctx), func(ctx context.Context, b Batch) ([]Kind, error) {
		cells, err := b(ctx)
		if err != nil {
			return nil, err
		}
		if len(cells) != len(kinds) {
			return nil, fmt.Errorf("tabular: %d columns of cells for %d names", len(cells), len(kinds))
		}
		found := make([]Kind, len(cells))
		for i, c := range cells {
			found[i] = kindOfCells(c)
		}
		return found, nil
	}, func(found []Kind) error {
		for i, k := range found {
			kinds[i] = joinKinds(kinds[i], k)
		}
		return nil
	})
	return kinds, err
}

// printColumn is a column that counts.
type printColumn struct {
	name       []byte // canonical
	occurrence uint64
	kind       Kind
	at         int // in the file
}

// printColumns returns the columns in the order of the fingerprint.
func printColumns(names []string, kinds []Kind) []printColumn {
	var list []printColumn
	for i, name := range names {
		if name != "" || kinds[i] != KindEmpty {
			list = append(list, printColumn{name: appendText(nil, []byte(name)), kind: kinds[i], at: i})
		}
	}
	slices.SortStableFunc(list, func(a, b printColumn) int { return bytes.Compare(a.name, b.name) })
	for i := 1; i < len(list); i++ {
		if bytes.Equal(list[i].name, list[i-1].name) {
			list[i].occurrence = list[i-1].occurrence + 1
		}
	}
	return list
}

// printHead returns what is hashed before the row hashes.
func printHead(columns []printColumn, rows int64) []byte {
	b := []byte("constl fingerprint 1\n")
	b = binary.AppendUvarint(b, uint64(len(columns)))
	for _, c := range columns {
		b = binary.AppendUvarint(b, uint64(len(c.name)))
		b = append(b, c.name...)
		b = binary.AppendUvarint(b, c.occurrence)
		b = append(b, byte(c.kind))
	}
	return binary.AppendUvarint(b, uint64(rows))
}

type rowHash [32]byte

// hashRows returns the hashes of the rows that have a cell.
func hashRows(columns []printColumn, cells []Cells) []rowHash {
	if len(columns) == 0 {
		return nil
	}
	n := cells[0].Len()
	hashes := make([]rowHash, 0, n)
	var buf []byte
	for row := range n {
		buf = buf[:0]
		for number, c := range columns {
			text := cells[c.at].At(row)
			if isMissing(text) {
				continue
			}
			buf = binary.AppendUvarint(buf, uint64(number))
			buf = appendBytes(buf, func(b []byte) []byte { return appendValue(b, text, c.kind) })
		}
		if len(buf) > 0 {
			hashes = append(hashes, blake3.Sum256(buf))
		}
	}
	return hashes
}

// Texts returns the table's columns at the given positions (nil stands for all) so
// that they can be fingerprinted. read, which may be nil, turns a cell's text into
// the text of FINGERPRINT.md §1; what it returns is used at once. It is called from
// several goroutines. The same of name and the columns' names.
func (t *Table) Texts(cols []int, name func(string) string, read func(dst []byte, col int, text []byte) []byte) Texts {
	if cols == nil {
		cols = allColumns(t.width)
	}
	x := &tableTexts{t: t, cols: cols, read: read}
	for _, c := range cols {
		text := t.Schema.Fields[c].Name
		if name != nil {
			text = name(text)
		}
		x.names = append(x.names, text)
	}
	return x
}

type tableTexts struct {
	t     *Table
	cols  []int
	names []string
	read  func(dst []byte, col int, text []byte) []byte
}

func (x *tableTexts) Names() []string { return x.names }

func (x *tableTexts) Batches(ctx context.Context) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for ref, err := range x.t.Groups(ctx) {
			load := func(ctx context.Context) ([]Cells, error) { return x.load(ctx, ref) }
			if !yield(load, err) || err != nil {
				return
			}
		}
	}
}

func (x *tableTexts) load(ctx context.Context, ref GroupRef) ([]Cells, error) {
	g, err := x.t.Group(ctx, ref)
	if err != nil {
		return nil, err
	}
	list := make([]Cells, len(x.cols))
	for i, col := range x.cols {
		c, err := g.Cells(ctx, col)
		if err != nil {
			return nil, err
		}
		if list[i] = c; x.read == nil {
			continue
		}
		out := Cells{Ends: make([]uint32, 0, c.Len()), Data: make([]byte, 0, len(c.Data))}
		for r := range c.Len() {
			out.Data = x.read(out.Data, col, c.At(r))
			out.Ends = append(out.Ends, uint32(len(out.Data)))
		}
		list[i] = out
	}
	return list, nil
}
