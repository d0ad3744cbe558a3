package csv

import (
	"bytes"
	"math/bits"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/constl/constl/tabular"
)

// How much of a text decides about its layout: windowBytes, doubled up to
// maxWindow while there are fewer than windowLines line ends in it.
const (
	windowBytes = 256 << 10
	maxWindow   = 4 << 20
	windowLines = 8
)

// IsName reports whether a file of this name is to be tried as a table: whether
// it ends in .csv, .tsv, .tab or .psv, or in one of these and .gz, in any case of
// letters.
func IsName(name string) bool {
	switch extension(name) {
	case ".csv", ".tsv", ".tab", ".psv":
		return true
	}
	return false
}

// extension returns how the name of a file's text ends, in small letters.
func extension(name string) string {
	text, _ := isGzipName(name)
	return strings.ToLower(filepath.Ext(text))
}

// isGzipName reports whether the name is that of a compressed file, and returns
// the name of its text.
func isGzipName(name string) (text string, is bool) {
	end := filepath.Ext(name)
	if strings.ToLower(end) != ".gz" {
		return name, false
	}
	return name[:len(name)-len(end)], true
}

// delimiters in the order in which they are preferred, all else being equal.
const delimiters = ",\t;|"

// usualDelimiter is the delimiter that a file's name promises.
func usualDelimiter(name string) byte {
	switch extension(name) {
	case ".tsv", ".tab":
		return '\t'
	case ".psv":
		return '|'
	}
	return ','
}

// sniffed is what the beginning of a file says about it.
type sniffed struct {
	layout   Layout
	names    []string
	body     int  // where preamble and header end
	headOpen bool // the header's line has no end
}

// line is a line of the window: a row, as far as one can tell.
type line struct {
	start, end, next int // its text is start to end, the following line begins at next
	first, width     int // its cells
	hash             bool
}

type cell struct {
	start int
	span
}

// sheet is the window cut up by one dialect.
type sheet struct {
	d     dialect
	text  []byte
	lines []line // those that are not blank
	cells []cell

	// What quotes were seen.
	exact, odd int

	mode  int // the commonest width of a line that is no comment, the larger of equals
	count int // how many lines have it
	rows  int // how many lines are no comments
}

// sniff finds out how a file is written from the beginning of its text, of which
// whole says that it is all. It fails with [ErrNotTable].
func sniff(text []byte, whole bool, name string) (*sniffed, error) {
	if len(trim(text)) == 0 {
		return nil, notTable("the file is empty")
	}
	if nul := bytes.Count(text, []byte{0}); nul*50 > len(text) {
		return nil, notTable("the file is binary, or UTF-16 without a byte order mark")
	}
	sh, err := chooseSheet(text, whole, name)
	if err != nil {
		return nil, err
	}
	return describe(sh)
}

// chooseSheet finds the delimiter that makes the most of the text, and whether
// its quotes mean something.
func chooseSheet(text []byte, whole bool, name string) (*sheet, error) {
	end := sniffLineEnd(text)
	usual := usualDelimiter(name)
	candidates := delimiters
	if given := sepLine(text); given != 0 {
		candidates = string(given)
	}
	var best *sheet
	bestScore := uint64(0)
	for i := range len(candidates) {
		delim := candidates[i]
		if bytes.IndexByte(text, delim) < 0 {
			continue
		}
		sh := quotedOrNot(text, whole, delim, end)
		score := sh.score()
		if score > bestScore || score == bestScore && score > 0 && delim == usual {
			best, bestScore = sh, score
		}
	}
	if best != nil {
		if best.mode > tabular.MaxFields {
			return nil, notTable("%d fields, at most %d are allowed", best.mode, tabular.MaxFields)
		}
		return best, nil
	}
	return oneColumn(quotedOrNot(text, whole, usual, end))
}

// oneColumn accepts a file of one column only if it plainly is one.
func oneColumn(sh *sheet) (*sheet, error) {
	switch {
	case sh.rows == 0:
		return nil, notTable("there is no whole row in the first %d bytes", len(sh.text))
	case sh.mode != 1 || sh.count*10 < sh.rows*9:
		return nil, notTable("no delimiter makes rows of the same number of fields")
	case bytes.IndexByte([]byte("<{["), trim(sh.text)[0]) >= 0:
		return nil, notTable("the file looks like a document, not a table")
	}
	return sh, nil
}

// sepLine returns the delimiter that a first line such as "sep=;" names, or 0.
func sepLine(text []byte) byte {
	rest, ok := bytes.CutPrefix(text, []byte("sep="))
	if !ok || len(rest) < 2 || rest[1] != '\n' && rest[1] != '\r' || strings.IndexByte(delimiters, rest[0]) < 0 {
		return 0
	}
	return rest[0]
}

// sniffLineEnd reports whether lines end with a carriage return; if not, it says
// LF, which the rows may yet make CRLF.
func sniffLineEnd(text []byte) LineEnd {
	var outside, all [2]int // lines that end with CR, and others
	quoted := false
	for i, b := range text {
		switch {
		case b == '"':
			quoted = !quoted
			continue
		case b != '\r' && b != '\n':
			continue
		}
		kind := 1
		if b == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			kind = 0
		} else if b == '\r' {
			continue
		}
		all[kind]++
		if !quoted {
			outside[kind]++
		}
	}
	if outside == [2]int{} {
		outside = all
	}
	if outside[0] > outside[1] {
		return CR
	}
	return LF
}

