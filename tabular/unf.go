package tabular

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"slices"
	"strconv"
	"unicode/utf8"
)

// UNFOf returns the Universal Numeric Fingerprint of a table, version 6 with its
// default parameters, as "UNF:6:…". Rows count in their order, columns in none.
// Numbers are rounded to 7 digits and texts cut at 128 characters, so that tables
// which differ can have one UNF: [FingerprintOf] tells them apart. The columns'
// kinds are those of the fingerprint. It reads the table twice and fails as its
// reader does.
func UNFOf(ctx context.Context, t Texts, workers int) (string, error) {
	kinds, err := kindsOf(ctx, t, workers)
	if err != nil {
		return "", err
	}
	columns := make([]hash.Hash, len(kinds))
	for i := range columns {
		columns[i] = sha256.New()
	}
	err = inOrder(ctx, workers, t.Batches(ctx), func(ctx context.Context, b Batch) ([][]byte, error) {
		cells, err := b(ctx)
		if err != nil {
			return nil, err
		}
		texts := make([][]byte, len(cells))
		for i, c := range cells {
			for row := range c.Len() {
				texts[i] = appendUNF(texts[i], c.At(row), kinds[i])
			}
		}
		return texts, nil
	}, func(texts [][]byte) error {
		for i, text := range texts {
			_, _ = columns[i].Write(text)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	var list []string
	for i, h := range columns {
		if t.Names()[i] != "" || kinds[i] != KindEmpty {
			list = append(list, unfText(h))
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	slices.Sort(list)
	all := sha256.New()
	for _, unf := range list {
		_, _ = all.Write(appendUNF(nil, []byte(unf), KindText))
	}
	return unfText(all), nil
}

func unfText(h hash.Hash) string {
	return "UNF:6:" + base64.StdEncoding.EncodeToString(h.Sum(nil)[:16])
}

// unfCharacters is how many characters of a text count.
const unfCharacters = 128

// appendUNF appends the normalised form of a text of a column of the given kind.
func appendUNF(dst, text []byte, kind Kind) []byte {
	if isMissing(text) {
		return append(dst, 0, 0, 0)
	}
	switch kind {
	case KindNumber:
		dst = appendUNFNumber(dst, text)
	case KindBoolean:
		if text[0]|0x20 == 't' {
			dst = append(dst, "+1.e+"...)
		} else {
			dst = append(dst, "+0.e+"...)
		}
	case KindDate, KindTime:
		dst = appendValue(dst, text, kind)
	default:
		n := 0
		for i := 0; i < len(text) && n < unfCharacters; n++ {
			_, size := utf8.DecodeRune(text[i:])
			dst = append(dst, text[i:i+size]...)
			i += size
		}
	}
	return append(dst, '\n', 0)
}

// appendUNFNumber appends a number rounded to 7 digits, as +1.234568e+3.
func appendUNFNumber(dst, text []byte) []byte {
	v, _ := strconv.ParseFloat(string(text), 64) // out of range is infinite
	if isInfinity(bytes.TrimLeft(text, "+-")) || v > maxFinite || v < -maxFinite {
		if v < 0 {
			return append(dst, "-inf"...)
		}
		return append(dst, "+inf"...)
	}
	spelled := strconv.AppendFloat(nil, v, 'e', 6, 64)
	sign := byte('+')
	if spelled[0] == '-' {
		sign, spelled = '-', spelled[1:]
	}
	mantissa, exponent, _ := bytes.Cut(spelled, []byte("e"))
	dst = append(append(dst, sign), bytes.TrimRight(mantissa, "0")...)
	dst = append(dst, 'e', exponent[0])
	return append(dst, bytes.TrimLeft(exponent[1:], "0")...)
}

// maxFinite is the largest double.
const maxFinite = 0x1p1023 * (1 + (1 - 0x1p-52))
