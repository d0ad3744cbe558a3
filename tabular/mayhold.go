package tabular

import (
	"bytes"
	"context"

	"github.com/constl/constl/object"
)

// MayHold reports whether a cell of the column may hold the byte: false is sure,
// and found without decoding the cells where they are numbers or times. It fails
// as [Group.Cells] does.
func (g *Group) MayHold(ctx context.Context, col int, b byte) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cells[col].Ends != nil {
		return bytes.IndexByte(g.cells[col].Data, b) >= 0, nil
	}
	if g.segments[col].absent() {
		return false, nil
	}
	payload, _, err := g.payload(ctx, col)
	if err != nil {
		return false, err
	}
	return payloadMayHold(payload, b), nil
}

// payloadMayHold says yes where only decoding tells.
func payloadMayHold(payload []byte, b byte) bool {
	d := object.NewBodyDecoder(payload)
	n := int(d.Size(MaxSegmentRows))
	if n == 0 || d.Err() != nil || b > ' ' {
		return true
	}
	switch d.Byte() {
	case encodingNumber:
		takeNumberForm(d)
	case encodingTime:
		takeTimeForm(d)
	case encodingLabel:
		if f := takeLabelForm(d); bytes.IndexByte(f.appendTo(nil), b) >= 0 {
			return true
		}
	default:
		return true
	}
	if d.Err() != nil {
		return true
	}
	return len(takeGaps(d, n)) > 0 || d.Err() != nil
}
