package deptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestHouseRules checks the checkout that this file is part of.
func TestHouseRules(t *testing.T) {
	root := moduleRoot(t)
	found, packages, err := check(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		t.Error(p)
	}
	// Rules that were applied to nothing would always hold.
	for _, want := range []string{"object", "tabular", "internal/deptest"} {
		if !slices.Contains(packages, want) {
			t.Errorf("package %s was not checked, only %v", want, packages)
		}
	}
}

func moduleRoot(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod in this folder or above it")
		}
		dir = parent
	}
}

// TestRulesFindWhatTheyForbid applies the rules to small trees that break them.
// Each archive holds a tree, and its comment the problems to be found in it.
func TestRulesFindWhatTheyForbid(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(archives) == 0 {
		t.Fatal("no archives in testdata")
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tree := fstest.MapFS{}
			for _, f := range archive.Files {
				tree[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			}
			found, _, err := check(fs.FS(tree))
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(archive.Comment)) {
				if line = strings.TrimSpace(line); line != "" {
					want = append(want, line)
				}
			}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
