package tabular

// What a key is inferred from.
const (
	keySampleRows = 1 << 12 // rows that are looked at, at most
	keyFewRows    = 5       // with fewer, only a name that says so makes a key
	keySomeRows   = 10      // with fewer, columns together make none
	keyManyRows   = 20      // with fewer, a column without such a name makes none
	keyColumns    = 6       // columns from the left that are tried together
	keyMaxLen     = 128     // bytes of a cell of a key
	keyEvidence   = 8       // pairs of rows that chance would have made equal, none of which is
)

// keyColumn is a column that might belong to a key: no cell of it is missing,
// and it holds neither decimals nor long texts.
type keyColumn struct {
	pos      int
	rank     rank
	class    Class
	codes    []uint16
	distinct int
	pairs    int // of rows that agree in it
}

// InferKey returns the positions, ascending, of the columns that look like the
// table's primary key in its first rows, or none. names are the fields' names.
// It sees a sample only: whether the key is unique in the whole table is for the
// caller to find out. A key that is wrong does more harm than none, so columns
// that tell the rows apart merely by chance are not taken:
//
//  1. The first column with the name of a row's own id ("id", "sample_id"), if unique.
//  2. The first column with the name of an id, a code, a name or a date, if unique.
//  3. The same, as what groups rows, with the one or two columns of such names
//     to its right that are nearly unique, an id or code among them.
//  4. Two or three of the first columns that say where, when or for whom a row
//     holds, if the rows would not differ in them by chance.
//  5. The first column of all, if it is unique and holds neither numbers nor times of day.
func InferKey(sample Rows, names []string) []int {
	rows := min(sample.Len(), keySampleRows)
	if rows == 0 {
		return nil
	}
	k := keySearch{rows: rows}
	k.collect(&sample, names)
	for _, find := range []func() ([]int, bool){k.rowID, k.leading, k.grouped, k.dimensions, k.first} {
		if cols, done := find(); done {
			return cols
		}
	}
	return nil
}

type keySearch struct {
	rows  int
	cols  []keyColumn
	named int // position of the first column that has a name, or -1
}

// collect finds the columns that may belong to a key.
func (k *keySearch) collect(sample *Rows, names []string) {
	k.named = -1
	var t dictionary
	for pos := range min(sample.Width, len(names)) {
		if names[pos] == "" {
			continue
		}
		if k.named < 0 {
			k.named = pos
		}
		rank := nameRank(names[pos])
		if rank == rankNone && pos >= keyColumns {
			continue
		}
		if c, ok := k.column(sample, pos, &t); ok {
			c.rank = rank
			k.cols = append(k.cols, c)
		}
	}
}

// column looks at the cells of one column. It is not ok if the column cannot
// belong to a key.
func (k *keySearch) column(sample *Rows, pos int, t *dictionary) (keyColumn, bool) {
	var cells Cells
	for row := range k.rows {
		text := sample.Cell(row, pos)
		if len(text) > keyMaxLen || isMissing(text) {
			return keyColumn{}, false
		}
		cells.Append(text)
	}
	t.build(cells, k.rows, k.rows)
	class := anyClass
	for _, at := range t.first {
		class &= classOf(cells.At(int(at)))
	}
	decimal := class&ClassNumber != 0 && class&ClassInteger == 0
	return keyColumn{
		pos:      pos,
		class:    class,
		codes:    append([]uint16(nil), t.codes...),
		distinct: len(t.first),
		pairs:    equalPairs(t.codes, len(t.first)),
	}, !decimal
}

func equalPairs(codes []uint16, distinct int) int {
	counts := make([]int, distinct)
	pairs := 0
	for _, code := range codes {
		pairs += counts[code]
		counts[code]++
	}
	return pairs
}

func (k *keySearch) unique(c *keyColumn) bool { return c.distinct == k.rows }

// nearlyUnique reports whether nine of ten rows have a value of their own.
func (k *keySearch) nearlyUnique(c *keyColumn) bool { return c.distinct*10 >= k.rows*9 }

func (k *keySearch) rowID() ([]int, bool) {
	for i := range k.cols {
		if c := &k.cols[i]; c.rank == rankRow && k.unique(c) {
			return []int{c.pos}, true
		}
	}
	return nil, false
}

