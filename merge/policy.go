package merge

import (
	"bytes"
	"cmp"
	"math/big"
	"slices"
	"strings"
)

// Policy says what becomes of a cell that both sides changed to two values
// (RULES.md §4a). The empty policy, and one that cannot be followed, leave it a
// conflict. What a policy makes of two values never depends on who merges.
type Policy string

// The policies, as people write them into datapackage.json.
const (
	PolicyOurs   Policy = "ours"           // the value of the maintainers' side
	PolicyTheirs Policy = "theirs"         // the value of the contributors' side
	PolicyNewest Policy = "newest"         // the value of the side with the later commit
	PolicyMin    Policy = "min"            // the smaller value; numbers come before texts
	PolicyMax    Policy = "max"            // the greater value
	PolicySum    Policy = "sum-of-changes" // the base's number and what each side added to it
	PolicyUnion  Policy = "union"          // the items of a delimited list that nobody took away
	// PolicyRenumber is for a key that counts rows: of two rows that both sides gave one
	// number, one gets the next. Who calls [Commits] or [Trees] does it, before.
	PolicyRenumber Policy = "renumber"
)

// Policies returns all policies, in the order of RULES.md. The caller owns the slice.
func Policies() []Policy {
	return []Policy{PolicyOurs, PolicyTheirs, PolicyNewest, PolicyMin, PolicyMax, PolicySum, PolicyUnion, PolicyRenumber}
}

// Rank says which of the two sides comes first in some respect.
type Rank int

// The ranks. The zero value says that neither side comes before the other.
const (
	RankNone   Rank = 0
	RankOurs   Rank = 1
	RankTheirs Rank = -1
)

// settle merges two values that contradict each other by the column's policy. It
// reports false if the policy does not decide.
func (m *tableMerge) settleValue(c int, hasBase bool, base, ours, theirs []byte) (text []byte, ok bool) {
	side := func(r Rank) ([]byte, bool) {
		switch r {
		case RankOurs:
			return ours, true
		case RankTheirs:
			return theirs, true
		}
		return nil, false
	}
	switch m.policies[m.cols[c].field.Name] {
	case PolicyOurs:
		return side(m.options.Maintained)
	case PolicyTheirs:
		return side(-m.options.Maintained)
	case PolicyNewest:
		return side(m.options.Newer)
	case PolicyMin:
		return side(Rank(cmp.Compare(0, compareTexts(ours, theirs))))
	case PolicyMax:
		return side(Rank(compareTexts(ours, theirs)))
	case PolicySum:
		return sumOfChanges(hasBase, base, ours, theirs)
	case PolicyUnion:
		return unionOfLists(base, ours, theirs), true
	}
	return nil, false
}

// mergeCell merges a value of which both sides have a version.
func (m *tableMerge) mergeCell(c int, hasBase bool, base, ours, theirs []byte) (text []byte, conflict bool) {
	text, conflict = mergeValue(m.cols[c].field.Type, hasBase, base, ours, theirs)
	if !conflict || len(m.policies) == 0 {
		return text, conflict
	}
	settled, ok := m.settleValue(c, hasBase, base, ours, theirs)
	if !ok {
		return text, true
	}
	return settled, false
}

// sumExponent bounds the numbers that are added, so that a sum has no more digits
// than a cell should.
const sumExponent = 64

// sumOfChanges adds what each side changed to the base's number, exactly.
func sumOfChanges(hasBase bool, base, ours, theirs []byte) ([]byte, bool) {
	if !hasBase {
		return nil, false
	}
	places := 0
	var values [3]number
	for i, text := range [][]byte{base, ours, theirs} {
		n, ok := parseNumber(text)
		if !ok || n.exp > sumExponent || n.exp < -sumExponent || len(n.digits) > sumExponent {
			return nil, false
		}
		values[i] = n
		if _, fraction, found := strings.Cut(string(bytes.TrimSpace(text)), "."); found && onlyDigits(fraction) {
			places = max(places, len(fraction))
		}
		places = max(places, len(n.digits)-n.exp)
	}
	sum := new(big.Int).Add(values[1].scaled(places), values[2].scaled(places))
	sum.Sub(sum, values[0].scaled(places))
	return []byte(decimal(sum, places)), true
}

// scaled returns n × 10^places, which must be whole.
func (n number) scaled(places int) *big.Int {
	v, _ := new(big.Int).SetString(cmp.Or(n.digits, "0"), 10)
	if up := places + n.exp - len(n.digits); up > 0 {
		v.Mul(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(up)), nil))
	}
	if n.negative {
		v.Neg(v)
	}
	return v
}

// decimal writes v × 10^-places.
func decimal(v *big.Int, places int) string {
	digits := new(big.Int).Abs(v).String()
	if places > 0 {
		digits = strings.Repeat("0", max(0, places+1-len(digits))) + digits
		digits = digits[:len(digits)-places] + "." + digits[len(digits)-places:]
	}
	if v.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// unionOfLists merges delimited lists: the base's items that both sides kept, in
// its order, then those that were added, sorted.
func unionOfLists(base, ours, theirs []byte) []byte {
	sep := delimiterOf(string(base), string(ours), string(theirs))
	b, o, t := items(base, sep), items(ours, sep), items(theirs, sep)
	var out, added []string
	for _, item := range b {
		if slices.Contains(o, item) && slices.Contains(t, item) && !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	for _, item := range append(o, t...) {
		if !slices.Contains(b, item) && !slices.Contains(added, item) {
			added = append(added, item)
		}
	}
	slices.SortFunc(added, func(a, b string) int { return compareTexts([]byte(a), []byte(b)) })
	for _, text := range [][]byte{base, ours, theirs} {
		if bytes.Contains(text, []byte(sep+" ")) {
			sep += " "
			break
		}
	}
	return []byte(strings.Join(append(out, added...), sep))
}

// delimiterOf returns what the items of lists are most likely parted by.
func delimiterOf(texts ...string) string {
	for _, sep := range []string{";", "|", ","} {
		for _, text := range texts {
			if strings.Contains(text, sep) {
				return sep
			}
		}
	}
	return ";"
}

func items(text []byte, sep string) []string {
	var out []string
	for _, item := range strings.Split(string(text), sep) {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
