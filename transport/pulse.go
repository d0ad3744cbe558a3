package transport

import (
	"sync/atomic"
	"time"
)

// pulse keeps a watch on which nothing is new from being taken for dead, and finds
// out when it is (PROTOCOL.md §3.4). Its methods beat and still are for the
// goroutine that reads the stream.
type pulse struct {
	// answer, if not nil, says to the peer that this side is there, too.
	answer func() error
	stills *allowance
	heard  atomic.Int64 // when the last frame came, in nanoseconds since 1970
	signs  atomic.Int64 // how many came
}

func newPulse(answer func() error) *pulse {
	p := &pulse{answer: answer, stills: newAllowance(stillBurst, stillRefill)}
	p.heard.Store(time.Now().UnixNano())
	return p
}

// beat notes that a frame came.
func (p *pulse) beat() {
	p.heard.Store(time.Now().UnixNano())
	p.signs.Add(1)
}

// still deals with a still frame.
func (p *pulse) still() error {
	if !p.stills.take(1) {
		return protocolError("a flood of frames that say nothing")
	}
	if p.answer == nil {
		return nil
	}
	return p.answer()
}

// quiet returns for how long nothing has come.
func (p *pulse) quiet() time.Duration { return time.Since(time.Unix(0, p.heard.Load())) }
