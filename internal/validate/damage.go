package validate

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"regexp"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
)

// traits are what is strange, or telling, about one text. They depend on nothing
// but the text.
type traits uint16

const (
	traitStray     traits = 1 << iota // blanks in front or behind
	traitInvisible                    // characters that nobody sees
	traitMixed                        // letters of two scripts that look alike, in one word
	traitForeign                      // nothing but letters that look like Latin ones
	traitLatin                        // Latin letters
	traitDate                         // a date as spreadsheet programs write it
	traitRounded                      // a whole number in exponential form
	traitComma                        // a number with a decimal comma
	traitPoint                        // a number with a decimal point
	traitDigits                       // nothing but digits
	traitZero                         // nothing but digits, the first of them 0
	traitYear                         // a year, as a number of its own
)

// damagePlan looks for what spreadsheet programs do to texts in one column.
type damagePlan struct {
	col      int
	checks   map[traits]int // by trait: the number of the check
	zeros    int            // the check for lost zeros, -1 if there is none
	onChange map[string]int // by id: checks of what a change did
}

// maxID is the longest id, in digits, that is looked at for lost zeros.
const maxID = 24

// damageStats is what the texts of a column look like.
type damageStats struct {
	values  int64
	of      [16]int64 // by trait, as the position of its bit
	lengths [maxID]idLength
}

// idLength is how many ids of digits alone have a length.
type idLength struct {
	zero int64 // those that begin with 0
	rest tally
}

func (s *damageStats) count(t traits) int64 {
	for i := range s.of {
		if t == 1<<i {
			return s.of[i]
		}
	}
	return 0
}

// planDamage plans the warnings for a column.
func (p *plan) planDamage(c *columnPlan, f *field, name string) {
	d := &damagePlan{col: c.col, checks: make(map[traits]int), zeros: -1, onChange: make(map[string]int)}
	warn := func(rule, expected string, message string) int {
		if slices.Contains(f.Constl.Allow, rule) || slices.Contains(f.Constl.Allow, "*") {
			return -1
		}
		return p.addCheck(check{rule: rule, severity: SeverityWarning, field: name, expected: expected,
			message: func(v string) string { return fmt.Sprintf("%q %s", v, message) }})
	}
	d.onChange[RuleDate] = warn(RuleDate, "the text that it was", "")
	d.onChange[RuleZeros] = warn(RuleZeros, "the zeros that it had in front", "")
	d.onChange[RuleRounded] = warn(RuleRounded, "all digits of the number", "")
	d.onChange[RuleComma] = warn(RuleComma, "the decimal point that it had", "")
	p.damages = append(p.damages, d)
	if known := p.table.Schema.Fields[c.col].Type; f.Type == "" && known != tabular.TypeString && known != tabular.TypeAny {
		return // as it was inferred
	}
	if c.typ.kind != expr.Text || f.Type != "" && f.Type != "string" && f.Type != "any" {
		return
	}
	c.damage = d
	for _, w := range []struct {
		trait             traits
		rule              string
		expected, message string
	}{
		{traitStray, RuleStraySpace, "no blanks in front or behind", "begins or ends with a blank"},
		{traitInvisible, RuleInvisible, "characters that can be seen", "has characters that nobody sees"},
		{traitMixed, RuleLookAlike, "letters of one script", "has letters of two scripts that look alike"},
		{traitForeign, RuleLookAlike, "Latin letters, as in the rest of the column", "is written in letters of another script that look Latin"},
		{traitDate, RuleDate, "a text as in the rest of the column", "looks like a date that a spreadsheet program made of a name or an id"},
		{traitRounded, RuleRounded, "all digits of the number", "looks like a long number that a spreadsheet program has rounded"},
		{traitComma, RuleComma, "a decimal point, as in most of the column", "has a decimal comma"},
		{traitPoint, RuleComma, "a decimal comma, as in most of the column", "has a decimal point"},
	} {
		if n := warn(w.rule, w.expected, w.message); n >= 0 {
			d.checks[w.trait] = n
		}
	}
	d.zeros = warn(RuleZeros, "as many digits as the other ids have, with zeros in front", "is shorter than the other ids, some of which begin with 0")
}

