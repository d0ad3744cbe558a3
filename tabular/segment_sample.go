package tabular

import "math/bits"

// sampleSize is how many cells are looked at to choose an encoding.
const sampleSize = 64

// sample is what some cells, spread evenly, say about their column.
type sample struct {
	cells   int
	present int // not missing
	numbers int
	times   int
	labels  int
	digits  [maxDigits + 1]int // numbers that are nothing but so many digits
	time    timeForm
	label   labelForm
	seen    [4]uint64 // a bit per hash of a text
}

func takeSample(c Cells) sample {
	var s sample
	n := c.Len()
	s.cells = min(n, sampleSize)
	for k := range s.cells {
		i := k * n / s.cells
		text := c.At(i)
		h := sampleHash(text)
		s.seen[h>>6&3] |= 1 << (h & 63)
		if isMissing(text) {
			continue
		}
		s.present++
		end := int(c.Ends[i])
		s.add(c.Data, end-len(text), end)
	}
	if d := s.label.digits; d > 0 && len(s.label.prefix) == 0 && s.labels > 0 {
		s.labels += s.digits[d]
	}
	return s
}

// add counts the votes of one text.
func (s *sample) add(data []byte, start, end int) {
	text := data[start:end]
	if _, scale, ok := parseNumber(data, start, end); ok {
		s.numbers++
		if scale == 0 && text[0] != '-' {
			s.digits[len(text)]++
		}
		return
	}
	if f, ok := guessTimeForm(text); ok {
		if s.times == 0 || f.order == dateMDY && s.time.order == dateDMY {
			// A day above 12 tells which of two forms with one look it is.
			if s.times == 0 || f.sep == s.time.sep {
				s.time = f
			}
		}
		s.times++
		return
	}
	if f, ok := splitLabel(text); ok {
		if s.labels == 0 {
			s.label = f
		}
		if string(f.prefix) == string(s.label.prefix) {
			s.label.digits = max(s.label.digits, f.digits)
			s.labels++
		}
	}
}

// best returns the encoding that more than half of the present cells speak for,
// or encodingPlain.
func (s *sample) best() byte {
	switch {
	case s.labels*2 > s.present && s.labels > s.numbers:
		return encodingLabel
	case s.numbers*2 > s.present:
		return encodingNumber
	case s.times*2 > s.present:
		return encodingTime
	}
	return encodingPlain
}

// repetitive reports whether at most half of the texts differ.
func (s *sample) repetitive() bool {
	different := 0
	for _, word := range s.seen {
		different += bits.OnesCount64(word)
	}
	return different*2 <= s.cells
}

// sampleHash is FNV-1a, folded.
func sampleHash(text []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, b := range text[max(0, len(text)-32):] {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return h ^ h>>29
}
