package merge

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// IsText reports whether bytes are a text that [Texts] merges by line: UTF-8
// without NUL.
func IsText(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }

// Texts merges three versions of a text line by line. Lines that both sides
// changed in two ways are those of ours, and a conflict of [KindLines] says what
// each side has, Row being the number of the first such line in the result. Line
// ends are merged apart from the lines, so that a change of all of them is no
// change of the lines. base is nil if both sides added the text. The result may
// share memory with the arguments.
func Texts(base, ours, theirs []byte) (merged []byte, conflicts []Conflict) {
	switch {
	case bytes.Equal(ours, theirs), base != nil && bytes.Equal(theirs, base):
		return ours, nil
	case base != nil && bytes.Equal(ours, base):
		return theirs, nil
	}
	b, o, t := splitText(base), splitText(ours), splitText(theirs)
	m := lineMerge{end: mergeProperty(base != nil, b.end, o.end, t.end),
		closed: mergeProperty(base != nil, b.closed, o.closed, t.closed)}
	m.run(b.lines, o.lines, t.lines)
	return m.bytes(), m.conflicts
}

// mergeProperty merges what a text has one of. Of two changes that differ the
// smaller wins: neither is worth a conflict.
func mergeProperty[T ~string](hasBase bool, base, ours, theirs T) T {
	merged, ok := mergeDefinition(hasBase, base, ours, theirs)
	if ok {
		return merged
	}
	return min(ours, theirs)
}

// text is a text taken apart. Lines that end in another way than most keep the
// difference, a carriage return, as a part of them.
type text struct {
	lines  []string
	end    string // what ends the lines
	closed string // the end of the last line: end, or empty
}

func splitText(data []byte) text {
	t := text{end: "\n"}
	all := strings.Count(string(data), "\n")
	if all > 0 && 2*strings.Count(string(data), "\r\n") > all {
		t.end = "\r\n"
	}
	rest := string(data)
	if strings.HasSuffix(rest, t.end) {
		t.closed, rest = "closed", strings.TrimSuffix(rest, t.end)
	} else if rest == "" {
		return t
	}
	t.lines = strings.Split(rest, t.end)
	return t
}

type lineMerge struct {
	end, closed string
	out         []string
	conflicts   []Conflict
}

func (m *lineMerge) bytes() []byte {
	s := strings.Join(m.out, m.end)
	if m.closed != "" && len(m.out) > 0 {
		s += m.end
	}
	return []byte(s)
}

// run walks the stretches between lines that all three have.
func (m *lineMerge) run(base, ours, theirs []string) {
	chunks(base, ours, theirs, func(s string) string { return s }, func(c chunk) {
		b, o, t := base[c.base.from:c.base.to], ours[c.ours.from:c.ours.to], theirs[c.theirs.from:c.theirs.to]
		switch {
		case c.stable, slices.Equal(b, t), slices.Equal(o, t):
			m.out = append(m.out, o...)
		case slices.Equal(b, o):
			m.out = append(m.out, t...)
		default:
			m.merge(b, o, t)
		}
	})
}

func (m *lineMerge) merge(b, o, t []string) {
	head, tail := commonEnds(o, t)
	m.out = append(m.out, o[:head]...)
	after := o[len(o)-tail:]
	o, t = o[head:len(o)-tail], t[head:len(t)-tail]
	switch {
	case len(o)+len(t) == 0:
	case len(b) == 0 && len(o) == 0, len(b) == 0 && len(t) == 0:
		// Both inserted one text, and one side more.
		m.out = append(append(m.out, o...), t...)
	default:
		m.conflicts = append(m.conflicts, Conflict{Kind: KindLines, Row: int64(len(m.out)) + 1,
			Base: Version{Present: len(b) > 0, Text: strings.Join(b, "\n")},
			Ours: Version{Present: len(o) > 0, Text: strings.Join(o, "\n")}, Theirs: Version{Present: len(t) > 0, Text: strings.Join(t, "\n")}})
		m.out = append(m.out, o...)
	}
	m.out = append(m.out, after...)
}

func commonEnds[T comparable](a, b []T) (head, tail int) {
	n := min(len(a), len(b))
	for head < n && a[head] == b[head] {
		head++
	}
	for tail < n-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head, tail
}

// chunk is a stretch of three sequences; stable where all three have the same.
type chunk struct {
	stable             bool
	base, ours, theirs span
}

// chunks calls each for the stretches of three sequences in order. Elements are
// the same if their classes are.
func chunks[T any](base, ours, theirs []T, class func(T) string, each func(chunk)) {
	numbers := make(map[string]int32)
	number := func(list []T) []int32 {
		out := make([]int32, len(list))
		for i, v := range list {
			key := class(v)
			n, ok := numbers[key]
			if !ok {
				n = int32(len(numbers))
				numbers[key] = n
			}
			out[i] = n
		}
		return out
	}
	b, o, t := number(base), number(ours), number(theirs)
	inOurs, inTheirs := partners(b, o), partners(b, t)
	var from [3]int
	emit := func(to [3]int, stable bool) {
		if to != from {
			each(chunk{stable, span{from[0], to[0]}, span{from[1], to[1]}, span{from[2], to[2]}})
		}
		from = to
	}
	for i := 0; i < len(b); i++ {
		if inOurs[i] < 0 || inTheirs[i] < 0 {
			continue
		}
		emit([3]int{i, int(inOurs[i]), int(inTheirs[i])}, false)
		emit([3]int{i + 1, int(inOurs[i]) + 1, int(inTheirs[i]) + 1}, true)
	}
	emit([3]int{len(b), len(o), len(t)}, false)
}

func partners(base, side []int32) []int32 {
	out := make([]int32, len(base))
	for i := range out {
		out[i] = -1
	}
	for _, p := range align(base, side) {
		out[p.a] = p.b
	}
	return out
}