// damage looks at the texts of a column.
func (s *scanner) damage(c *columnPlan, cells tabular.Cells, states []state) {
	st, d := &s.stats[c.col], c.damage
	m := &s.seen[c.col]
	if m.slots == nil {
		*m = memo{maphash.MakeSeed(), make([]memoSlot, memoSlots)}
	}
	// What is sure, since the base had another text there, need not be suspected too.
	sure := func(row int64, t traits) bool {
		return s.p.sure != nil && s.p.sure[c.col] != nil && t&(traitDate|traitRounded) != 0 && s.p.sure[c.col].has(row)
	}
	for i, state := range states {
		if state != stateValue {
			continue
		}
		text := cells.At(i)
		t := traits(m.look(text, func() uint32 { return uint32(traitsOf([]byte(s.p.text(text)))) }))
		st.values++
		if t == 0 {
			continue
		}
		row := s.first + int64(i)
		for k := range st.of {
			if t&(1<<k) != 0 {
				st.of[k]++
				if n, ok := d.checks[1<<k]; ok && !sure(row, 1<<k) {
					s.found.add(n, row, text)
				}
			}
		}
		if t&traitDigits == 0 || len(text) >= maxID || d.zeros < 0 {
			continue
		}
		if l := &st.lengths[len(text)]; t&traitZero != 0 {
			l.zero++
		} else if l.rest.count++; len(l.rest.first) < s.p.o.Limit {
			l.rest.first = append(l.rest.first, hit{row: row, value: string(text)})
		}
	}
}

// join adds what is known of later rows.
func (s *damageStats) join(o *damageStats, limit int) {
	s.values += o.values
	for i := range s.of {
		s.of[i] += o.of[i]
	}
	for i := range s.lengths {
		a, b := &s.lengths[i], &o.lengths[i]
		a.zero += b.zero
		a.rest.count += b.rest.count
		a.rest.first = append(a.rest.first, b.rest.first[:min(len(b.rest.first), limit-len(a.rest.first))]...)
	}
}

