// Package qr draws addresses and keys as QR codes in a terminal, for a phone or
// another computer's camera to read.
package qr

import (
	"errors"
	"fmt"
	"strings"

	code "rsc.io/qr"
)

// MaxText is the most bytes that a code holds. Codes of over some 300 bytes are
// wider than a terminal of 80 columns.
const MaxText = 2953

// ErrTooLong is wrapped when a text is longer than [MaxText].
var ErrTooLong = errors.New("qr: the text is too long for a QR code")

// margin is the quiet zone, in modules: what the standard asks for is 4, and
// readers find the code in a terminal with 2.
const margin = 2

// Terminal returns the code of the text as lines of half-block characters, two
// modules above one another in each, every line ended by a line feed. The dark
// modules are left blank and the light ones are drawn, as a terminal with light
// writing on a dark ground shows them right; inverted is for a light ground.
// It fails with an error that wraps [ErrTooLong].
func Terminal(text string, inverted bool) (string, error) {
	if len(text) > MaxText {
		return "", fmt.Errorf("%w: %d bytes, at most %d are possible", ErrTooLong, len(text), MaxText)
	}
	c, err := code.Encode(text, code.L)
	if err != nil {
		return "", fmt.Errorf("qr: encoding: %w", err)
	}
	// ink reports whether to draw; outside the code all is light.
	ink := func(x, y int) bool {
		inside := x >= 0 && y >= 0 && x < c.Size && y < c.Size
		return (inside && c.Black(x, y)) == inverted
	}
	var b strings.Builder
	for y := -margin; y < c.Size+margin; y += 2 {
		for x := -margin; x < c.Size+margin; x++ {
			upper, lower := ink(x, y), ink(x, y+1)
			if y+1 >= c.Size+margin {
				lower = false
			}
			switch {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
