package repo

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
)

// oddFile is a file, and how it is to be kept.
type oddFile struct {
	name string
	data []byte
	blob string // what is said of it if it is kept as a plain file; "" if it is a table
	more int64  // bytes that it may take beyond what others may, for its many names
}

// plain is a table of the given rows, whose cells need no quotes.
func plain(rows int, delimiter, end string) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	b := []byte(strings.Join([]string{"id", "site", "species", "count", "note"}, delimiter) + end)
	species := []string{"Calidris alba", "Larus argentatus", "Sterna hirundo", "Parus major"}
	notes := []string{"", "fog", "nest site", "rain and wind", "NA"}
	for i := range rows {
		for c, cell := range []any{i * 3, fmt.Sprintf("S%d", r.IntN(300)), species[r.IntN(4)], r.IntN(40), notes[r.IntN(5)]} {
			if c > 0 {
				b = append(b, delimiter...)
			}
			b = fmt.Append(b, cell)
		}
		b = append(b, end...)
	}
	return b
}

// reworded calls edit for the cells of a table of plain.
func reworded(data []byte, edit func(row, col int, cell string) string) []byte {
	var out []byte
	for r, line := range strings.SplitAfter(string(data), "\n") {
		text := strings.TrimSuffix(line, "\n")
		cells := strings.Split(text, ",")
		for c := range cells {
			if r > 0 && text != "" {
				cells[c] = edit(r, c, cells[c])
			}
		}
		out = append(out, strings.Join(cells, ",")+line[len(text):]...)
	}
	return out
}

