package tabular

import (
	"bytes"
	"fmt"

	"github.com/constl/constl/object"
)

// DecodeSegment returns the cells of a segment's payload, whose texts it copies.
// What no encoder would have written is refused with an error that wraps
// [object.ErrCorrupt]; that the encoder would have chosen this very encoding is
// for [CheckSegment] to tell. Memory stays within the limits of a segment.
func DecodeSegment(payload []byte) (Cells, error) {
	d := object.NewBodyDecoder(payload)
	var c Cells
	if n := int(d.Size(MaxSegmentRows)); n > 0 {
		c = takeSegment(d, n)
	}
	if err := d.Close(); err != nil {
		return Cells{}, fmt.Errorf("decode segment: %w", err)
	}
	return c, nil
}

func takeSegment(d *object.Decoder, n int) Cells {
	switch encoding := d.Byte(); encoding {
	case encodingNumber:
		f := takeNumberForm(d)
		return takeForm(d, f, f, n)
	case encodingLabel:
		f := takeLabelForm(d)
		return takeForm(d, f, f, n)
	case encodingTime:
		f := takeTimeForm(d)
		return takeForm(d, f, &timeParser{timeForm: f}, n)
	default:
		return takeTexts(d, encoding, n, GroupBytes)
	}
}

// takeForm decodes n cells of one form and its misfits.
func takeForm[P textParser](d *object.Decoder, f form, p P, n int) Cells {
	if d.Err() != nil {
		return Cells{}
	}
	gaps := takeGaps(d, n)
	var misfits Cells
	if len(gaps) > 0 && d.Err() == nil {
		misfits = takeTexts(d, d.Byte(), len(gaps), GroupBytes)
	}
	var s sequence
	if d.Err() == nil {
		s.take(d, n-len(gaps))
	}
	if d.Err() != nil {
		return Cells{}
	}
	start := 0
	for _, end := range misfits.Ends {
		if _, fits := p.parse(misfits.Data, start, int(end)); fits {
			d.Fail("a cell is set aside that fits")
			return Cells{}
		}
		start = int(end)
	}
	w := &cellWriter{form: f, seq: &s, cells: Cells{Ends: make([]uint32, n)}}
	for i, gap := range gaps {
		w.fits(d, int(gap))
		w.text(misfits.At(i))
	}
	w.fits(d, n-w.row)
	if d.Err() == nil && w.at > GroupBytes {
		d.Fail("texts of more than %d bytes", GroupBytes)
	}
	w.cells.Data = w.cells.Data[:w.at:w.at]
	return w.cells
}

// takeGaps decodes how many fitting cells stand before each misfit.
func takeGaps(d *object.Decoder, n int) []uint32 {
	count := int(d.Size(int64(n - 1)))
	if count == 0 || count > d.Remaining() {
		if count > 0 {
			d.Fail("%d cells set aside in %d bytes", count, d.Remaining())
		}
		return nil
	}
	gaps := make([]uint32, count)
	left := n - count
	for i := range gaps {
		gap := int(d.Size(int64(left)))
		left -= gap
		gaps[i] = uint32(gap)
	}
	return gaps
}

// cellWriter puts decoded cells together.
type cellWriter struct {
	form  form
	seq   *sequence
	cells Cells
	row   int
	at    int
}

// fits writes the next n values as the form spells them.
func (w *cellWriter) fits(d *object.Decoder, n int) {
	for n > 0 && d.Err() == nil {
		vals := w.seq.values(n)
		w.reserve(len(vals) * w.form.room())
		at, ok := w.form.format(w.cells.Data, w.at, w.cells.Ends[w.row:], vals)
		if !ok {
			d.Fail("a value is out of range")
			return
		}
		w.at = at
		w.row += len(vals)
		n -= len(vals)
	}
}

// reserve makes room for so many bytes more, and for the cells to come if they
// are as long as those so far.
func (w *cellWriter) reserve(n int) {
	if len(w.cells.Data)-w.at >= n {
		return
	}
	rest := len(w.cells.Ends) - w.row
	size := w.at + n
	if w.row > 0 {
		size += w.at * rest / w.row * 9 / 8
	}
	data := make([]byte, size)
	copy(data, w.cells.Data[:w.at])
	w.cells.Data = data
}

func (w *cellWriter) text(text []byte) {
	w.reserve(len(text))
	w.at += copy(w.cells.Data[w.at:], text)
	w.cells.Ends[w.row] = uint32(w.at)
	w.row++
}

// CheckSegment reports whether the payload is exactly what [EncodeSegment] makes
// of the cells it holds. Failures wrap [object.ErrCorrupt]. It costs a decoding
// and an encoding.
func CheckSegment(payload []byte) error {
	c, err := DecodeSegment(payload)
	if err != nil {
		return err
	}
	if !bytes.Equal(EncodeSegment(c), payload) {
		return fmt.Errorf("check segment: %w: its cells have another encoding", object.ErrCorrupt)
	}
	return nil
}
