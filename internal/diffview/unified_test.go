package diffview

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestScriptsMakeTheNewText asserts that a script leads from one text to the other,
// and is as short as can be.
func TestScriptsMakeTheNewText(t *testing.T) {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "d\n"}), 0, 30)
	rapid.Check(t, func(t *rapid.T) {
		a, b := lines.Draw(t, "a"), lines.Draw(t, "b")
		var olds, news []string
		edits := 0
		for _, e := range compareLines(a, b) {
			switch e.op {
			case ' ':
				if e.a != len(olds) || e.b != len(news) || a[e.a] != b[e.b] {
					t.Fatalf("edit %+v after %d and %d lines", e, len(olds), len(news))
				}
				olds, news = append(olds, a[e.a]), append(news, b[e.b])
			case '-':
				olds = append(olds, a[e.a])
				edits++
			case '+':
				news = append(news, b[e.b])
				edits++
			}
		}
		if !slices.Equal(olds, a) || !slices.Equal(news, b) {
			t.Fatalf("the script reads %q and makes %q", olds, news)
		}
		if shortest := len(a) + len(b) - 2*longestCommon(a, b); edits != shortest {
			t.Fatalf("%d edits, %d would do", edits, shortest)
		}
	})
}

func longestCommon(a, b []string) int {
	best := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := best[j+1]
			if best[j+1] = max(above, best[j]); x == y {
				best[j+1] = diagonal + 1
			}
			diagonal = above
		}
	}
	return best[len(b)]
}

func TestRewrittenTextsAreReplaced(t *testing.T) {
	a, b := make([]string, 3000), make([]string, 3000)
	for i := range a {
		a[i], b[i] = strings.Repeat("a", i%7)+"\n", strings.Repeat("b", 1+i%7)+"\n"
	}
	if n := len(compareLines(a, b)); n > 6000 {
		t.Errorf("%d edits", n)
	}
}

func TestUnifiedHunksStandApart(t *testing.T) {
	var a []string
	for i := range 40 {
		a = append(a, strings.Repeat("x", i+1)+"\n")
	}
	b := slices.Clone(a)
	b[4], b[12], b[30] = "5\n", "13\n", "31\n"
	var heads []string
	for _, line := range hunks(a, b) {
		if line[0] == '@' {
			heads = append(heads, line)
		}
	}
	// Lines 5 and 13 are 7 equal lines apart, so their contexts do not meet.
	want := []string{"@@ -2,7 +2,7 @@", "@@ -10,7 +10,7 @@", "@@ -28,7 +28,7 @@"}
	if !slices.Equal(heads, want) {
		t.Errorf("hunks %q, want %q", heads, want)
	}
}

func BenchmarkCompareLines(b *testing.B) {
	old := make([]string, 20_000)
	for i := range old {
		old[i] = strings.Repeat("x", i%50) + "\n"
	}
	now := slices.Clone(old)
	for i := 0; i < len(now); i += 500 {
		now[i] = "changed\n"
	}
	for b.Loop() {
		compareLines(old, now)
	}
}
