package merge

import (
	"bytes"

	"github.com/constl/constl/tabular"
)

// LayoutSide is one version of a table as its codec sees it.
type LayoutSide struct {
	Layout tabular.Layout
	Fields []tabular.Field
}

// LayoutMerger merges what only a codec understands. An implementation must be
// safe for use by several goroutines and give the same result, but for which
// side wins a conflict, when ours and theirs change places.
type LayoutMerger interface {
	// MergeLayout returns the layout for a table of the given fields: what one
	// side changed is taken, what nobody changed stays. conflicts names, one
	// sentence each, what both sides changed in two ways; ours stands there. base
	// is nil if both sides added the table. All three are of one codec.
	MergeLayout(base, ours, theirs *LayoutSide, fields []tabular.Field) (layout tabular.Layout, conflicts []string, err error)
	// CarryException returns the exception that says under the layout to what x
	// says under from, and false if nothing need be said there or x cannot be true
	// of the merged row. x.Col counts in from's fields; col is the field's place
	// in to's (tabular.WholeRow stays so). row holds the merged row's cells.
	CarryException(x tabular.Exception, from, to *LayoutSide, col int, row [][]byte) (tabular.Exception, bool)
}

// wholeLayouts merges layouts without understanding them.
type wholeLayouts struct{}

var _ LayoutMerger = wholeLayouts{}

func (wholeLayouts) MergeLayout(base, ours, theirs *LayoutSide, _ []tabular.Field) (tabular.Layout, []string, error) {
	switch {
	case sameLayout(ours.Layout, theirs.Layout), base != nil && sameLayout(theirs.Layout, base.Layout):
		return ours.Layout, nil, nil
	case base != nil && sameLayout(ours.Layout, base.Layout):
		return theirs.Layout, nil, nil
	}
	return ours.Layout, []string{"the form of the file was changed in two ways; ours stands"}, nil
}

func (wholeLayouts) CarryException(x tabular.Exception, _, _ *LayoutSide, col int, _ [][]byte) (tabular.Exception, bool) {
	x.Col = col
	return x, true
}

func sameLayout(a, b tabular.Layout) bool { return a.Codec == b.Codec && bytes.Equal(a.Data, b.Data) }
