package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// The words of the column "resolution". Any other text is the value itself; a
// value that is one of the words is written with "=" before it.
const (
	TakeOurs   = "ours"
	TakeTheirs = "theirs"
	TakeBase   = "base"
	TakeDone   = "done" // the file was edited by hand and is right as it stands
)

// conflictHeader is the first line of a list of conflicts.
var conflictHeader = []string{"number", "key", "column", "base", "ours", "theirs", "resolution", "kind", "detail"}

// Conflict is one conflict of the merge that is going on.
type Conflict struct {
	Number int `json:"number"` // from 1, within the merge
	merge.Conflict
	// Resolution is what was decided: one of the words, or a value; "" if nothing was.
	Resolution string `json:"resolution"`
}

// Conflicts returns the conflicts of the merge that is going on, with what was
// written into the lists beside the files. It fails with [ErrNotMerging].
func (r *Repo) Conflicts() ([]Conflict, error) {
	state, err := r.readMerge()
	if err != nil {
		return nil, err
	}
	if state == nil {
		return nil, ErrNotMerging
	}
	return r.resolutions(state)
}

func (r *Repo) openConflicts(state *mergeState) (int, error) {
	list, err := r.resolutions(state)
	n := 0
	for _, c := range list {
		if c.Resolution == "" {
			n++
		}
	}
	return n, err
}

// Choice says which conflicts are meant.
type Choice struct {
	// Paths are files and folders; "." is all of them.
	Paths []string
	// Number, Key and Column are those of a conflict as its list shows them; zero
	// and empty ones stand for all.
	Number      int
	Key, Column string
}

// Means reports whether a conflict is one of those that are meant.
func (o *Choice) Means(c *Conflict) bool {
	row, column := c.Cell()
	return within(c.Path, o.Paths) && (o.Number == 0 || o.Number == c.Number) &&
		(o.Key == "" || o.Key == row) && (o.Column == "" || o.Column == column)
}

// ResolveConflicts gives all conflicts that are meant one resolution, as
// [Repo.Decide] does. It returns how many they are, and fails with [ErrNotFile] if
// none is meant.
func (r *Repo) ResolveConflicts(o Choice, resolution string) (int, error) {
	list, err := r.Conflicts()
	if err != nil {
		return 0, err
	}
	decisions := make(map[int]string)
	for i := range list {
		if c := &list[i]; o.Means(c) {
			decisions[c.Number] = resolution
		}
	}
	if len(decisions) == 0 {
		return 0, fmt.Errorf("no conflict of %s is meant: %w", strings.Join(o.Paths, ", "), ErrNotFile)
	}
	return len(decisions), r.Decide(decisions)
}

// Decide writes resolutions, by the conflicts' numbers, into the lists beside their
// files; "" makes a conflict open again. They take effect at the next commit. It
// fails with [ErrNotMerging], with [ErrLocked], and if a resolution does not fit
// its conflict or a list can't be read; nothing is changed then.
func (r *Repo) Decide(decisions map[int]string) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	list, err := r.Conflicts()
	if err != nil {
		return err
	}
	var paths []string
	for number, resolution := range decisions {
		if number < 1 || number > len(list) {
			return fmt.Errorf("there is no conflict %d: %w", number, ErrNotFile)
		}
		c := &list[number-1]
		if err := c.Fits(resolution); err != nil {
			return err
		}
		c.Resolution = plainValue(resolution)
		paths = append(paths, c.Path)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if err := r.writeConflictFile(path, list); err != nil {
			return err
		}
	}
	return nil
}

func conflictFile(path string) string { return path + worktree.ConflictsSuffix }

func keyText(key []string) string { return strings.Join(key, " | ") }

