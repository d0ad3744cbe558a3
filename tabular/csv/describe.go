package csv

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/constl/constl/tabular"
)

// describe makes a layout of a window that was cut up by the right dialect.
func describe(sh *sheet) (*sniffed, error) {
	head, rows := sh.findHead()
	s := &sniffed{}
	l := &s.layout
	l.Encoding = sniffEncoding(sh.text)
	l.Delimiter, l.Quote = sh.d.delim, sh.d.quote
	width := sh.mode
	if head != nil {
		width = max(width, sh.trimmedWidth(head))
		s.body = head.next
		l.Header = true
		l.Preamble = slices.Clip(sh.text[:head.start])
		s.headOpen = head.next == head.end
	} else {
		s.body = rows[0].start
		l.Preamble = slices.Clip(sh.text[:s.body])
	}
	if width > tabular.MaxFields {
		return nil, notTable("%d fields, at most %d are allowed", width, tabular.MaxFields)
	}
	l.Preamble = bytes.Clone(l.Preamble)
	l.LineEnd = sh.lineEnd(head, rows)
	l.HeaderEnd = l.LineEnd
	l.Comment = sh.comment(head, rows, s.body)
	l.BareQuotes = sh.bareQuotes(rows)
	if l.Quote == 0 {
		l.Rules = make([]Rule, width)
	} else {
		l.Rules = sh.rules(rows, width, l)
	}
	if head == nil {
		s.names = make([]string, width)
		for i := range s.names {
			s.names[i] = "column" + strconv.Itoa(i+1)
		}
		return s, nil
	}
	return s, s.describeHeader(sh, head, width)
}

func (s *sniffed) describeHeader(sh *sheet, head *line, width int) error {
	l := &s.layout
	s.names = make([]string, width)
	quoted := 0
	for i := range s.names {
		s.names[i] = string(sh.cellText(head, i))
		if len(s.names[i]) > tabular.MaxName {
			return notTable("a field name of %d bytes, at most %d are allowed", len(s.names[i]), tabular.MaxName)
		}
		if i < head.width && sh.cells[head.first+i].close != 0 {
			quoted++
		}
	}
	if l.Quote != 0 && quoted*2 > head.width {
		l.HeaderRule = Always
	}
	p := Printer{layout: l, d: l.dialect()}
	raw := sh.text[head.start:head.end]
	if !bytes.Equal(p.appendHeader(nil, s.names), raw) {
		l.HeaderText = bytes.Clone(raw)
	}
	if end := string(sh.text[head.end:head.next]); end != "" && end != l.LineEnd.String() {
		l.HeaderEnd = lineEndOf(end)
	}
	return nil
}

func lineEndOf(text string) LineEnd {
	switch text {
	case "\r\n":
		return CRLF
	case "\r":
		return CR
	}
	return LF
}

// lineEnd returns how most lines of header and rows end. A text whose lines end
// with a carriage return was found out before: in any other that is no line end.
func (sh *sheet) lineEnd(head *line, rows []line) LineEnd {
	var votes [lineEnds]int
	vote := func(l *line) {
		if l.next > l.end {
			votes[lineEndOf(string(sh.text[l.end:l.next]))]++
		}
	}
	for i := range rows {
		vote(&rows[i])
	}
	if head != nil {
		vote(head)
	}
	switch {
	case sh.d.end == CR:
		return CR
	case votes[CRLF] > votes[LF]:
		return CRLF
	}
	return LF
}

// comment returns '#' if lines that begin with it are plainly comments.
func (sh *sheet) comment(head *line, rows []line, body int) byte {
	comments := 0
	for i := range sh.lines {
		l := &sh.lines[i]
		if !l.hash || head != nil && l.start == head.start {
			continue
		}
		if l.start >= body && l.width == sh.mode {
			return 0
		}
		comments++
	}
	if comments == 0 {
		return 0
	}
	return '#'
}

// trimmedWidth is the number of a line's cells but for empty ones at its end.
func (sh *sheet) trimmedWidth(l *line) int {
	n := l.width
	for n > 0 && len(sh.cellText(l, n-1)) == 0 {
		n--
	}
	return n
}

// findHead returns the header, or nil, and the lines below it. Without a header
// there is at least one. Some line has the sheet's mode, which is its width.
func (sh *sheet) findHead() (*line, []line) {
	f := 0
	for f < len(sh.lines) && (sh.lines[f].hash || sh.lines[f].width != sh.mode) {
		f++
	}
	at, below := &sh.lines[f], sh.lines[f+1:]
	headLike := sh.looksHeader(at, below)
	if f > 0 {
		above := &sh.lines[f-1]
		switch {
		case above.hash && above.width == sh.mode && !headLike:
			return above, sh.lines[f:]
		case !above.hash && sh.isRaggedHeader(above, at, below, headLike):
			return above, sh.lines[f:]
		}
	}
	if headLike {
		return at, below
	}
	return nil, sh.lines[f:]
}

// isRaggedHeader reports whether the line above the first row of the usual width
// is a header with fewer or more cells, and not a title.
func (sh *sheet) isRaggedHeader(above, at *line, below []line, headLike bool) bool {
	width := sh.trimmedWidth(above)
	if width < 2 || width*2 < sh.mode+1 || !sh.allNames(above, width) {
		return false
	}
	// Where texts stand all the way down, what has the rows' width is likelier
	// the header, unless the line above is very nearly as wide.
	return !headLike || width+1 >= sh.mode && sh.mode > 3 && !sh.contrasts(at, below)
}

// kind is what a cell looks like.
type kind uint8

const (
	kindEmpty kind = iota
	kindNumber
	kindDate
	kindText
)

