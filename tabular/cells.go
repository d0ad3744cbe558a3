package tabular

// Cells is a run of cell texts of one column: cell i is the bytes of Data from
// Ends[i-1] (0 for the first) to Ends[i]. A missing cell is an empty text.
// Whoever receives Cells shares them and must not write to them.
type Cells struct {
	Data []byte
	Ends []uint32
}

// Len returns the number of cells.
func (c Cells) Len() int { return len(c.Ends) }

// At returns the text of cell i. The slice is a part of Data.
func (c Cells) At(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = c.Ends[i-1]
	}
	return c.Data[start:c.Ends[i]:c.Ends[i]]
}

// Append adds a cell, whose text it copies.
func (c *Cells) Append(text []byte) {
	c.Data = append(c.Data, text...)
	c.Ends = append(c.Ends, uint32(len(c.Data)))
}

// Ref says where a cell's text stands in the buffer of a [Rows].
type Ref struct{ Off, Len uint32 }

// Rows is a batch of consecutive rows, row by row: cell c of row r is
// Buf[Off:Off+Len] of Cells[r*Width+c]. Every row has Width cells; what a
// ragged row lacks is empty here, and an [Exception] says so.
type Rows struct {
	Width      int
	Buf        []byte
	Cells      []Ref
	Exceptions []Exception // sorted; their Row counts from the batch's first row
	// Ends holds where each row ends in the file's bytes, if these stand at the
	// beginning of Buf, each batch's behind those of the one before; else nil. See [Source].
	Ends []uint32
}

// Len returns the number of rows.
func (r *Rows) Len() int {
	if r.Width == 0 {
		return 0
	}
	return len(r.Cells) / r.Width
}

// Cell returns the text of a cell. The slice is a part of Buf.
func (r *Rows) Cell(row, col int) []byte {
	ref := r.Cells[row*r.Width+col]
	return r.Buf[ref.Off : ref.Off+ref.Len : ref.Off+ref.Len]
}

// WholeRow is the column of an [Exception] that concerns its row, not one cell.
const WholeRow = -1

// Exception says where a file departs from what its [Layout] would print: how
// one cell is spelled beyond its text, or how one row is. What the codes mean
// is the codec's own affair; exceptions travel with their rows. They are sorted
// by Row, Col, Code, and no two agree in all three.
type Exception struct {
	Row  int    // in a [Rows], from the batch's first row; in a [Group], from the group's
	Col  int    // the field's position, or WholeRow
	Code uint8  // the codec's
	Text []byte // the codec's; may be empty
}

// Layout is what a codec needs besides the rows to write the file back byte for
// byte, in the codec's own canonical encoding. It is at most [MaxLayout] bytes.
type Layout struct {
	Codec string // the codec's name, such as "csv"
	Data  []byte
}

// LayoutClash is one thing about how a table's file is written that two versions
// of it changed in two ways.
type LayoutClash struct {
	// Part names it, in a word of the codec's; empty if the codec takes layouts whole.
	Part string
	// Base, Ours and Theirs say for people what each version has.
	Base, Ours, Theirs string
	// Detail says in a sentence what happened, and what stands.
	Detail string
}

// Limits of format version 1.
const (
	MaxLayout  = 1 << 20 // bytes of a layout
	MaxFields  = 1 << 16 // fields of a table
	MaxCell    = 1 << 20 // bytes of one cell; a file with a longer one is no table
	MaxName    = 1 << 12 // bytes of a field's name or id
	GroupBytes = 4 << 20 // bytes of text that one column of a row group cannot be over
)