// conflictPaths returns the files that have conflicts, each once.
func conflictPaths(state *mergeState) []string {
	var paths []string
	for _, c := range state.Conflicts {
		if !slices.Contains(paths, c.Path) {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// writeConflictFiles puts a list of its conflicts beside every file that has some.
func (r *Repo) writeConflictFiles(state *mergeState) error {
	list := make([]Conflict, len(state.Conflicts))
	for i, c := range state.Conflicts {
		list[i] = Conflict{Number: i + 1, Conflict: c}
	}
	for _, path := range conflictPaths(state) {
		if err := r.writeConflictFile(path, list); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conflict) record() []string {
	key, column := c.Cell()
	return []string{
		strconv.Itoa(c.Number), key, column, c.Text(c.Base), c.Text(c.Ours), c.Text(c.Theirs),
		c.Resolution, string(c.Kind), c.Detail,
	}
}

func (r *Repo) removeConflictFiles(state *mergeState) error {
	var failed []error
	for _, path := range conflictPaths(state) {
		err := os.Remove(filepath.Join(r.Dir, filepath.FromSlash(conflictFile(path))))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("removing the list of conflicts: %w", err))
		}
	}
	return errors.Join(failed...)
}

// resolutions returns the merge's conflicts with what stands in the lists beside
// the files. A list that is gone decides nothing; one with nonsense in it is an
// error that names the line.
func (r *Repo) resolutions(state *mergeState) ([]Conflict, error) {
	list := make([]Conflict, len(state.Conflicts))
	for i, c := range state.Conflicts {
		list[i] = Conflict{Number: i + 1, Conflict: c}
	}
	for _, path := range conflictPaths(state) {
		if err := r.readConflictFile(path, list); err != nil {
			return nil, &listError{path: conflictFile(path), err: err}
		}
	}
	return list, nil
}

// Fits fails if a text can't be the conflict's resolution; "" always can.
func (c *Conflict) Fits(resolution string) error {
	if resolution == "" {
		return nil
	}
	words := []string{TakeOurs, TakeTheirs, TakeBase, TakeDone}
	if c.Kind == merge.KindViolation {
		words = []string{TakeOurs, TakeDone}
	}
	if c.TakesValue() || slices.Contains(words, resolution) {
		return nil
	}
	what := "how the file is written"
	switch {
	case c.Kind == merge.KindViolation:
		return fmt.Errorf("conflict %d is a rule that the merged rows break: edit %s as it should be, then write %q; %q can't be applied",
			c.Number, c.Path, TakeDone, strings.TrimPrefix(resolution, "="))
	case c.Kind == merge.KindFile || c.Kind == merge.KindDeleted:
		what = "a whole file"
	case c.wholeRow():
		what = "a whole row"
	case c.Kind == merge.KindColumn:
		what = "a whole column"
	case c.Kind == merge.KindOrder:
		what = "an order"
	}
	return fmt.Errorf("conflict %d is about %s: expected ours, theirs, base or done, found %q", c.Number, what, strings.TrimPrefix(resolution, "="))
}

// TakesValue reports whether a value that no side has can be the resolution.
func (c *Conflict) TakesValue() bool {
	switch c.Kind {
	case merge.KindCell, merge.KindRowAdded, merge.KindLines, merge.KindName, merge.KindKey:
		return true
	case merge.KindColumn:
		return c.Part != ""
	case merge.KindMember:
		return c.Row == 0
	}
	return false
}

// chosen returns the version that a resolution takes, if it takes one.
func (c *Conflict) chosen() (v merge.Version, isSide bool) {
	switch c.Resolution {
	case TakeOurs:
		return c.Ours, true
	case TakeTheirs:
		return c.Theirs, true
	case TakeBase:
		return c.Base, true
	}
	return merge.Version{}, false
}

// value returns the text that a decided cell or stretch of lines is to have.
func (c *Conflict) value() string {
	if v, ok := c.chosen(); ok {
		return v.Text
	}
	return strings.TrimPrefix(c.Resolution, "=")
}

// applyResolutions puts what was decided into the files of the folder. It fails
// with [ErrUnresolved], and changes nothing, while a conflict is undecided; one
// counts as decided if the person has changed the cell or file itself.
func (r *Repo) applyResolutions(ctx context.Context, state *mergeState) error {
	list, err := r.resolutions(state)
	if err != nil {
		return err
	}
	merged, err := readFiles(ctx, r.store, state.Tree)
	if err != nil {
		return err
	}
	apply := &resolving{r: r, state: state, ctx: ctx, objects: &overlay{under: r.store}, merged: merged,
		result: &fileSet{files: make(map[string]object.TreeEntry)}, reformed: make(map[string]*tabular.Schema)}
	var open []string
	for _, path := range conflictPaths(state) {
		of := slices.DeleteFunc(slices.Clone(list), func(c Conflict) bool { return c.Path != path })
		undecided, err := apply.file(path, of)
		if err != nil {
			return fmt.Errorf("resolving %s: %w", path, err)
		}
		open = append(open, undecided...)
	}
	if len(open) > 0 {
		const most = 5
		text := strings.Join(open[:min(most, len(open))], "\n  ")
		if more := len(open) - most; more > 0 {
			text += fmt.Sprintf("\n  and %d more", more)
		}
		return fmt.Errorf("%w (%d):\n  %s", ErrUnresolved, len(open), text)
	}
	if err := apply.describe(); err != nil {
		return err
	}
	return r.putFiles(ctx, apply.objects, apply.result, apply.write, apply.remove)
}
