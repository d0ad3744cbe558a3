package merge_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
)

// lineCodec writes a table as lines with commas, ended by its layout.
type lineCodec struct{}

func (lineCodec) MergeLayout(_ context.Context, base, ours, theirs *tabular.Table, _ []tabular.Field) (tabular.Layout, merge.CarryFunc, []tabular.LayoutClash, error) {
	layout := ours.Layout
	if base != nil && bytes.Equal(base.Layout.Data, ours.Layout.Data) {
		layout = theirs.Layout
	}
	return layout, func(x tabular.Exception, _ *tabular.Table, col int, _ [][]byte) (tabular.Exception, bool) {
		return x, true
	}, nil, nil
}

func (lineCodec) WriteTable(ctx context.Context, w io.Writer, t *tabular.Table) error {
	for ref, err := range t.Groups(ctx) {
		if err != nil {
			return err
		}
		g, err := t.Group(ctx, ref)
		if err != nil {
			return err
		}
		rows, err := g.RowsOf(ctx)
		if err != nil {
			return err
		}
		for r := range rows.Len() {
			var cells []string
			for c := range rows.Width {
				cells = append(cells, string(rows.Cell(r, c)))
			}
			if _, err := io.WriteString(w, strings.Join(cells, ",")+string(t.Layout.Data)); err != nil {
				return err
			}
		}
	}
	return nil
}

var lineOptions = &merge.Options{Codecs: map[string]merge.Codec{"test": lineCodec{}}}

