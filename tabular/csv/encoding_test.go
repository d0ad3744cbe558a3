package csv

import (
	"bytes"
	"errors"
	"testing"
)

// TestCellIsTheInverseOfText covers every byte that a file can have.
func TestCellIsTheInverseOfText(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, c := range []struct {
		e    Encoding
		cell []byte
	}{{Windows1252, every}, {UTF8, []byte("Straße λ 你好")}, {UTF16LE, []byte("λ")}, {UTF16BE, nil}} {
		got, err := c.e.Cell(c.e.Text(c.cell))
		if err != nil || !bytes.Equal(got, c.cell) {
			t.Errorf("%s: %q became %q, %v", c.e, c.cell, got, err)
		}
	}
	for _, text := range []string{"λ", "\u0080", "你", "\xff"} {
		if got, err := Windows1252.Cell(text); !errors.Is(err, ErrEncoding) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}
