package attacks

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
)

// victim is a folder that an attack is tried on, and what it was before.
type victim struct {
	dir    string
	who    string // whose copy it is
	before state
}

// state is all that a dataset's folder holds and says.
type state struct {
	files   map[string]string // of the working copy and of .constl/refs, by path
	objects int
	shown   string // what constl log --trust --json, proposals and log say
}

// newVictim copies the folder of ana or vic.
func newVictim(t *testing.T, w *world, who string) *victim {
	t.Helper()
	v := &victim{dir: filepath.Join(t.TempDir(), who), who: who}
	if err := os.CopyFS(v.dir, os.DirFS(w.folders[who])); err != nil {
		t.Fatal(err)
	}
	v.before = stateOf(t, w, v)
	return v
}

func stateOf(t *testing.T, w *world, v *victim) state {
	t.Helper()
	s := state{files: make(map[string]string)}
	err := filepath.WalkDir(v.dir, func(path string, d fs.DirEntry, err error) error {
		name, rerr := filepath.Rel(v.dir, path)
		name = filepath.ToSlash(name)
		if err = errors.Join(err, rerr); err != nil || d.IsDir() {
			return err
		}
		// What is left out is derived, or says when something was seen.
		inside, store := strings.CutPrefix(name, ".constl/")
		if store && inside != "HEAD" && (!strings.HasPrefix(inside, "refs/") || inside == "refs/lock") {
			return nil
		}
		data, err := os.ReadFile(path)
		s.files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	packs, err := pack.Open(t.Context(), filepath.Join(v.dir, ".constl", "packs"), nil)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := packs.Stats()
	if err = errors.Join(err, packs.Close()); err != nil {
		t.Fatal(err)
	}
	s.objects, s.shown = stats.Objects, shown(t, w, v)
	return s
}

// shown is what the commands show of who signed what, of proposals and of the history.
func shown(t *testing.T, w *world, v *victim) string {
	t.Helper()
	r, err := repo.Open(t.Context(), v.dir, w.options(v.who))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	trust, err := r.Trust(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proposals, err := r.Proposals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range proposals {
		proposals[i].Note = repo.ProposalNote{}
	}
	head, err := r.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent([]any{trust, proposals, head}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unharmed asserts that nothing has changed, but for what may be kept, and that what is
// there is sound.
func (v *victim) unharmed(t *testing.T, w *world, o outcome) {
	t.Helper()
	after := stateOf(t, w, v)
	var changed []string
	for name, data := range after.files {
		if v.before.files[name] != data {
			changed = append(changed, name)
		}
	}
	for name := range v.before.files {
		if _, ok := after.files[name]; !ok {
			changed = append(changed, name)
		}
	}
	kept := make(map[string]bool)
	for _, name := range changed {
		i := slices.IndexFunc(o.keeps, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if i < 0 {
			t.Errorf("%s was changed", name)
			continue
		}
		kept[o.keeps[i]] = true
	}
	for _, prefix := range o.keeps {
		if !kept[prefix] {
			t.Errorf("nothing is kept under %s", prefix)
		}
	}
	if len(o.keeps) == 0 && after.shown != v.before.shown {
		t.Errorf("what is shown has changed:\n%s\nbefore:\n%s", after.shown, v.before.shown)
	}
	if after.objects != v.before.objects && !o.objects {
		t.Errorf("%d objects, before %d", after.objects, v.before.objects)
	}
	if problems := openRefs(t, v.dir).Check(t.Context()); problems != nil {
		t.Error(problems)
	}
}

// view is what the victim believes in the end.
func (v *victim) view(t *testing.T) *refs.View {
	t.Helper()
	view, err := openRefs(t, v.dir).View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return view
}
