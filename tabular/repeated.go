package tabular

import (
	"context"

	"github.com/constl/constl/object"
)

// Repeated returns the different texts of a column, in the order in which they
// first appear, and how many cells hold each, without writing all cells out. It
// can do so only if the column's segment is encoded by its different texts; for
// any other ok is false, and [Group.Cells] is the way. The caller owns both. It
// fails as Cells does.
func (g *Group) Repeated(ctx context.Context, col int) (texts Cells, counts []int, ok bool, err error) {
	payload, id, err := g.payload(ctx, col)
	if err != nil {
		return Cells{}, nil, false, err
	}
	d := object.NewBodyDecoder(payload)
	n := int(d.Size(MaxSegmentRows))
	if d.Err() == nil && n != g.Ref.Rows {
		d.Fail("a column of %d rows in a group of %d", n, g.Ref.Rows)
	}
	switch encoding := d.Byte(); {
	case d.Err() != nil:
	case encoding == encodingConstant:
		texts.Append(d.Bytes(min(GroupBytes/n, MaxCell)))
		counts = []int{n}
	case encoding == encodingDictionary:
		entries, codes := takeEntries(d, n, GroupBytes)
		if d.Err() == nil {
			texts.Data = append(texts.Data, entries.Data...)
			texts.Ends = entries.Ends
			counts = countCodes(d, entries.Len(), &codes)
		}
	default:
		return Cells{}, nil, false, nil
	}
	if err := d.Close(); err != nil {
		return Cells{}, nil, false, &object.CorruptError{ID: id, Err: err}
	}
	return texts, counts, true, nil
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
