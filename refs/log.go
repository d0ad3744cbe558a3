package refs

import (
	"fmt"

	"github.com/constl/constl/object"
)

const (
	// windowBytes is how much of a log is kept before its newest statement, so
	// that peers who missed some can be given what lies between.
	windowBytes = 64 << 10
	maxLogFile  = 16 + MaxSignedStatement + 2*windowBytes
)

// run is the newest part of a log without gaps, in order; its last is the head.
type run []*SignedStatement

func (r run) head() *SignedStatement {
	if len(r) == 0 {
		return nil
	}
	return r[len(r)-1]
}

// at returns the statement with the sequence number, or nil if it is not in the run.
func (r run) at(seq uint64) *SignedStatement {
	if len(r) == 0 || seq < r[0].statement.Seq || seq > r.head().statement.Seq {
		return nil
	}
	return r[seq-r[0].statement.Seq]
}

// relation is how a statement stands to what is known of its log.
type relation int

const (
	relKnown    relation = iota // it is there already
	relOld                      // it is older than all that is kept
	relNext                     // it follows the head, or is the first
	relGap                      // it is newer, and what lies between is missing
	relConflict                 // it and one that is known prove an equivocation
)

// relate says how s stands to the run, and with which statement it conflicts.
func (r run) relate(s *SignedStatement) (relation, *SignedStatement) {
	if len(r) == 0 {
		return relNext, nil
	}
	first, head, seq := r[0], r.head(), s.statement.Seq
	if known := r.at(seq); known != nil {
		if known.id == s.id {
			return relKnown, nil
		}
		return relConflict, known
	}
	switch {
	case seq+1 == first.statement.Seq && first.statement.Previous != s.id:
		return relConflict, first
	case seq < first.statement.Seq:
		return relOld, nil
	case seq > head.statement.Seq+1:
		return relGap, nil
	case s.statement.Previous != head.id:
		return relConflict, head
	}
	return relNext, nil
}

// add returns the run with s as its head: after the old one if it follows, else alone.
func (r run) add(s *SignedStatement) run {
	next := run{s}
	if head := r.head(); head != nil && s.statement.Previous == head.id {
		next = append(r[:len(r):len(r)], s)
	}
	size, from := 0, len(next)-1
	for from > 0 {
		size += len(next[from-1].object) + len(s.signature.Value)
		if size > windowBytes {
			break
		}
		from--
	}
	return next[from:]
}

func (r run) encode() []byte {
	var e object.Encoder
	e.Uvarint(uint64(len(r)))
	for _, s := range r {
		e.Bytes(s.Encode())
	}
	return e.Body()
}

// decodeRun reads the run of a log. It checks that the statements follow one
// another, and no signature.
func decodeRun(data []byte, log LogID) (run, error) {
	d := object.NewBodyDecoder(data)
	n := d.Count(128)
	r := make(run, 0, n)
	for range n {
		b := d.Bytes(MaxSignedStatement)
		if d.Err() != nil {
			break
		}
		s, err := decodeUnverified(b)
		if err != nil {
			return nil, err
		}
		if s.statement.Log != log {
			return nil, corruptf("a statement of the log %s", s.statement.Log)
		}
		if head := r.head(); head != nil && (s.statement.Seq != head.statement.Seq+1 || s.statement.Previous != head.id) {
			return nil, corruptf("statement %d does not follow the one before", s.statement.Seq)
		}
		r = append(r, s)
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("reading a log: %w", err)
	}
	if len(r) == 0 {
		return nil, corruptf("a log without a statement")
	}
	return r, nil
}