func kindOf(text []byte) kind {
	text = trim(text)
	switch {
	case len(text) == 0 || isMissing(text):
		return kindEmpty
	case isNumber(text):
		return kindNumber
	case looksDate(text):
		return kindDate
	}
	return kindText
}

// trim returns the text without the white space of ASCII around it.
func trim(text []byte) []byte { return bytes.Trim(text, " \t\r\n\v\f") }

// looksDate reports whether a text is made of digits and what stands between
// them in dates, times, and numbers with commas.
func looksDate(text []byte) bool {
	if len(text) < 3 || text[0] < '0' || text[0] > '9' {
		return false
	}
	for _, b := range text {
		if (b < '0' || b > '9') && bytes.IndexByte([]byte("-/.,:TZ+ "), b) < 0 {
			return false
		}
	}
	return true
}

// sampleLines is how many lines below a header are looked at to tell it from a row.
const sampleLines = 64

// votes counts the columns in which a line looks like a name above values, and
// those in which it looks like one of the values.
func (sh *sheet) votes(at *line, below []line) (names, values int) {
	below = below[:min(len(below), sampleLines)]
	years := sh.countsUp(at)
	for c := range at.width {
		text := sh.cellText(at, c)
		own := kindOf(text)
		if own == kindEmpty || years && own == kindNumber {
			continue
		}
		var kinds [kindText + 1]int
		total, again := 0, false
		for i := range below {
			if below[i].width != sh.mode {
				continue
			}
			other := sh.cellText(&below[i], c)
			if k := kindOf(other); k != kindEmpty {
				kinds[k]++
				total++
				again = again || bytes.Equal(text, other)
			}
		}
		switch common := kinds[kindNumber] + kinds[kindDate]; {
		case own == kindText && again:
			values++
		case own == kindText && total > 0 && common*10 >= total*9:
			names++
		case own != kindText && (total == 0 || kinds[own]*10 >= total*9):
			values++
		}
	}
	return names, values
}

// countsUp reports whether the numbers of a line are years that count up, as
// above the columns of a wide table.
func (sh *sheet) countsUp(at *line) bool {
	n, last, step := 0, 0, 0
	for c := range at.width {
		text := sh.cellText(at, c)
		if kindOf(text) != kindNumber {
			continue
		}
		year, err := strconv.Atoi(string(text))
		if err != nil || year < 1000 || year > 2999 || n > 0 && year <= last || n > 1 && year-last != step {
			return false
		}
		if n > 0 {
			step = year - last
		}
		last = year
		n++
	}
	return n >= 3 && n < at.width
}

// looksHeader reports whether a line is a header above the lines below it. In
// doubt it is: files with these names mostly have one.
func (sh *sheet) looksHeader(at *line, below []line) bool {
	names, values := sh.votes(at, below)
	return names >= values
}

// contrasts reports whether a line looks like names above values of other kinds.
func (sh *sheet) contrasts(at *line, below []line) bool {
	names, values := sh.votes(at, below)
	return names > values
}

// bareQuotes reports whether a quote inside a cell is more often written as it
// is than by quotes around the cell.
func (sh *sheet) bareQuotes(rows []line) bool {
	if sh.d.quote == 0 {
		return false
	}
	bare, quoted := 0, 0
	strict, free := sh.d, sh.d
	free.bare = true
	for i := range rows {
		for c := range rows[i].width {
			x := &sh.cells[rows[i].first+c]
			if x.close == 0 && x.special && bytes.IndexByte(sh.text[x.start:x.end], '"') >= 0 {
				bare++
			}
			if x.exact() && x.doubled {
				text := sh.cellText(&rows[i], c)
				if strict.needs(text, false, false) && !free.needs(text, false, false) {
					quoted++
				}
			}
		}
	}
	return bare > quoted
}

// rules finds for each field which classes of cells stand in quotes without need.
func (sh *sheet) rules(rows []line, width int, l *Layout) []Rule {
	d := l.dialect()
	votes := make([][4]int, width) // by class: cells in quotes less cells without
	var all [2][4]int              // the same over fields whose values have no quotes, and have
	for i := range rows {
		row := &rows[i]
		if l.Comment != 0 && row.hash {
			continue
		}
		for c := range min(row.width, width) {
			x := &sh.cells[row.first+c]
			text := sh.cellText(row, c)
			class := classIndex(classOf(text))
			switch {
			case x.plain():
				votes[c][class]--
			case x.exact() && !d.needs(text, c == 0, row.width == 1):
				votes[c][class]++
			}
		}
	}
	for c := range votes {
		main := mainVote(&votes[c])
		for class, n := range votes[c] {
			all[main][class] += n
		}
	}
	rules := make([]Rule, width)
	for c := range votes {
		rules[c] = ruleOf(&votes[c], &all)
	}
	return rules
}

func classIndex(class Rule) int {
	switch class {
	case QuoteEmpty:
		return 0
	case QuoteMissing:
		return 1
	case QuoteNumber:
		return 2
	}
	return 3
}

// mainVote reports, as 0 or 1, whether a field's values stand in quotes: its
// texts, or if it has none its numbers.
func mainVote(votes *[4]int) int {
	for _, class := range []int{3, 2} {
		if votes[class] != 0 {
			return boolIndex(votes[class] > 0)
		}
	}
	return 0
}

func boolIndex(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ruleOf makes a rule of a field's votes. What was not seen in the field is taken
// to be as it is in fields like it, or as the field's values are.
func ruleOf(votes *[4]int, all *[2][4]int) Rule {
	main := mainVote(votes)
	rule := Minimal
	for class, n := range votes {
		if n == 0 && class < 2 {
			n = all[main][class]
		}
		if n == 0 {
			n = 2*main - 1
		}
		if n > 0 {
			rule |= 1 << class
		}
	}
	return rule
}