// doubtful reports whether the rest of the column must be known to judge what was
// found.
func (s *damageStats) doubtful() bool {
	for _, t := range []traits{traitDate, traitRounded, traitForeign, traitComma, traitPoint} {
		if s.count(t) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(s.lengths[:], func(l idLength) bool { return l.rest.count > 0 })
}

// decideDamage drops the warnings that the rest of the column speaks against.
func (p *plan) decideDamage(ctx context.Context, stats []damageStats, found *tallies) error {
	for _, c := range p.columns {
		if c.damage == nil {
			continue
		}
		own, whole := &stats[c.col], &stats[c.col]
		if p.changed != nil && own.doubtful() {
			var err error
			if whole, err = p.columnStats(ctx, c); err != nil {
				return err
			}
		}
		c.damage.decide(own, whole, found)
	}
	return nil
}

// columnStats looks at all texts of a column.
func (p *plan) columnStats(ctx context.Context, c *columnPlan) (*damageStats, error) {
	all := &damageStats{}
	var spare sync.Pool
	quiet := &damagePlan{col: c.col, zeros: c.damage.zeros}
	plain := &columnPlan{col: c.col, typ: c.typ, missing: c.missing, required: -1, wrongType: c.wrongType, damage: quiet}
	err := tabular.MapGroups(ctx, p.table, 0, func(ctx context.Context, g *tabular.Group) (*damageStats, error) {
		s, ok := spare.Get().(*scanner)
		if !ok {
			s = newScanner(p)
		}
		defer spare.Put(s)
		s.begin(g)
		cells, err := g.Cells(ctx, c.col)
		if err != nil {
			return nil, err
		}
		s.column(plain, cells)
		return &s.stats[c.col], nil
	}, func(s *damageStats) error {
		all.join(s, p.o.Limit)
		return nil
	})
	return all, err
}

// decide drops the warnings about some cells that the whole column speaks against.
func (d *damagePlan) decide(own, whole *damageStats, found *tallies) {
	drop := func(t traits, unless bool) {
		if n, ok := d.checks[t]; ok && !unless {
			found.of[n] = tally{}
		}
	}
	few := func(t traits) bool { return whole.values >= 4 && whole.count(t)*4 <= whole.values }
	drop(traitDate, few(traitDate) && few(traitYear)) // among years a date is at home
	drop(traitRounded, whole.values >= 2 && whole.count(traitRounded)*2 <= whole.values)
	drop(traitForeign, whole.count(traitLatin)*10 >= (whole.count(traitLatin)+whole.count(traitForeign))*9)
	comma, point := whole.count(traitComma), whole.count(traitPoint)
	numbers := (comma+point+whole.count(traitDigits))*10 >= whole.values*9 && comma > 0 && point > 0
	drop(traitComma, numbers && comma <= point)
	drop(traitPoint, numbers && comma > point)
	if d.zeros < 0 {
		return
	}
	total, best := int64(0), 0
	for i := range whole.lengths {
		n := whole.lengths[i].zero + whole.lengths[i].rest.count
		total += n
		if n >= whole.lengths[best].zero+whole.lengths[best].rest.count {
			best = i
		}
	}
	if l := &whole.lengths[best]; total*10 < whole.values*9 || l.zero == 0 || (l.zero+l.rest.count)*10 < total*9 {
		return
	}
	for i := range best {
		found.merge(d.zeros, own.lengths[i].rest.count, own.lengths[i].rest.first)
	}
}

var (
	// months as spreadsheet programs shorten them in English, German, French, Spanish,
	// Portuguese, Italian and Dutch.
	months = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mrz|Mär|Mai|Okt|Dez|Janv|Févr?|Mars|Avr|Juin|Juil|Août?|Déc|` +
		`Ene|Abr|Ago|Dic|Fev|Set|Out|Gen|Mag|Giu|Lug|Ott|Mrt|Mei)\.?`
	dateLike = regexp.MustCompile(`(?i)^(?:\d{1,2}(?:[-. ]|\. )` + months + `(?:[- ]\d{2,4})?|` + months + `[- ]\d{2}(?:\d\d)?|` +
		`\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}\.\d{1,2}\.(?:19|20)\d\d|\d{4}-\d\d-\d\d(?:[ T]00:00:00)?)$`)
	roundedLike = regexp.MustCompile(`^[+-]?\d(?:[.,]\d+)?E\+?\d{2,3}$`)
	pointNumber = regexp.MustCompile(`^[+-]?\d+\.\d+$`)
	commaNumber = regexp.MustCompile(`^[+-]?\d+,\d+$`)
)

// traitsOf finds out what is strange about a text.
func traitsOf(text []byte) (t traits) {
	if len(text) == 0 {
		return 0
	}
	first, _ := utf8.DecodeRune(text)
	last, _ := utf8.DecodeLastRune(text)
	if (unicode.IsSpace(first) || unicode.IsSpace(last)) && !prose(text) {
		t |= traitStray
	}
	if digit := first - '0'; uint32(digit) <= 9 || first == '+' || first == '-' {
		t |= numberTraits(text)
	}
	if last >= '0' && last <= '9' || last >= 'A' || last == '.' {
		if bytes.ContainsAny(text, "-/. ") && len(text) <= 20 && dateLike.Match(text) {
			t |= traitDate
		}
	}
	if t&traitDate == 0 && len(text) <= 20 && hasYear(text) {
		t |= traitYear
	}
	return t | scriptTraits(bytes.TrimFunc(text, unicode.IsSpace))
}

// prose reports whether a text is one that people read, and not a name or a code, by
// which things are found.
func prose(text []byte) bool {
	return len(text) > maxName && bytes.IndexFunc(bytes.TrimFunc(text, unicode.IsSpace), unicode.IsSpace) >= 0
}

// hasYear reports whether four digits that can be a year stand alone in a text.
func hasYear(text []byte) bool {
	digits := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i]-'0' <= 9 {
			digits++
			continue
		}
		if digits == 4 && (i == len(text) || !letter(text[i])) && (i == 4 || !letter(text[i-5])) {
			if year := string(text[i-4 : i]); year >= "1500" && year < "2100" {
				return true
			}
		}
		digits = 0
	}
	return false
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 }

func numberTraits(text []byte) (t traits) {
	if bytes.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) < 0 {
		t |= traitDigits
		if text[0] == '0' {
			t |= traitZero
		}
	}
	switch {
	case roundedLike.Match(text):
		t |= traitRounded
	case pointNumber.Match(text):
		t |= traitPoint
	case commaNumber.Match(text):
		t |= traitComma
	}
	return t
}

// lookAlikes are the letters of other scripts that are drawn as Latin ones are
// (from the confusables of Unicode UTS #39).
const lookAlikes = "аеорсухіјѕԁԛԝһӏАВЕКМНОРСТХІЈЅԌԚԜҮӀ" + "αονρυικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"

// maxName is how many bytes a name or a code has, at most. In longer texts, which
// people read, a no-break space or a soft hyphen is meant.
const maxName = 40

// scriptTraits looks at the letters of a text.
func scriptTraits(text []byte) (t traits) {
	if ascii(text) {
		for _, c := range text {
			switch {
			case 'a' <= c|0x20 && c|0x20 <= 'z':
				t |= traitLatin
			case c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f:
				t |= traitInvisible
			}
		}
		return t
	}
	latin, alike, other := false, false, false // in the word
	word := func() {
		switch {
		case latin && alike:
			t |= traitMixed
		case alike && !other:
			t |= traitForeign
		}
		if latin {
			t |= traitLatin
		}
		latin, alike, other = false, false, false
	}
	for _, r := range string(text) {
		switch {
		case unicode.Is(unicode.Latin, r):
			latin = true
		case r > 0x7f && bytes.ContainsRune([]byte(lookAlikes), r):
			alike = true
		case unicode.IsLetter(r):
			other = true
		default:
			word()
			if (r == 0xa0 || r == 0xad) && len(text) <= maxName || r == 0x200b || r == 0x2060 || r == 0xfeff || unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
				t |= traitInvisible
			}
		}
	}
	word()
	if t&traitLatin != 0 {
		t &^= traitForeign
	}
	return t
}

// judgeDamage looks for what a spreadsheet program did to a cell that has changed.
func (p *plan) judgeDamage(ch *tabular.Change, found *tallies) {
	for _, cell := range ch.Cells {
		d := p.damages[cell.ColumnB]
		old, now := p.text(cell.Old), p.text(cell.New)
		rule := damageOf([]byte(old), []byte(now))
		if rule == "" || d.onChange[rule] < 0 {
			continue
		}
		if p.sure[d.col] == nil {
			p.sure[d.col] = newBits(p.table.Rows)
		}
		p.sure[d.col].set(ch.RowB)
		found.addText(d.onChange[rule], hit{row: ch.RowB, value: string(cell.New), text: fmt.Sprintf("%q was %q before", now, old)})
	}
}

// damageOf says what a spreadsheet program did to a text, if that is what it was.
func damageOf(old, now []byte) string {
	was, is := traitsOf(old), traitsOf(now)
	switch {
	case was&traitZero != 0 && is&traitDigits != 0 && len(now) < len(old) && bytes.Equal(bytes.TrimLeft(old, "0"), now):
		return RuleZeros
	case is&traitRounded != 0 && was&traitRounded == 0 && (was&traitDigits != 0 && len(old) > 11 || idLike.Match(old)):
		return RuleRounded
	case was&traitDigits != 0 && is&traitDigits != 0 && zeroedEnd(old, now):
		return RuleRounded
	case is&traitDate != 0 && was&traitDate == 0 && dateBefore.Match(old):
		return RuleDate
	case len(now) == 5 && is&traitDigits != 0 && now[0] >= '3' && now[0] <= '5' && dateBefore.Match(old):
		return RuleDate // the number of a day
	case was&traitPoint != 0 && is&traitComma != 0 && bytes.Equal(bytes.Replace(old, []byte("."), []byte(","), 1), now):
		return RuleComma
	}
	return ""
}

// exactDigits is how many digits of a number spreadsheet programs keep.
const exactDigits = 15

// zeroedEnd reports whether the digits that spreadsheet programs do not keep have
// become zeros.
func zeroedEnd(old, now []byte) bool {
	return len(old) == len(now) && len(old) > exactDigits && !bytes.Equal(old, now) &&
		bytes.Equal(old[:exactDigits], now[:exactDigits]) && len(bytes.Trim(now[exactDigits:], "0")) == 0
}

var (
	idLike     = regexp.MustCompile(`^\d+[Ee]\d+$`)
	dateBefore = regexp.MustCompile(`(?i)^(?:MARCH|MARC|SEPT?|DEC|OCT|APR|FEB|NOV|JUN|JAN|AUG|MAY|JUL)-?\d{1,2}$|^\d{1,2}[-/.]\d{1,2}(?:[-/.]\d{1,4})?$`)
)