// leading tries the first column that is named as one that identifies. An id
// that is unique but for a few rows is a key with mistakes in it, and nothing
// else is one then.
func (k *keySearch) leading() ([]int, bool) {
	c := k.identifying(0)
	if c == nil {
		return nil, false
	}
	switch {
	case k.unique(c) && (k.rows >= keyFewRows || c.rank >= rankCode):
		return []int{c.pos}, true
	case k.nearlyUnique(c) && c.rank >= rankCode:
		return nil, true
	}
	return nil, k.rows < keySomeRows
}

// identifying returns the first column from the i-th on whose name says that it
// identifies something, or nil.
func (k *keySearch) identifying(i int) *keyColumn {
	for ; i < len(k.cols); i++ {
		if k.cols[i].rank >= rankName {
			return &k.cols[i]
		}
	}
	return nil
}

// grouped tries the leading column with those that nearly identify a row. That
// one of them would do in this table does not mean that it will in the next
// version, so both are taken.
func (k *keySearch) grouped() ([]int, bool) {
	lead := k.identifying(0)
	if lead == nil || k.rows < keySomeRows || k.nearlyUnique(lead) {
		return nil, false
	}
	key := []*keyColumn{lead}
	code := false
	for i := range k.cols {
		c := &k.cols[i]
		if c.pos <= lead.pos || c.rank < rankName || !k.nearlyUnique(c) {
			continue
		}
		if len(key) == 3 {
			if code || c.rank < rankCode {
				continue
			}
			key = key[:2]
		}
		key = append(key, c)
		code = code || c.rank >= rankCode
	}
	if len(key) == 1 || !code || !k.together(key) {
		return nil, false
	}
	return positions(key), true
}

// dimensions tries the first columns that divide the table, two or three together.
func (k *keySearch) dimensions() ([]int, bool) {
	if k.rows < keySomeRows {
		return nil, false
	}
	var cols []*keyColumn
	for i := range k.cols {
		c := &k.cols[i]
		divides := c.rank >= rankDimension || c.class&(ClassInteger|ClassTime|ClassBoolean) == 0
		if divides && c.distinct > 1 && c.pos < 2*keyColumns && len(cols) < keyColumns {
			cols = append(cols, c)
		}
	}
	for i, a := range cols {
		for _, b := range cols[i+1:] {
			if key := []*keyColumn{a, b}; k.tellsApart(key) {
				return positions(key), true
			}
		}
	}
	for i, a := range cols {
		for j, b := range cols[i+1:] {
			for _, c := range cols[i+j+2:] {
				if key := []*keyColumn{a, b, c}; k.tellsApart(key) {
					return positions(key), true
				}
			}
		}
	}
	return nil, false
}

// tellsApart reports whether the columns differ in every pair of rows, where
// chance alone would have left several pairs that agree.
func (k *keySearch) tellsApart(key []*keyColumn) bool {
	all := float64(k.rows) * float64(k.rows-1) / 2
	expected := all
	for _, c := range key {
		expected *= float64(c.pairs) / all
	}
	return expected >= keyEvidence && k.together(key)
}

// together reports whether the columns together are unique.
func (k *keySearch) together(key []*keyColumn) bool {
	seen := make(map[uint64]struct{}, k.rows)
	for row := range k.rows {
		var code uint64
		for _, c := range key {
			code = code<<16 | uint64(c.codes[row])
		}
		if _, twice := seen[code]; twice {
			return false
		}
		seen[code] = struct{}{}
	}
	return true
}

func (k *keySearch) first() ([]int, bool) {
	if len(k.cols) == 0 || k.rows < keyManyRows {
		return nil, false
	}
	c := &k.cols[0]
	plain := c.class&(ClassNumber|ClassBoolean|ClassTime) == 0
	if c.pos != k.named || !plain || !k.unique(c) {
		return nil, false
	}
	return []int{c.pos}, true
}

func positions(key []*keyColumn) []int {
	cols := make([]int, len(key))
	for i, c := range key {
		cols[i] = c.pos
	}
	return cols
}
