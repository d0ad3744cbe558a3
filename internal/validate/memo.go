package validate

import (
	"bytes"
	"hash/maphash"

	"github.com/constl/constl/tabular"
)

// memo remembers which texts a column's text checks have passed, so that a text
// that stands there often is looked at once.
type memo struct {
	seed  maphash.Seed
	slots []memoSlot
}

type memoSlot struct {
	text []byte
	set  bool
	bad  uint32 // bits: the checks that it does not pass
}

const memoSlots = 1 << 12

// texts runs the checks of texts.
func (s *scanner) texts(c *columnPlan, cells tabular.Cells, states []state) {
	m := &s.memos[c.col]
	if m.slots == nil {
		*m = memo{maphash.MakeSeed(), make([]memoSlot, memoSlots)}
	}
	for i, st := range states {
		if st != stateValue {
			continue
		}
		text := cells.At(i)
		bad := m.look(text, func() uint32 { return badTexts(c.texts, s.p.text, text) })
		for k := 0; bad != 0; k++ {
			if bad&1 != 0 {
				s.found.add(c.texts[k].check, s.first+int64(i), text)
			}
			bad >>= 1
		}
	}
}

// look returns what is known of a text, or finds it out.
func (m *memo) look(text []byte, find func() uint32) uint32 {
	slot := &m.slots[maphash.Bytes(m.seed, text)%memoSlots]
	if slot.set && bytes.Equal(slot.text, text) {
		return slot.bad
	}
	slot.bad = find()
	slot.text, slot.set = append(slot.text[:0], text...), true
	return slot.bad
}

// badTexts returns which checks a text does not pass, one bit for each.
func badTexts(checks []textCheck, read func([]byte) string, text []byte) (bad uint32) {
	if !ascii(text) {
		text = []byte(read(text))
	}
	for k := range checks {
		if !checks[k].ok(text) {
			bad |= 1 << k
		}
	}
	return bad
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
