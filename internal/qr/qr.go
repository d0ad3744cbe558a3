// Package qr draws addresses and keys as QR codes in a terminal, for a phone or
// another computer's camera to read.
package qr

import (
	"errors"
	"fmt"
	"strings"

	code "rsc.io/qr"
)

// MaxText is the most bytes that a code holds.
const MaxText = 2953

// What a terminal of 24 lines and 80 columns shows above its prompt: a code of at most
// 195 digits, capital letters and of " $%*+-./:", or of 134 other bytes.
const (
	usualLines   = 23
	usualColumns = 80
)

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
	c, err := encode(text)
	if err != nil {
		return "", err
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

// Size returns how many lines and columns [Terminal] takes for the text. It fails as
// Terminal does.
func Size(text string) (lines, columns int, err error) {
	c, err := encode(text)
	if err != nil {
		return 0, 0, err
	}
	columns = c.Size + 2*margin
	return (columns + 1) / 2, columns, nil
}

// Fits reports whether a terminal of the usual size, 24 lines and 80 columns, shows the
// code of the text as a whole.
func Fits(text string) bool {
	lines, columns, err := Size(text)
	return err == nil && lines <= usualLines && columns <= usualColumns
}

func encode(text string) (*code.Code, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are possible", ErrTooLong, len(text), MaxText)
	}
	c, err := code.Encode(text, code.L)
	if err != nil {
		return nil, fmt.Errorf("qr: encoding: %w", err)
	}
	return c, nil
}
