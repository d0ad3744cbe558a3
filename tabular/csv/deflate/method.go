package deflate

import (
	"errors"
	"fmt"
)

// ErrMethod says that there is no such method.
var ErrMethod = errors.New("deflate: unknown method")

// Program is whose way of compressing it is.
type Program uint8

// The programs. What they share is in FORMAT.md of package csv, §7.
const (
	// Zlib is zlib with the memory level that it has by itself, 8: also Python,
	// Java and most programs that stand on zlib.
	Zlib Program = iota
	// ZlibLarge is zlib with the memory level 9: R and PHP.
	ZlibLarge
	// GNU is GNU gzip.
	GNU
	programs
)

// String returns the program's name.
func (p Program) String() string {
	switch p {
	case Zlib:
		return "zlib"
	case ZlibLarge:
		return "zlib (memory level 9)"
	case GNU:
		return "gzip"
	}
	return fmt.Sprintf("program %d", uint8(p))
}

// The levels that a method may have.
const (
	MinLevel = 1
	MaxLevel = 9
)

// Method is one way of compressing.
type Method struct {
	Program Program
	Level   int // from MinLevel to MaxLevel
}

// Check fails with an error that wraps [ErrMethod] if there is no such method.
func (m Method) Check() error {
	if m.Program >= programs || m.Level < MinLevel || m.Level > MaxLevel {
		return fmt.Errorf("%w: %s, level %d", ErrMethod, m.Program, m.Level)
	}
	return nil
}

// String returns program and level.
func (m Method) String() string { return fmt.Sprintf("%s -%d", m.Program, m.Level) }

// Methods returns all methods, the likelier of a level first.
func Methods() []Method {
	var all []Method
	for _, level := range []int{6, 9, 1, 5, 4, 7, 8, 3, 2} {
		for p := range programs {
			all = append(all, Method{p, level})
		}
	}
	return all
}

// effort says how hard a level looks for a match.
type effort struct {
	good  int // from this length of the match before on, a quarter of the chain will do
	lazy  int // no better match is looked for behind one of this length
	nice  int // a match of this length is good enough
	chain int // how many places are compared
}

// efforts are those of the levels; up to lastFast, lazy is the length up to which
// all places within a match are remembered.
var efforts = [MaxLevel + 1]effort{
	1: {4, 4, 8, 4},
	2: {4, 5, 16, 8},
	3: {4, 6, 32, 32},
	4: {4, 4, 16, 16},
	5: {8, 16, 32, 32},
	6: {8, 16, 128, 128},
	7: {8, 32, 128, 256},
	8: {32, 128, 258, 1024},
	9: {32, 258, 258, 4096},
}

const lastFast = 3
