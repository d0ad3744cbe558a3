package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestPermute(t *testing.T) {
	lib := (&app{}).library()
	for given, want := range map[string]string{
		"constl":                                 "constl",
		"constl help commit":                     "constl help commit",
		"constl -C d cite v1 --format bibtex":    "constl -C d cite --format bibtex v1",
		"constl commit a.csv -m words --json b":  "constl commit -m words --json a.csv b",
		"constl commit --message=x a -q":         "constl -q commit --message=x a",
		"constl log v1 -C dir -n 3":              "constl -C dir log -n 3 v1",
		"constl diff a b --stat -- --json":       "constl diff --stat -- a b -- --json",
		"constl diff -- a --stat":                "constl diff -- -- a --stat",
		"constl cat HEAD:x --rows 1..2 -":        "constl cat --rows 1..2 HEAD:x -",
		"constl nonsense --json":                 "constl nonsense --json",
		"constl comm --generate-bash-completion": "constl comm --generate-bash-completion",
		"constl schema set t.csv --unit Cel -h":  "constl schema --help",
		"constl diff a b --help":                 "constl diff --help",
		"constl commit -m":                       "constl commit -m",
	} {
		if got := permute(lib, strings.Fields(given)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s\n got %s\nwant %s", given, strings.Join(got, " "), want)
		}
	}
}
