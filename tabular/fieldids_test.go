package tabular

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAssignFieldIDs(t *testing.T) {
	long := strings.Repeat("x", MaxName)
	for name, c := range map[string]struct {
		parent string // id=name
		header string
		want   string
	}{
		"first":                   {"", "id|site|count", "id|site|count"},
		"names that stand twice":  {"", "a|a_2|a||", "a|a_2|a_3|column4|column5"},
		"a made-up name is real":  {"", "|column1", "column1_2|column1"},
		"kept":                    {"id=id|site=site", "id|site", "id|site"},
		"another order":           {"id=id|site=site", "site|id", "site|id"},
		"renamed in place":        {"id=id|site=site|n=n", "id|station|n", "id|site|n"},
		"renamed long ago":        {"id=id|site=station|n=n", "id|station|n", "id|site|n"},
		"an old name comes back":  {"id=id|site=station|n=n", "id|station|n|site", "id|site|n|site_2"},
		"added":                   {"id=id|site=site", "id|new|site", "id|new|site"},
		"dropped":                 {"id=id|site=site|n=n", "id|n", "id|n"},
		"one for another, moved":  {"id=id|site=site|n=n", "id|n|station", "id|n|station"},
		"all renamed":             {"id=id|site=site|n=n|m=m", "ID|Ort|Zahl|M", "ID|Ort|Zahl|M"},
		"two of five renamed":     {"a=a|b=b|c=c|d=d|e=e", "a|B|C|d|e", "a|b|c|d|e"},
		"the only one renamed":    {"a=a", "b", "a"},
		"equal names keep order":  {"x=x|x_2=x", "x|x", "x|x_2"},
		"too long for a number":   {"", long + "|" + long, long + "|" + long[:MaxName-2] + "_2"},
		"dropped name then reuse": {"b=a|c=c", "a|c|b", "b|c|b_2"},
	} {
		t.Run(name, func(t *testing.T) {
			var parent *Schema
			if c.parent != "" {
				parent = &Schema{}
				for f := range strings.SplitSeq(c.parent, "|") {
					id, name, _ := strings.Cut(f, "=")
					parent.Fields = append(parent.Fields, Field{ID: id, Name: name, Type: TypeAny})
				}
			}
			got := AssignFieldIDs(parent, strings.Split(c.header, "|"))
			if diff := cmp.Diff(strings.Split(c.want, "|"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAssignedIDsAreValid(t *testing.T) {
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "a_2", "b", "column1", "a_3"}), 1, 8)
	rapid.Check(t, func(t *rapid.T) {
		var parent *Schema
		for range rapid.IntRange(1, 3).Draw(t, "commits") {
			header := names.Draw(t, "header")
			ids := AssignFieldIDs(parent, header)
			parent = &Schema{}
			for i, id := range ids {
				parent.Fields = append(parent.Fields, Field{ID: id, Name: header[i], Type: TypeAny})
			}
			if err := parent.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
