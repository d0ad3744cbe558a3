package merge

import (
	"bytes"
	"context"

	"github.com/constl/constl/tabular"
)

// LayoutMerger merges what only a codec understands. An implementation must be
// safe for use by several goroutines and give the same result, but for which
// side wins a conflict, when ours and theirs change places.
type LayoutMerger interface {
	// MergeLayout returns the layout for a table of the given fields: what one
	// side changed is taken, what nobody changed stays. clashes names what
	// both sides changed in two ways; ours stands there. base is nil if both sides
	// added the table. All three are of one codec.
	//
	// carry returns the exception that says under the merged layout what x, of a
	// row of the table from, says there, and false if nothing need be said or x is
	// not true of the merged row. x.Col counts in from's fields; col is the
	// field's place in the result (tabular.WholeRow stays so), and of what carry
	// returns Row and Col are not looked at. row holds the merged row's cells.
	MergeLayout(ctx context.Context, base, ours, theirs *tabular.Table, fields []tabular.Field) (layout tabular.Layout, carry CarryFunc, clashes []tabular.LayoutClash, err error)
}

// CarryFunc is what [LayoutMerger] says of it.
type CarryFunc = func(x tabular.Exception, from *tabular.Table, col int, row [][]byte) (tabular.Exception, bool)

// wholeLayouts merges layouts without understanding them.
type wholeLayouts struct{}

var _ LayoutMerger = wholeLayouts{}

func (wholeLayouts) MergeLayout(_ context.Context, base, ours, theirs *tabular.Table, _ []tabular.Field) (tabular.Layout, CarryFunc, []tabular.LayoutClash, error) {
	layout, clashes := ours.Layout, []tabular.LayoutClash(nil)
	switch {
	case sameLayout(ours.Layout, theirs.Layout), base != nil && sameLayout(theirs.Layout, base.Layout):
	case base != nil && sameLayout(ours.Layout, base.Layout):
		layout = theirs.Layout
	default:
		clashes = []tabular.LayoutClash{{Detail: "the form of the file was changed in two ways; it is that of ours"}}
	}
	carry := func(x tabular.Exception, from *tabular.Table, _ int, _ [][]byte) (tabular.Exception, bool) {
		return x, from.Layout.Codec == layout.Codec
	}
	return layout, carry, clashes, nil
}

func sameLayout(a, b tabular.Layout) bool { return a.Codec == b.Codec && bytes.Equal(a.Data, b.Data) }
