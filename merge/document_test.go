package merge_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/constl/constl/merge"
)

func conflictTexts(list []merge.Conflict) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.String())
	}
	return out
}

func TestTexts(t *testing.T) {
	tests := []struct {
		name, base, ours, theirs, want string
		conflicts                      []string
	}{
		{name: "R50 other lines", base: "a\nb\nc\nd\n", ours: "A\nb\nc\nd\n", theirs: "a\nb\nc\nD\n", want: "A\nb\nc\nD\n"},
		{name: "R50 the same change", base: "a\nb\nc\n", ours: "a\nB\nc\n", theirs: "a\nB\nc\nd\n", want: "a\nB\nc\nd\n"},
		{name: "R51 one line in two ways", base: "a\nb\nc\n", ours: "a\nX\nc\n", theirs: "a\nY\nc\n", want: "a\nX\nc\n",
			conflicts: []string{`line 2: base "b", ours "X", theirs "Y"`}},
		{name: "R51 two insertions at one place", base: "a\nc\n", ours: "a\nX\nc\n", theirs: "a\nY\nc\n", want: "a\nX\nc\n",
			conflicts: []string{`line 2: base (no lines), ours "X", theirs "Y"`}},
		{name: "R51 one insertion begins the other", base: "a\n", ours: "a\nX\n", theirs: "a\nX\nY\n", want: "a\nX\nY\n"},
		{name: "R52 line ends changed by one side", base: "a\nb\nc\n", ours: "a\r\nb\r\nc\r\n", theirs: "a\nb\nc\nd\n", want: "a\r\nb\r\nc\r\nd\r\n"},
		{name: "R52 the last line's end", base: "a\nb", ours: "a\nb\n", theirs: "A\nb", want: "A\nb\n"},
		{name: "deleted and appended", base: "a\nb\nc\n", ours: "b\nc\n", theirs: "a\nb\nc\nd\n", want: "b\nc\nd\n"},
		{name: "emptied", base: "a\nb\nc\n", ours: "", theirs: "a\nb\nc\nd\n", want: "",
			conflicts: []string{`line 1: base "a\nb\nc", ours (no lines), theirs "a\nb\nc\nd"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, conflicts := merge.Texts([]byte(tt.base), []byte(tt.ours), []byte(tt.theirs))
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.conflicts, conflictTexts(conflicts)); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			back, again := merge.Texts([]byte(tt.base), []byte(tt.theirs), []byte(tt.ours))
			if len(conflicts) != len(again) || len(conflicts) == 0 && string(back) != string(got) {
				t.Errorf("the result depends on who merges: %q, %q", got, back)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	tests := []struct {
		name, base, ours, theirs, want string
		conflicts                      []string
	}{
		{name: "R60 other members keep the form", base: "{\n    \"a\": 1,\n\n    \"b\": 2\n}\n", ours: "{\n    \"a\": 9,\n\n    \"b\": 2\n}\n", theirs: "{\n    \"a\": 1,\n\n    \"b\": 2,\n    \"c\": 3\n}\n",
			want: "{\n    \"a\": 9,\n\n    \"b\": 2,\n    \"c\": 3\n}\n"},
		{name: "R60 neighbours in one line", base: `{"a":1,"b":2}`, ours: `{"a":9,"b":2}`, theirs: `{"a":1,"b":8}`,
			want: "{\n  \"a\": 9,\n  \"b\": 8\n}\n"},
		{name: "R61 one member in two ways", base: `{"a":1,"b":2}`, ours: `{"a":2,"b":3}`, theirs: `{"a":3,"b":2}`,
			want: "{\n  \"a\": 2,\n  \"b\": 3\n}\n", conflicts: []string{`/a: base "1", ours "2", theirs "3"`}},
		{name: "R62 removed and changed", base: `{"a":1,"b":2}`, ours: `{"b":2}`, theirs: `{"a":3,"b":2}`,
			want: "{\n  \"a\": 3,\n  \"b\": 2\n}\n", conflicts: []string{`/a: base "1", ours (removed), theirs "3" (one side removed it, the other changed it; it stays)`}},
		{name: "R63 fields by name", base: `{"fields":[{"name":"x"},{"name":"y"}]}`, ours: `{"fields":[{"name":"x","type":"date"},{"name":"y"}]}`, theirs: `{"fields":[{"name":"x","title":"X"},{"name":"y"},{"name":"z"}]}`,
			want: "{\n  \"fields\": [\n    {\n      \"name\": \"x\",\n      \"title\": \"X\",\n      \"type\": \"date\"\n    },\n    {\n      \"name\": \"y\"\n    },\n    {\n      \"name\": \"z\"\n    }\n  ]\n}\n"},
		{name: "R64 values of a list", base: `["a"]`, ours: `["a","z","c"]`, theirs: `["a","b","c"]`,
			want: "[\n  \"a\",\n  \"b\",\n  \"c\",\n  \"z\"\n]\n"},
		{name: "R64 numbers of a list", base: `[0,1]`, ours: `[0,2]`, theirs: `[0,3]`,
			want: "[\n  0,\n  2\n]\n", conflicts: []string{`/1: base "1", ours "2", theirs "3"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, conflicts, ok := merge.JSON([]byte(tt.base), []byte(tt.ours), []byte(tt.theirs))
			if !ok {
				t.Fatal("not merged")
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.conflicts, conflictTexts(conflicts)); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			back, again, _ := merge.JSON([]byte(tt.base), []byte(tt.theirs), []byte(tt.ours))
			if len(conflicts) != len(again) || len(conflicts) == 0 && string(back) != string(got) {
				t.Errorf("the result depends on who merges: %q, %q", got, back)
			}
		})
	}
	for _, bad := range []string{`{"a":1,"a":2}`, `{`, ``} {
		if _, _, ok := merge.JSON([]byte(`{}`), []byte(bad), []byte(`{"b":1}`)); ok {
			t.Errorf("%q was merged", bad)
		}
	}
}
