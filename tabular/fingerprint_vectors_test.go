package tabular

import (
	"os"
	"strings"
	"testing"
)

func TestFingerprintVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/fingerprints.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(strings.TrimSpace(string(data)), "\n\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there are no vectors")
	}
	for _, block := range blocks {
		lines := strings.Split(block, "\n")
		g := &textGrid{names: strings.Split(lines[0], "|")}
		for _, line := range lines[1 : len(lines)-1] {
			g.rows = append(g.rows, strings.Split(line, "|"))
		}
		if got, want := printOf(t, g, nil), strings.TrimPrefix(lines[len(lines)-1], "= "); got != want {
			t.Errorf("%s\n= %s", block, got)
		}
	}
}
