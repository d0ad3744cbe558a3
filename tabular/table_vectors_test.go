package tabular

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// squares is the table of testdata/tables.txt that a formula defines.
func squares(n int) *grid {
	g := &grid{names: []string{"id", "square", "word"}, key: []string{"id"}, chunkedBy: []string{"id"}}
	for i := range n {
		g.rows = append(g.rows, []string{
			strconv.Itoa(i), strconv.Itoa(i * i % 9973), []string{"alpha", "", "gamma"}[i%3],
		})
	}
	return g
}

// vectorTables are the tables of testdata/tables.txt, by name.
func vectorTables() map[string]*grid {
	small := &grid{
		names: []string{"name", "n"}, key: []string{"name"}, chunkedBy: []string{"name"},
		rows:       [][]string{{"a", "1"}, {"b", ""}, {"é", "-0.50"}},
		exceptions: []Exception{{Row: 1, Col: 1, Code: 3}, {Row: 2, Col: WholeRow, Code: 1, Text: []byte("x")}},
	}
	keyless := squares(5000)
	keyless.key, keyless.chunkedBy = nil, nil
	return map[string]*grid{
		"empty":          {names: []string{"a"}},
		"small":          small,
		"squares-5000":   squares(5000),
		"squares-400000": squares(400_000),
		"keyless-5000":   keyless,
	}
}

// TestTableVectors compares tables with testdata/tables.txt, whose ids are never
// rewritten: they are what makes two versions of this program agree.
func TestTableVectors(t *testing.T) {
	f, err := os.Open("testdata/tables.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tables := vectorTables()
	seen := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.Fields(lines.Text())
		if len(line) == 0 || line[0] == "#" {
			continue
		}
		seen++
		got := tableVector(t, line[0], line[1], tables)
		if got != line[2] {
			t.Errorf("%s %s: %s, expected %s", line[0], line[1], got, line[2])
		}
	}
	if seen < 10 {
		t.Fatalf("%d vectors", seen)
	}
}

func tableVector(t *testing.T, what, input string, tables map[string]*grid) string {
	t.Helper()
	switch what {
	case "rowhash":
		h := uint64(0)
		for text := range strings.SplitSeq(input, "|") {
			h = addToHash(h, []byte(text))
		}
		return fmt.Sprintf("%016x", h)
	case "nodehash":
		h, err := strconv.ParseUint(input, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%016x", mix(h))
	}
	g, ok := tables[input]
	if !ok {
		t.Fatalf("no table %q", input)
	}
	store := newStore()
	table := g.build(t, store, 10_000, nil)
	switch what {
	case "table":
		return table.ID.String()
	case "groups":
		var rows []string
		for _, group := range groupsOf(t, table) {
			rows = append(rows, strconv.Itoa(group.Rows()))
		}
		return strings.Join(rows, ",")
	}
	id := table.ID
	switch what {
	case "schema-object":
		id = table.SchemaID
	case "root-object":
		id = table.root.id
	}
	o, err := store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(o)
}
