package parquet

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/constl/constl/tabular"
)

// writer appends the text of a value that is not null.
type writer func(dst []byte, v parquet.Value) []byte

func writerOf(t parquet.Type) writer {
	if l := t.LogicalType(); l != nil {
		if w := logicalWriter(t, l); w != nil {
			return w
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendBool(dst, v.Boolean()) }
	case parquet.Int32:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, int64(v.Int32()), 10) }
	case parquet.Int64:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, v.Int64(), 10) }
	case parquet.Int96:
		return appendInt96
	case parquet.Float:
		return func(dst []byte, v parquet.Value) []byte { return tabular.AppendFloat(dst, float64(v.Float()), 32) }
	case parquet.Double:
		return func(dst []byte, v parquet.Value) []byte { return tabular.AppendFloat(dst, v.Double(), 64) }
	}
	return func(dst []byte, v parquet.Value) []byte { return append(dst, v.ByteArray()...) }
}

func logicalWriter(t parquet.Type, l *format.LogicalType) writer {
	switch l := l.Value.(type) {
	case *format.DecimalType:
		return decimalWriter(t, int(l.Scale))
	case *format.DateType:
		return appendDate
	case *format.TimeType:
		return timeWriter(perSecond(&l.Unit))
	case *format.TimestampType:
		return timestampWriter(perSecond(&l.Unit), l.IsAdjustedToUTC)
	case *format.IntType:
		if !l.IsSigned {
			return appendUnsigned
		}
	case *format.UUIDType:
		return appendUUID
	}
	return nil
}

func perSecond(u *format.TimeUnit) int64 {
	if u.Value == nil {
		return 1e9
	}
	return int64(time.Second / u.Value.Duration())
}

func integer(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func appendUnsigned(dst []byte, v parquet.Value) []byte {
	if v.Kind() == parquet.Int32 {
		return strconv.AppendUint(dst, uint64(v.Uint32()), 10)
	}
	return strconv.AppendUint(dst, v.Uint64(), 10)
}

func appendDate(dst []byte, v parquet.Value) []byte {
	return appendTime(dst, integer(v)*86400, 0, "2006-01-02")
}

// appendTime appends a time in UTC with as many digits of its fraction as it needs.
func appendTime(dst []byte, seconds, nanos int64, layout string) []byte {
	dst = time.Unix(seconds, 0).UTC().AppendFormat(dst, layout)
	if nanos == 0 {
		return dst
	}
	digits := strconv.AppendInt(nil, 1e9+nanos, 10)
	digits[0] = '.'
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return append(dst, digits...)
}

// split parts a count of units into seconds and nanoseconds.
func split(units, perSecond int64) (seconds, nanos int64) {
	seconds, rest := units/perSecond, units%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
	}
	return seconds, rest * (1e9 / perSecond)
}

func timeWriter(unit int64) writer {
	return func(dst []byte, v parquet.Value) []byte {
		seconds, nanos := split(integer(v), unit)
		return appendTime(dst, seconds, nanos, "15:04:05")
	}
}

func timestampWriter(unit int64, utc bool) writer {
	return func(dst []byte, v parquet.Value) []byte {
		seconds, nanos := split(integer(v), unit)
		dst = appendTime(dst, seconds, nanos, "2006-01-02T15:04:05")
		if utc {
			dst = append(dst, 'Z')
		}
		return dst
	}
}

// julianEpoch is the Julian day number of 1970-01-01.
const julianEpoch = 2440588

// appendInt96 appends an old timestamp: nanoseconds of a day and its Julian day. Its
// zone is not known.
func appendInt96(dst []byte, v parquet.Value) []byte {
	t := v.Int96()
	nanos := int64(t[0]) | int64(t[1])<<32
	seconds, rest := split(nanos, 1e9)
	return appendTime(dst, (int64(t[2])-julianEpoch)*86400+seconds, rest, "2006-01-02T15:04:05")
}

func decimalWriter(t parquet.Type, scale int) writer {
	return func(dst []byte, v parquet.Value) []byte {
		switch t.Kind() {
		case parquet.Int32, parquet.Int64:
			return appendDecimal(dst, big.NewInt(integer(v)), scale)
		}
		// Two's complement, the highest byte first.
		b := v.ByteArray()
		n := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		return appendDecimal(dst, n, scale)
	}
}

func appendDecimal(dst []byte, n *big.Int, scale int) []byte {
	dst = n.Append(dst, 10)
	if scale != 0 {
		dst = strconv.AppendInt(append(dst, "e-"...), int64(scale), 10)
	}
	return dst
}

func appendUUID(dst []byte, v parquet.Value) []byte {
	b := v.ByteArray()
	if len(b) != 16 {
		return hex.AppendEncode(dst, b)
	}
	for i, part := range [5][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
