package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// largeTable is 200,000 rows that a field station could have written.
func largeTable() []byte {
	random := rand.New(rand.NewPCG(2026, 11))
	species := []string{"Parus major", "Turdus merula", "Corvus corone", "Sitta europaea", "Pica pica"}
	var b bytes.Buffer
	b.WriteString("id,site,day,species,count,temperature\n")
	for i := range 200_000 {
		fmt.Fprintf(&b, "%d,S%03d,2025-%02d-%02d,%s,%d,%.1f\n", i+1, random.IntN(400), 1+i/17000, 1+random.IntN(28),
			species[random.IntN(len(species))], random.IntN(60), random.Float64()*30)
	}
	return b.Bytes()
}

// TestOneCellOfALargeTable asserts what a change of one cell costs on the wire, and that
// whoever cloned serves others when the first has gone.
func TestOneCellOfALargeTable(t *testing.T) {
	if testing.Short() {
		t.Skip("a large table")
	}
	work := t.TempDir()
	at := func(name string) string { return filepath.Join(work, name) }
	answer := func(home string, args ...string) (v struct {
		Commit, After  string
		Bytes, Objects int64
		Merged         bool
	}) {
		t.Helper()
		res := run(t.Context(), work, at(home), append(args, "--json")...)
		if res.code != 0 {
			t.Fatalf("constl %v: exit code %d: %s", args, res.code, res.stderr)
		}
		if err := json.Unmarshal([]byte(res.stdout), &v); err != nil {
			t.Fatalf("constl %v: %v in %s", args, err, res.stdout)
		}
		return v
	}
	table := largeTable()
	answer("alice", "init", "a", "--name", "birds")
	write(t, at("a/birds.csv"), table)
	answer("alice", "-C", "a", "commit", "-m", "first")
	alice, urls, err := startServer(work, at("alice"), 1, "--dataset", "a")
	if err != nil {
		t.Fatal(err)
	}
	cloned := answer("bob", "clone", urls[0], "b")
	t.Logf("the clone of %d bytes took %d bytes", len(table), cloned.Bytes)

	table = []byte(editCell(string(table), 123_456, "count", "61"))
	write(t, at("a/birds.csv"), table)
	changed := answer("alice", "-C", "a", "commit", "-m", "one cell")
	pulled := answer("bob", "-C", "b", "pull")
	t.Logf("the pull took %d objects and %d bytes", pulled.Objects, pulled.Bytes)
	if pulled.Bytes >= 20_000 || pulled.After != changed.Commit || pulled.Merged {
		t.Errorf("the pull of one cell: %+v", pulled)
	}
	again := answer("bob", "-C", "b", "pull")
	if again.Objects != 0 || again.Bytes >= 2000 {
		t.Errorf("a pull of nothing: %+v", again)
	}
	if err := alice.stop(); err != nil {
		t.Error(err)
	}

	bob, urls, err := startServer(work, at("bob"), 1, "--dataset", "b")
	if err != nil {
		t.Fatal(err)
	}
	answer("carol", "clone", urls[0], "c")
	if err := bob.stop(); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{"b", "c"} {
		if got, err := os.ReadFile(at(dir + "/birds.csv")); err != nil || !bytes.Equal(got, table) {
			t.Errorf("%s has another table than the maintainer (%v)", dir, err)
		}
	}
	answer("carol", "-C", "c", "verify")
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