func utf16Text(text []byte, order binary.AppendByteOrder, bom bool) []byte {
	var out []byte
	if bom {
		out = order.AppendUint16(out, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(string(text))) {
		out = order.AppendUint16(out, u)
	}
	return out
}

// dialects are files that differ from a plain one in how they are written.
func dialects() []oddFile {
	const rows = 3000
	base := plain(rows, ",", "\n")
	r := rand.New(rand.NewPCG(1, 9))
	quote := func(cell string) string { return `"` + cell + `"` }
	latin := bytes.ReplaceAll(base, []byte("rain and wind"), []byte("caf\xe9 \xfcber \x93fog\x94"))
	return []oddFile{
		{name: "plain.csv", data: base},
		{name: "every cell in quotes.csv", data: reworded(base, func(_, _ int, c string) string { return quote(c) })},
		{name: "quotes by column.csv", data: reworded(base, func(_, col int, c string) string {
			if col%2 == 1 {
				return quote(c)
			}
			return c
		})},
		{name: "quotes at random.csv", data: reworded(base, func(_, _ int, c string) string {
			if r.IntN(2) == 0 {
				return quote(c)
			}
			return c
		})},
		{name: "crlf.csv", data: bytes.ReplaceAll(base, []byte("\n"), []byte("\r\n"))},
		{name: "cr.csv", data: bytes.ReplaceAll(base, []byte("\n"), []byte("\r"))},
		{name: "crlf and lf.csv", data: reworded(base, func(row, col int, c string) string {
			if col == 4 && row%3 == 0 {
				return c + "\r"
			}
			return c
		})},
		{name: "cr cr lf.csv", data: bytes.ReplaceAll(base, []byte("\n"), []byte("\r\r\n"))},
		{name: "a lone cr.csv", data: reworded(base, func(row, col int, c string) string {
			if row == 1000 && col == 2 {
				return "Larus\rfuscus"
			}
			return c
		})},
		{name: "no final end.csv", data: bytes.TrimSuffix(base, []byte("\n"))},
		{name: "bom.csv", data: append([]byte("\xef\xbb\xbf"), base...)},
		{name: "utf-16 le.csv", data: utf16Text(base, binary.LittleEndian, true)},
		{name: "utf-16 be.csv", data: utf16Text(bytes.ReplaceAll(base, []byte("fog"), []byte("brume é 😀")), binary.BigEndian, true)},
		{name: "utf-16 without bom.csv", data: utf16Text(base, binary.LittleEndian, false), blob: "binary"},
		{name: "latin-1.csv", data: latin},
		{name: "semicolon.csv", data: plain(rows, ";", "\n")},
		{name: "tab.csv", data: plain(rows, "\t", "\n")},
		{name: "tab.tsv", data: plain(rows, "\t", "\r\n")},
		{name: "pipe.csv", data: plain(rows, "|", "\n")},
		{name: "comments.csv", data: append([]byte("# counted by hand\n# 2024, 2025\n"), base...)},
		{name: "title.csv", data: append([]byte("Bird counts of the estuary\nStation 7\n\n"), base...)},
		{name: "ragged.csv", data: reworded(base, func(row, col int, c string) string {
			switch {
			case row%50 == 0 && col == 4:
				return c + ",extra,1"
			case row%71 == 0 && col == 4:
				return "" // a delimiter too many
			}
			return c
		})},
		{name: "short rows.csv", data: short(base, 20)},
		{name: "trailing delimiter.csv", data: bytes.ReplaceAll(base, []byte("\n"), []byte(",\n"))},
		{name: "trailing delimiter but in the header.csv", data: reworded(base, func(_, col int, c string) string {
			if col == 4 {
				return c + ","
			}
			return c
		})},
		{name: "lines in cells.csv", data: reworded(base, func(row, col int, c string) string {
			if col == 4 && row%5 == 0 {
				return quote("first\nsecond\r\nthird, ")
			}
			return c
		})},
		{name: "blank lines.csv", data: bytes.ReplaceAll(base, []byte("fog\n"), []byte("fog\n\n"))},
		{name: "zeros in cells.csv", data: reworded(base, func(row, col int, c string) string {
			if col == 4 && row%100 == 0 {
				return "\x00"
			}
			return c
		})},
		{name: "spaces around.csv", data: reworded(base, func(_, _ int, c string) string { return " " + c + " " })},
		{name: "no header.csv", data: base[bytes.IndexByte(base, '\n')+1:]},
		{name: "columns of one name.csv", data: append([]byte("a,a,,,a\n"), base[bytes.IndexByte(base, '\n')+1:]...)},
		{name: "quotes misused.csv", data: reworded(base, func(row, col int, c string) string {
			if col == 2 && row%9 == 0 {
				return `6" ` + c
			}
			return c
		})},
	}
}

func short(data []byte, each int) []byte {
	lines := strings.SplitAfter(string(data), "\n")
	for i := each; i < len(lines); i += each {
		cells := strings.Split(lines[i], ",")
		lines[i] = strings.Join(cells[:1+i/each%4], ",") + "\n"
	}
	return []byte(strings.Join(lines, ""))
}

// extremes are files at the ends of what there is.
func extremes() []oddFile {
	wide := make([]string, 10_000)
	for i := range wide {
		wide[i] = fmt.Sprintf("v%d", i)
	}
	r := rand.New(rand.NewPCG(4, 2))
	matrix := []byte(strings.Join(wide, ",") + "\n")
	for range 200 {
		for i := range wide {
			if i > 0 {
				matrix = append(matrix, ',')
			}
			matrix = fmt.Appendf(matrix, "%d", r.IntN(5)*r.IntN(2))
		}
		matrix = append(matrix, '\n')
	}
	long := make([]string, 30_000)
	for i := range long {
		long[i] = fmt.Sprintf("measurement_%d", i)
	}
	longHeader := []byte(strings.Join(long, ",") + "\n" + strings.TrimSuffix(strings.Repeat("1,", len(long)), ",") + "\n")
	base := plain(60_000, ",", "\n")
	half := bytes.LastIndexByte(base[:len(base)/2], '\n') + 1
	return []oddFile{
		{name: "empty.csv", blob: "empty"},
		{name: "blank lines only.csv", data: []byte("\n\r\n\n"), blob: "empty"},
		{name: "header only.csv", data: []byte("a,b,c\n")},
		{name: "header only, no end.csv", data: []byte("a,b,c")},
		{name: "one column.csv", data: []byte("name\nx\n\"\"\ny\n")},
		{name: "one cell.csv", data: []byte("x")},
		{name: "quotes only.csv", data: bytes.Repeat([]byte(`"`), 1000)},
		{name: "odd quotes only.csv", data: bytes.Repeat([]byte(`"`), 999)},
		{name: "delimiters only.csv", data: []byte(",,,\n,,,\n,,,\n")},
		{name: "open quote.csv", data: []byte("a,b\n1,\"2\"\n3,\"4\n5,6\n"), blob: "never closed"},
		{name: "10,000 columns.csv", data: matrix},
		{name: "a header of 500 KB.csv", data: longHeader, more: 64 << 10},
		{name: "a cell of 100 MB.csv", data: []byte("a,b\n1," + strings.Repeat("0123456789abcdef", 100<<20/16) + "\n"), blob: "line of more than"},
		{name: "a quote over 3 MB.csv", data: bytes.Join([][]byte{base[:half], []byte(`1,"`), bytes.Repeat([]byte("all,one\ncell"), 3<<20/12), []byte("\",c,d,e\n"), base[half:]}, nil), blob: "limit"},
		{name: "a quote over 900 KB.csv", data: bytes.Join([][]byte{base[:half], []byte(`1,"`), bytes.Repeat([]byte("all,one\ncell"), 900<<10/12), []byte("\",c,d,e\n"), base[half:]}, nil)},
		{name: "a quote that opens far down.csv", data: append(bytes.Clone(base), "1,\"2,3,4,5\n"...), blob: "never closed"},
	}
}

// boundaries are files whose ends, and a quoted cell's, lie about the places where
// a reader cuts them.
func boundaries() []oddFile {
	const slab = 1 << 20
	base := plain(40_000, ",", "\r\n")
	var files []oddFile
	for _, n := range []int{256 << 10, slab, slab + 256<<10} {
		for d := -1; d <= 1; d++ {
			files = append(files, oddFile{name: fmt.Sprintf("%d%+d bytes.csv", n, d), data: base[:n+d]})
			at := bytes.LastIndexByte(base[:n], '\n') + 1
			cell := `1,"` + strings.Repeat("x", n+d-at-3) + "\r\n" + `y",3,4,5` + "\r\n"
			files = append(files, oddFile{
				name: fmt.Sprintf("line end in a cell at %d%+d.csv", n, d), data: bytes.Join([][]byte{base[:at], []byte(cell), base[at:]}, nil),
			})
		}
	}
	return files
}

// zstdSize is what a plain file takes, compressed by the usual compressor.
func zstdSize(t testing.TB, data []byte) int64 {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return int64(len(w.EncodeAll(data, nil)))
}

func TestOddFilesComeBackExactly(t *testing.T) {
	for _, set := range []struct {
		name  string
		files func() []oddFile
	}{{"dialects", dialects}, {"extremes", extremes}, {"boundaries", boundaries}} {
		t.Run(set.name, func(t *testing.T) {
			for _, f := range set.files() {
				checkOdd(t, &f)
			}
		})
	}
}

// checkOdd commits one file to a dataset of its own.
func checkOdd(t *testing.T, f *oddFile) {
	t.Helper()
	r := dataset(t, person(t))
	before := size(t, r.path(packsDir))
	put(t, r, f.name, string(f.data))
	res, err := r.Commit(t.Context(), CommitOptions{Message: "odd"})
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return
	}
	isTable, note := false, ""
	for _, rec := range res.Recorded {
		if rec.Path == f.name {
			isTable, note = rec.Table != nil, rec.Note
		}
	}
	if isTable != (f.blob == "") || !strings.Contains(note, f.blob) {
		t.Errorf("%s: table %v, %q; expected %q", f.name, isTable, note, f.blob)
	}
	var out bytes.Buffer
	if err := r.Cat(t.Context(), &out, "HEAD:"+f.name, CatOptions{}); err != nil || !bytes.Equal(out.Bytes(), f.data) {
		t.Errorf("%s: %d bytes come back as %d others, %v", f.name, len(f.data), out.Len(), err)
	}
	sound(t, r)
	stored, alone := size(t, r.path(packsDir))-before, zstdSize(t, f.data)
	// Besides the file there are a commit, and datapackage.json with the columns.
	if limit := alone + alone/5 + 2<<10 + f.more; stored > limit {
		t.Errorf("%s: takes %d bytes, expected at most %d", f.name, stored, limit)
	}
	t.Logf("%-45s table %-5v %9d bytes, by zstd %9d, here %9d  %s", f.name, isTable, len(f.data), alone, stored, note)
}
