package repo

import (
	"testing"
	"unicode/utf8"
)

// FuzzParseList looks for lists that end the program, or that are not text.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{
		"number,key,column,base,ours,theirs,resolution,kind,detail\n1,1,n,10,11,12,ours,cell,\n",
		"sep=;\r\nnumber;resolution\r\n1;caf\xe9\r\n;\r\n",
		"\xef\xbb\xbf\"number\"\t\"resolution\"\n\"1\"\t\"a \"\"b\"\"\"\n",
		"\xff\xfen\x00u\x00m\x00b\x00e\x00r\x00,\x00r\x00e\x00s\x00o\x00l\x00u\x00t\x00i\x00o\x00n\x00\n\x00",
		"number,resolution\n1,\"open\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseList(data)
		if err != nil {
			return
		}
		for _, row := range l.rows {
			if row.line < 2 || len(row.cells) == 0 {
				t.Errorf("row %+v", row)
			}
			for _, cell := range row.cells {
				if !utf8.ValidString(cell) {
					t.Errorf("%q is no text", cell)
				}
			}
		}
	})
}