// quotedOrNot cuts the text up by a delimiter, without regard to quotes if most
// cells that begin with one are not in quotes.
func quotedOrNot(text []byte, whole bool, delim byte, end LineEnd) *sheet {
	sh := newSheet(text, whole, dialect{delim: delim, quote: '"', end: end})
	if sh.odd > sh.exact {
		return newSheet(text, whole, dialect{delim: delim, end: end})
	}
	return sh
}

func newSheet(text []byte, whole bool, d dialect) *sheet {
	sh := &sheet{d: d, text: text}
	pos := 0
	if sepLine(text) != 0 {
		pos, _ = d.skipLine(text, 0)
	}
	for pos < len(text) {
		if n := d.lineEndAt(text, pos); n > 0 {
			pos += n
			continue
		}
		l, ok := sh.cut(pos)
		if !ok {
			// The rest of the window, if no quote was closed in it: in a whole file
			// or after so much text it is no cell of many lines.
			if whole || len(text)-pos > lookBack {
				sh.odd++
			}
			break
		}
		if l.next == l.end && !whole {
			sh.cells = sh.cells[:l.first]
			break
		}
		sh.lines = append(sh.lines, l)
		pos = l.next
	}
	sh.count, sh.rows, sh.mode = 0, 0, 0
	widths := make(map[int]int)
	for i := range sh.lines {
		if l := &sh.lines[i]; !l.hash {
			sh.rows++
			widths[l.width]++
		}
	}
	for width, n := range widths {
		if n > sh.count || n == sh.count && width > sh.mode {
			sh.mode, sh.count = width, n
		}
	}
	if sh.count*2 < sh.rows {
		sh.followHeader()
	}
	return sh
}

// followHeader takes the first line for the header of rows that are as wide or
// wider, as when a last column holds unquoted delimiters.
func (sh *sheet) followHeader() {
	var head *line
	wide := 0
	for i := range sh.lines {
		l := &sh.lines[i]
		switch {
		case l.hash:
		case head == nil:
			head = l
			wide++
		case l.width >= head.width:
			wide++
		}
	}
	if head.width < 2 || wide*10 < sh.rows*9 || !sh.allNames(head, head.width) {
		return
	}
	// That makes less sense than rows of one width, however few of those agree.
	sh.mode, sh.count = head.width, (sh.rows+1)/2
}

// allNames reports whether the first cells of a line could be names: texts, none
// of them twice.
func (sh *sheet) allNames(l *line, width int) bool {
	names := make(map[string]bool, width)
	for c := range width {
		text := sh.cellText(l, c)
		if kindOf(text) != kindText || names[string(text)] {
			return false
		}
		names[string(text)] = true
	}
	return true
}

// cut takes the row that begins at pos apart. ok is false if a quote is not closed.
func (sh *sheet) cut(pos int) (l line, ok bool) {
	l = line{start: pos, first: len(sh.cells), hash: sh.text[pos] == '#'}
	exact, odd := sh.exact, sh.odd
	for at := pos; ; at++ {
		s := sh.d.cell(sh.text, at)
		if s.open {
			sh.cells = sh.cells[:l.first]
			if l.hash {
				break
			}
			return l, false
		}
		if s.exact() {
			exact++
		} else if s.close != 0 {
			odd++
		}
		sh.cells = append(sh.cells, cell{start: at, span: s})
		if at = s.end; at == len(sh.text) || sh.text[at] != sh.d.delim {
			l.end = at
			break
		}
	}
	l.width = len(sh.cells) - l.first
	l.next = l.end + sh.d.lineEndAt(sh.text, l.end)
	// A comment ends with its line, whatever quotes are in it.
	if next, _ := sh.d.skipLine(sh.text, pos); l.hash && (l.width == 0 || next != l.next) {
		sh.cells = sh.cells[:l.first]
		l.width, l.next, l.end = 0, next, next
		for l.end > pos && (sh.text[l.end-1] == '\n' || sh.text[l.end-1] == '\r') {
			l.end--
		}
		return l, true
	}
	sh.exact, sh.odd = exact, odd
	return l, true
}

// score says how much sense a delimiter makes: how many rows have the same
// number of fields, and how many fields that is. A delimiter by which most rows
// have one field, or only a minority agrees, scores 0. It counts in integers, so
// that it is the same on every machine.
func (sh *sheet) score() uint64 {
	if sh.mode < 2 || sh.count*2 < sh.rows {
		return 0
	}
	share := uint64(sh.count) << 16 / uint64(sh.rows)
	exponent := bits.Len(uint(sh.mode)) - 1
	logarithm := uint64(16*exponent + sh.mode<<4>>exponent - 16)
	bonus := uint64(4)
	for i := range sh.lines {
		if l := &sh.lines[i]; !l.hash {
			if l.width == sh.mode {
				bonus = 5
			}
			break
		}
	}
	return share * share * logarithm * bonus
}

// cellText returns the text of a cell; of one that the line does not have, none.
func (sh *sheet) cellText(l *line, col int) []byte {
	if col >= l.width {
		return nil
	}
	c := &sh.cells[l.first+col]
	return c.appendText(nil, sh.text, c.start)
}

// sniffEncoding takes a text that is not UTF-8 for Windows-1252.
func sniffEncoding(text []byte) Encoding {
	if utf8.Valid(text) {
		return UTF8
	}
	valid, invalid := 0, 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			// A character may be cut off at the end of the window.
			if !utf8.FullRune(text[i:]) {
				return pickEncoding(valid, invalid)
			}
			invalid++
		case n > 1:
			valid++
		}
		i += n
	}
	return pickEncoding(valid, invalid)
}

func pickEncoding(valid, invalid int) Encoding {
	if invalid > valid {
		return Windows1252
	}
	return UTF8
}
