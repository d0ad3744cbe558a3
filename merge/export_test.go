package merge

// LeaveCells has regions of so many rows merged without their cells being held.
func (o Options) LeaveCells(rows int) *Options {
	o.farFrom = rows
	return &o
}
