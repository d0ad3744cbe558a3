package tabular

import (
	"testing"

	"github.com/klauspost/compress/zstd"
)

// deltaSize is what a payload costs when storage holds the one before.
func deltaSize(t testing.TB, before, after []byte) int {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderDictRaw(0, before),
		zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1), zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return len(w.EncodeAll(after, nil))
}

func compressedSize(t testing.TB, payload []byte) int {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1), zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return len(w.EncodeAll(payload, nil))
}

const benchRows = 5000

func BenchmarkEncodeSegment(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			c := column(k.name, benchRows)
			var e SegmentEncoder
			var dst []byte
			for b.Loop() {
				dst = e.Append(dst[:0], c)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/cell")
			b.ReportMetric(float64(len(dst))/benchRows, "B/cell")
			b.ReportMetric(float64(compressedSize(b, dst))/benchRows, "zstdB/cell")
		})
	}
}

func BenchmarkDecodeSegment(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			payload := EncodeSegment(column(k.name, benchRows))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeSegment(payload); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/cell")
		})
	}
}
