package tabular

import (
	"context"
	"slices"

	"github.com/constl/constl/object"
)

// Column is the cells of one column of a row group in the shape in which its segment
// has them, for whoever counts and need not have every text written out.
type Column struct {
	// Cells are all cells in order. If Times is not nil they are the different texts
	// only, in the order in which they first appear; if Form is not nil, only those
	// cells that are no values of it.
	Cells Cells
	// Times says how many cells hold each text.
	Times []int
	// Form and Values are the other cells, as integers, in their order.
	Form   *Form
	Values []int64
}

// Form says how integers stand for texts, one for each. It is safe for use by
// several goroutines.
type Form struct {
	form  form
	parse func(text []byte) (int64, bool)
}

// Value returns the integer that stands for a text, and whether one does.
func (f *Form) Value(text []byte) (int64, bool) { return f.parse(text) }

// Append appends the texts that values stand for to dst. It panics if one of them
// stands for none.
func (f *Form) Append(dst *Cells, values ...int64) {
	at, n := len(dst.Data), len(dst.Ends)
	dst.Data = slices.Grow(dst.Data, len(values)*f.form.room())
	dst.Ends = slices.Grow(dst.Ends, len(values))[:n+len(values)]
	end, ok := f.form.format(dst.Data[:cap(dst.Data)], at, dst.Ends[n:], values)
	if !ok {
		panic("tabular: a value that stands for no text")
	}
	dst.Data = dst.Data[:end]
}

// Decimals returns how many of a value's last digits stand after the point, and
// whether the texts are numbers.
func (f *Form) Decimals() (n int, ok bool) {
	number, ok := f.form.(numberForm)
	return number.max, ok
}

// Clock says what a value is if the texts are dates (YYYY-MM-DD), times of day, or
// both in this order after ISO 8601, no finer than a second.
type Clock struct {
	Date   bool  // counted from 1970-01-01, else from midnight
	Time   bool  // the texts have a time of day
	PerDay int64 // how many values a day has
	Zoned  bool  // the texts name a zone,
	Offset int64 // which is so many seconds ahead of UTC
}

// Clock returns what a value is, and whether the texts are dates or times.
func (f *Form) Clock() (c Clock, ok bool) {
	t, ok := f.form.(timeForm)
	if !ok || t.order != dateNone && (t.order != dateYMD || t.sep != '-') || t.exact > timeSeconds {
		return c, false
	}
	c = Clock{Date: t.order != dateNone, Time: t.exact != timeNone, PerDay: t.perDay(), Zoned: len(t.zone) > 0}
	if z := t.zone; len(z) > 1 {
		minutes := z[len(z)-2:]
		c.Offset = int64(twoDigits(z[1:])*3600 + twoDigits(minutes)*60)
		if z[0] == '-' {
			c.Offset = -c.Offset
		}
	}
	return c, true
}

func newForm(f form) *Form {
	switch f := f.(type) {
	case numberForm:
		return &Form{f, func(text []byte) (int64, bool) { return f.parse(text, 0, len(text)) }}
	case labelForm:
		return &Form{f, func(text []byte) (int64, bool) { return f.parse(text, 0, len(text)) }}
	case timeForm:
		return &Form{f, func(text []byte) (int64, bool) {
			p := timeParser{timeForm: f}
			return p.parse(text, 0, len(text))
		}}
	}
	return nil
}

// Column returns a column as its segment has it. The caller owns what it returns,
// but for Cells that are all of the column's, which are shared as [Group.Cells]
// shares them. It fails as that does.
func (g *Group) Column(ctx context.Context, col int) (Column, error) {
	payload, id, err := g.payload(ctx, col)
	if err != nil {
		return Column{}, err
	}
	d := object.NewBodyDecoder(payload)
	n := int(d.Size(MaxSegmentRows))
	if d.Err() == nil && n != g.Ref.Rows {
		d.Fail("a column of %d rows in a group of %d", n, g.Ref.Rows)
	}
	var c Column
	switch encoding := d.Byte(); {
	case d.Err() != nil:
	case encoding == encodingConstant:
		c.Cells.Append(d.Bytes(min(GroupBytes/n, MaxCell)))
		c.Times = []int{n}
	case encoding == encodingDictionary:
		entries, codes := takeEntries(d, n, GroupBytes)
		if d.Err() == nil {
			c.Cells.Data = append(c.Cells.Data, entries.Data...)
			c.Cells.Ends = entries.Ends
			c.Times = countCodes(d, entries.Len(), &codes)
		}
	case encoding == encodingNumber:
		c.takeValues(d, takeNumberForm(d), n)
	case encoding == encodingLabel:
		c.takeValues(d, takeLabelForm(d), n)
	case encoding == encodingTime:
		c.takeValues(d, takeTimeForm(d), n)
	default:
		c.Cells, err = g.Cells(ctx, col)
		return c, err
	}
	if err := d.Close(); err != nil {
		return Column{}, &object.CorruptError{ID: id, Err: err}
	}
	return c, nil
}

// takeValues decodes n cells of one form as values, and its misfits.
func (c *Column) takeValues(d *object.Decoder, f form, n int) {
	if d.Err() != nil {
		return
	}
	gaps := takeGaps(d, n)
	if len(gaps) > 0 && d.Err() == nil {
		c.Cells = takeTexts(d, d.Byte(), len(gaps), GroupBytes)
	}
	left := n - len(gaps)
	var s sequence
	if d.Err() == nil {
		s.take(d, left)
	}
	if d.Err() != nil {
		return
	}
	c.Form, c.Values = newForm(f), make([]int64, 0, left)
	for left > 0 && d.Err() == nil {
		vals := s.values(left)
		c.Values = append(c.Values, vals...)
		left -= len(vals)
	}
}

// countCodes counts how often each entry of a dictionary is used.
func countCodes(d *object.Decoder, distinct int, codes *planes) []int {
	counts := make([]int, distinct)
	order := codeOrder{distinct: int64(distinct)}
	var block [planeBlock]int64
	for from := 0; from < codes.n; from += planeBlock {
		for _, code := range codes.block(&block, from) {
			if !order.next(code) {
				d.Fail("a dictionary is out of order")
				return nil
			}
			counts[code]++
		}
	}
	if order.seen != order.distinct {
		d.Fail("a dictionary has texts that are not used")
	}
	return counts
}

// codeOrder checks that codes name the entries of a dictionary in the order of
// their first appearance.
type codeOrder struct{ seen, distinct int64 }

func (o *codeOrder) next(code int64) bool {
	if code < 0 || code > o.seen || code >= o.distinct {
		return false
	}
	if code == o.seen {
		o.seen++
	}
	return true
}

// column returns the cells that were encoded last as the segment has them. It is good
// until the next are encoded; texts and times are working memory.
func (e *SegmentEncoder) column(c Cells, texts *Cells, times *[]int) Column {
	texts.Data, texts.Ends, *times = texts.Data[:0], texts.Ends[:0], (*times)[:0]
	switch e.encoding {
	case encodingConstant:
		texts.Append(c.At(0))
		return Column{Cells: *texts, Times: append(*times, c.Len())}
	case encodingDictionary:
		for _, at := range e.dict.first {
			texts.Append(c.At(int(at)))
			*times = append(*times, 0)
		}
		for _, code := range e.dict.codes {
			(*times)[code]++
		}
		return Column{Cells: *texts, Times: *times}
	case encodingNumber, encodingLabel, encodingTime:
		return Column{Cells: e.misfits, Form: newForm(e.form), Values: e.fits}
	}
	return Column{Cells: c}
}