// putTree stores a folder: names to a text, a spec of a table, or another folder.
func putTree(t testing.TB, st object.ReadWriter, files map[string]any) object.ID {
	t.Helper()
	var list []object.TreeEntry
	for name, content := range files {
		e := object.TreeEntry{Name: name}
		switch c := content.(type) {
		case string:
			b, err := object.WriteBlob(t.Context(), st, strings.NewReader(c))
			if err != nil {
				t.Fatal(err)
			}
			e.Type, e.ID, e.Size, e.Sum = object.TypeFile, b.ID, b.Size, b.Sum
		case spec:
			table := build(t, st, c)
			var out bytes.Buffer
			if err := (lineCodec{}).WriteTable(t.Context(), &out, table); err != nil {
				t.Fatal(err)
			}
			e.Type, e.ID, e.Size, e.Sum = object.TypeTable, table.ID, int64(out.Len()), object.Sum(out.Bytes())
		case map[string]any:
			e.Type, e.ID = object.TypeDir, putTree(t, st, c)
		}
		list = append(list, e)
	}
	id, err := object.BuildTree(t.Context(), st, list, object.ID{})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// listTree returns every file of a tree with its text, and checks size and sum.
func listTree(t testing.TB, st object.Reader, dir string, id object.ID) (out []string) {
	t.Helper()
	entries, err := object.ReadTree(context.Background(), st, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var text bytes.Buffer
		switch e.Type {
		case object.TypeDir:
			out = append(out, listTree(t, st, dir+e.Name+"/", e.ID)...)
			continue
		case object.TypeTable:
			err = lineCodec{}.WriteTable(context.Background(), &text, open(t, st, e.ID))
		default:
			var b *object.BlobReader
			if b, err = object.OpenBlob(context.Background(), st, e.ID); err == nil {
				_, err = b.WriteTo(&text)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Size != int64(text.Len()) || e.Sum != object.Sum(text.Bytes()) {
			t.Errorf("%s: the tree does not say what the file is", e.Name)
		}
		out = append(out, fmt.Sprintf("%s%s: %s", dir, e.Name, text.String()))
	}
	return out
}

func form(s spec, form string) spec { s.form = form; return s }

func TestTrees(t *testing.T) {
	type folder = map[string]any
	birds := form(keyed("id,n\n1,x\n2,y"), "\n")
	tests := []struct {
		name               string
		base, ours, theirs folder
		want               []string
		conflicts          []string
	}{
		{name: "R70 other files", base: folder{"a": "1", "b": "1", "d": folder{"x": "1", "y": "1"}},
			ours: folder{"a": "2", "b": "1", "d": folder{"x": "2", "y": "1"}}, theirs: folder{"a": "1", "c": "3", "d": folder{"x": "1", "y": "3"}},
			want: []string{"a: 2", "c: 3", "d/x: 2", "d/y: 3"}},
		{name: "R71 a table", base: folder{"t.csv": birds},
			ours:   folder{"t.csv": form(keyed("id,n\n1,X\n2,y"), "\r\n")},
			theirs: folder{"t.csv": form(keyed("id,n\n1,x\n2,y\n3,z"), "\n")},
			want:   []string{"t.csv: 1,X\r\n2,y\r\n3,z\r\n"}},
		{name: "R71 a table with a conflict", base: folder{"d": folder{"t.csv": birds}},
			ours:      folder{"d": folder{"t.csv": form(keyed("id,n\n1,X\n2,y"), "\n")}},
			theirs:    folder{"d": folder{"t.csv": form(keyed("id,n\n1,Z\n2,y"), "\n")}},
			want:      []string{"d/t.csv: 1,X\n2,y\n"},
			conflicts: []string{`d/t.csv: row with key 1: n: base "x", ours "X", theirs "Z"`}},
		{name: "R72 a JSON document and a text", base: folder{"p.json": `{"a":1,"b":1}`, "r.md": "a\nb\nc\n"},
			ours:   folder{"p.json": `{"a":2,"b":1}`, "r.md": "A\nb\nc\n"},
			theirs: folder{"p.json": `{"a":1,"b":2}`, "r.md": "a\nb\nC\n"},
			want:   []string{"p.json: {\n  \"a\": 2,\n  \"b\": 2\n}\n", "r.md: A\nb\nC\n"}},
		{name: "R73 a file taken whole", base: folder{"x.bin": "\x00a"}, ours: folder{"x.bin": "\x00b"}, theirs: folder{"x.bin": "\x00c"},
			want:      []string{"x.bin: \x00b"},
			conflicts: []string{"x.bin: base file " + sumOf("\x00a") + ", ours file " + sumOf("\x00b") + ", theirs file " + sumOf("\x00c") + " (the file can only be taken whole; it is that of ours)"}},
		{name: "R74 deleted and changed", base: folder{"d": folder{"a": "1", "b": "1"}}, ours: folder{}, theirs: folder{"d": folder{"a": "2", "b": "1"}},
			want:      []string{"d/a: 2"},
			conflicts: []string{"d/a: deleted by ours, changed by theirs (one side deleted the file, the other changed it; it stays)"}},
		{name: "R75 added twice", base: folder{}, ours: folder{"t.csv": birds, "a": "x\n"},
			theirs: folder{"t.csv": form(keyed("id,n\n1,x\n3,z"), "\n"), "a": "x\n"},
			want:   []string{"a: x\n", "t.csv: 1,x\n2,y\n3,z\n"}},
		{name: "R76 a file and a folder", base: folder{}, ours: folder{"a": "x"}, theirs: folder{"a": folder{"b": "y"}},
			want:      []string{"a: x"},
			conflicts: []string{"a: *"}},
		{name: "deleted by both and by one", base: folder{"a": "1", "b": "1", "c": "1"}, ours: folder{"b": "1"}, theirs: folder{"b": "2"},
			want: []string{"b: 2"}},
		{name: "nothing left", base: folder{"a": "1", "b": "1"}, ours: folder{"a": "1"}, theirs: folder{"b": "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := mem.New()
			base, ours, theirs := putTree(t, st, tt.base), putTree(t, st, tt.ours), putTree(t, st, tt.theirs)
			r, err := merge.Trees(t.Context(), st, base, ours, theirs, lineOptions)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, listTree(t, st, "", r.Tree)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			got := conflictTexts(r.Conflicts)
			if len(tt.conflicts) == 1 && strings.HasSuffix(tt.conflicts[0], "*") {
				if len(got) != 1 || !strings.HasPrefix(got[0], strings.TrimSuffix(tt.conflicts[0], "*")) {
					t.Errorf("conflicts %q", got)
				}
			} else if diff := cmp.Diff(tt.conflicts, got); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			back, err := merge.Trees(t.Context(), st, base, theirs, ours, lineOptions)
			if err != nil {
				t.Fatal(err)
			}
			if len(back.Conflicts) != len(r.Conflicts) || len(r.Conflicts) == 0 && back.Tree != r.Tree {
				t.Errorf("the result depends on who merges: %v, %v", r, back)
			}
			for _, x := range []object.ID{ours, theirs} {
				for _, three := range [][3]object.ID{{base, x, base}, {base, base, x}, {base, x, x}, {{}, x, x}} {
					if r, err := merge.Trees(t.Context(), st, three[0], three[1], three[2], lineOptions); err != nil || r.Tree != x || len(r.Conflicts) > 0 {
						t.Errorf("one change alone is not taken over as it is: %v, %v", r, err)
					}
				}
			}
		})
	}
}

func sumOf(text string) string {
	return object.New(object.KindChunk, []byte(text)).ID().Short()
}

func TestTreesWithoutCodec(t *testing.T) {
	st := mem.New()
	put := func(text string) object.ID { return putTree(t, st, map[string]any{"t.csv": form(keyed(text), "\n")}) }
	base, ours, theirs := put("id,n\n1,x\n2,y"), put("id,n\n1,X\n2,y"), put("id,n\n1,x\n2,Y")
	r, err := merge.Trees(t.Context(), st, base, ours, theirs, nil)
	if err != nil || len(r.Conflicts) != 1 || r.Conflicts[0].Kind != merge.KindFile || r.Tree != ours {
		t.Errorf("got %v, %v", r, err)
	}
}

// history makes commits in tests: each with a tree of one text file, signed by
// one key, a second apart.
type history struct {
	t   testing.TB
	st  *mem.Store
	key ed25519.PrivateKey
	n   int64
}

func newHistory(t testing.TB) *history {
	return &history{t: t, st: mem.New(), key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
}

func (h *history) commit(text string, parents ...object.ID) object.ID {
	h.n++
	return h.at(h.n, text, parents...)
}

func (h *history) at(time int64, text string, parents ...object.ID) object.ID {
	h.t.Helper()
	c := object.Commit{Tree: putTree(h.t, h.st, map[string]any{"f": text}), Parents: parents, Author: "A", Time: object.Moment{Unix: time}, Message: text}
	if err := c.Sign(h.key); err != nil {
		h.t.Fatal(err)
	}
	o, err := c.Object()
	if err != nil {
		h.t.Fatal(err)
	}
	id, err := h.st.Put(h.t.Context(), o, object.ID{})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func sorted(ids ...object.ID) []object.ID {
	slices.SortFunc(ids, object.ID.Compare)
	return ids
}

func TestBases(t *testing.T) {
	h := newHistory(t)
	root := h.commit("a")
	left := h.commit("b", root)
	right := h.commit("c", root)
	left2 := h.commit("d", left)
	cross1 := h.commit("e", left2, right)
	cross2 := h.commit("f", right, left2)
	// A commit whose clock was far ahead, and one that claims to be from long ago.
	skewed := h.at(1_000_000, "g", left)
	old := h.at(0, "h", skewed)
	stranger := h.commit("i")
	tests := []struct {
		name          string
		a, b          object.ID
		bases         []object.ID
		ahead, behind int
	}{
		{"itself", left, left, sorted(left), 0, 0},
		{"ancestor", left2, root, sorted(root), 2, 0},
		{"descendant", root, left2, sorted(root), 0, 2},
		{"siblings", left2, right, sorted(root), 2, 1},
		{"after a merge", cross1, right, sorted(right), 3, 0},
		{"criss-cross", cross1, cross2, sorted(left2, right), 1, 1},
		{"wrong clocks", old, left2, sorted(left), 2, 1},
		{"wrong clocks, ancestor", old, left, sorted(left), 2, 0},
		{"nothing in common", stranger, left2, nil, 1, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := merge.Bases(t.Context(), h.st, tt.a, tt.b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.bases, got); diff != "" {
				t.Errorf("bases (-want +got):\n%s", diff)
			}
			ahead, behind, err := merge.AheadBehind(t.Context(), h.st, tt.a, tt.b)
			if err != nil || ahead != tt.ahead || behind != tt.behind {
				t.Errorf("ahead %d, behind %d, %v", ahead, behind, err)
			}
			is, err := merge.IsAncestor(t.Context(), h.st, tt.b, tt.a)
			if err != nil || is != (tt.behind == 0) {
				t.Errorf("IsAncestor is %v, %v", is, err)
			}
		})
	}
}

// However many commits share one second, the numbers are those of the commits that
// are reachable from the one and not from the other.
func TestAheadAndBehindInOneSecond(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		st := mem.New()
		var ids []object.ID
		reach := make(map[object.ID]map[object.ID]bool)
		second := rapid.IntRange(1, 14).Draw(rt, "commits of a second")
		for i := range rapid.IntRange(2, 14).Draw(rt, "commits") {
			c := object.Commit{Tree: object.Sum([]byte("t")), Author: "Ana", Message: fmt.Sprint(i)}
			c.Time.Unix = int64(1000 + i/second)
			set := make(map[object.ID]bool)
			for range min(i, rapid.IntRange(1, 3).Draw(rt, "parents")) {
				p := ids[rapid.IntRange(0, i-1).Draw(rt, "parent")]
				if !slices.Contains(c.Parents, p) {
					c.Parents = append(c.Parents, p)
					maps.Copy(set, reach[p])
				}
			}
			o, err := c.Object()
			if err != nil {
				rt.Fatal(err)
			}
			id, err := st.Put(t.Context(), o)
			if err != nil {
				rt.Fatal(err)
			}
			set[id] = true
			ids, reach[id] = append(ids, id), set
		}
		a, b := rapid.SampledFrom(ids).Draw(rt, "a"), rapid.SampledFrom(ids).Draw(rt, "b")
		without := func(x, y object.ID) (n int) {
			for id := range reach[x] {
				if !reach[y][id] {
					n++
				}
			}
			return n
		}
		ahead, behind, err := merge.AheadBehind(t.Context(), st, a, b)
		if err != nil || ahead != without(a, b) || behind != without(b, a) {
			rt.Fatalf("ahead %d, behind %d, %v; expected %d and %d", ahead, behind, err, without(a, b), without(b, a))
		}
	})
}

func TestCommitsCrissCross(t *testing.T) {
	h := newHistory(t)
	root := h.commit("1\n2\n3\n4\n5\n")
	left := h.commit("1!\n2\n3\n4\n5\n", root)
	right := h.commit("1\n2\n3!\n4\n5\n", root)
	a := h.commit("1!\n2\n3!\n4\n5!\n", left, right)
	b := h.commit("1!!\n2\n3!\n4\n5\n", right, left)
	for _, pair := range [][2]object.ID{{a, b}, {b, a}} {
		r, err := merge.Commits(t.Context(), h.st, pair[0], pair[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"f: 1!!\n2\n3!\n4\n5!\n"}, listTree(t, h.st, "", r.Tree)); diff != "" || len(r.Conflicts) > 0 {
			t.Errorf("(-want +got):\n%s%v", diff, r.Conflicts)
		}
		if diff := cmp.Diff(sorted(left, right), r.Bases); diff != "" {
			t.Errorf("bases (-want +got):\n%s", diff)
		}
	}
}

// Of three bases one has an older state of what another has changed since: that is no contradiction.
func TestCommitsWithThreeBases(t *testing.T) {
	for _, order := range []int{0, 1, 2, 3, 4, 5} {
		h := newHistory(t)
		h.n = int64(order) * 100 // other ids, and so another order of the bases
		root := h.commit("1\n2\n3\n4\n5\n")
		x := h.commit("1x\n2\n3\n4\n5\n", root)
		old := h.commit("1\n2\n3a\n4\n5\n", root)
		newer := h.commit("1\n2\n3b\n4\n5\n", old)
		side := h.commit("1\n2\n3a\n4\n5y\n", old)
		a := h.commit("1x\n2\n3c\n4\n5y\n", h.commit("1x\n2\n3b\n4\n5y\n", h.commit("1x\n2\n3b\n4\n5\n", x, newer), side))
		b := h.commit("1x\n2\n3b\n4\n5y\n", h.commit("1x\n2\n3a\n4\n5y\n", side, x), newer)
		bases, err := merge.Bases(t.Context(), h.st, a, b)
		if err != nil || len(bases) != 3 {
			t.Fatal(bases, err)
		}
		r, err := merge.Commits(t.Context(), h.st, a, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"f: 1x\n2\n3c\n4\n5y\n"}, listTree(t, h.st, "", r.Tree)); diff != "" || len(r.Conflicts) > 0 {
			t.Errorf("(-want +got):\n%s%v", diff, r.Conflicts)
		}
	}
}
