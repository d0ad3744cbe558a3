package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/tabular"
)

// Problem is one thing that is not as it should be.
type Problem struct {
	// Object is what is damaged, missing or not signed rightly; zero if the
	// problem is another.
	Object object.ID `json:"object,omitzero"`
	Text   string    `json:"problem"`
}

// FsckResult is what a check found.
type FsckResult struct {
	Objects int64 `json:"objects"` // objects that were read and hashed
	Commits int64 `json:"commits"` // whose signatures were verified
	// Absent are objects that were left out of a copy of a part. What is below them
	// is not counted.
	Absent   int64     `json:"absent"`
	Problems []Problem `json:"problems"`
}

// Fsck reads everything in the store, checks every hash and signature, and that
// everything that a ref leads to is there.
func (r *Repo) Fsck(ctx context.Context) (*FsckResult, error) {
	res := &FsckResult{}
	damaged, err := r.store.Verify(ctx, func(done, total int) { r.o.Progress("reading objects", int64(done), int64(total)) })
	if err != nil {
		return nil, err
	}
	for _, d := range damaged {
		if !d.Held {
			res.Problems = append(res.Problems, Problem{d.ID, damageText(d)})
		}
	}
	for _, err := range r.refs.Check(ctx) {
		res.Problems = append(res.Problems, Problem{Text: err.Error()})
	}
	for _, look := range []func(context.Context) ([]Problem, error){r.splits, r.forks} {
		found, err := look(ctx)
		if err != nil {
			return nil, err
		}
		res.Problems = append(res.Problems, found...)
	}
	roots, err := r.roots(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.check(ctx, roots, res); err != nil {
		return res, err
	}
	return res, r.checkWhole(ctx, roots, res)
}

// checkWhole makes sure that a copy of a part has all of the part.
func (r *Repo) checkWhole(ctx context.Context, roots []object.ID, res *FsckResult) error {
	if r.part.whole() {
		return nil
	}
	lacking, err := r.lacking(ctx, r.part, roots)
	if err != nil {
		res.Problems = append(res.Problems, Problem{Text: err.Error()})
	}
	for _, ask := range lacking.list() {
		for _, id := range ask.Objects {
			res.Problems = append(res.Problems, Problem{id, "it belongs to the part of the dataset that should be here, and is missing"})
		}
	}
	return nil
}

// splits names the devices of the dataset's people that signed two histories, as
// long as nobody has settled that.
func (r *Repo) splits(ctx context.Context) ([]Problem, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, log := range view.Logs() {
		p, listed := view.Chain().Current().Person(log.ID.Signer)
		if !log.Held || !listed || log.Proof == nil {
			continue
		}
		problems = append(problems, Problem{Text: fmt.Sprintf(
			"%s's device %s has signed two different histories from number %d on; nothing of them is used. See: constl log --trust",
			p.Name, log.ID.Signer.Short(), log.Proof.B.Statement().Seq)})
	}
	return problems, nil
}

// forks names the versions of the identity that stand beside those that are followed
// here, as long as nobody has settled that.
func (r *Repo) forks(ctx context.Context) ([]Problem, error) {
	t, err := r.Trust(ctx)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, f := range t.Forks {
		if f.Settled {
			continue
		}
		problems = append(problems, Problem{Text: fmt.Sprintf(
			"the identity has two histories: its version %d is %s here, and %s for others; both have enough signatures. See: constl log --trust",
			f.Version, f.Followed.Short(), f.ID.Short())})
	}
	return problems, nil
}

// damageText says where something is damaged, and what it takes along.
func damageText(d pack.Damage) string {
	text := fmt.Sprintf("%s at %d: %v", d.Pack, d.Offset, d.Err)
	if !d.Base.IsZero() {
		text += fmt.Sprintf(" (it is stored as a difference to %s, which is damaged)", d.Base)
	}
	return text
}

// roots returns everything that a ref, HEAD or a merge leads to.
func (r *Repo) roots(ctx context.Context) ([]object.ID, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	set := make(map[object.ID]bool)
	for _, log := range view.Logs() {
		for _, st := range []*refs.SignedStatement{log.Head, log.Counts} {
			if st == nil {
				continue
			}
			for _, target := range st.Statement().Refs {
				set[target] = true
			}
		}
	}
	seen, err := r.readRemotes()
	if err != nil {
		return nil, err
	}
	for _, remote := range seen {
		for _, target := range remote.Refs {
			set[target] = true
		}
	}
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	set[head.Commit] = true
	if merging, err := r.readMerge(); err != nil {
		return nil, err
	} else if merging != nil {
		set[merging.Theirs], set[merging.Tree] = true, true
	}
	delete(set, object.ID{})
	return slices.SortedFunc(maps.Keys(set), object.ID.Compare), nil
}

// check walks from the roots and verifies what hangs together: links, commits'
// and tags' signatures, tables.
func (r *Repo) check(ctx context.Context, roots []object.ID, res *FsckResult) error {
	seen := make(map[object.ID]bool)
	todo := slices.Clone(roots)
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		links, err := r.checkObject(ctx, id, res)
		switch {
		case errors.Is(err, object.ErrNotFound) && !r.part.whole():
			res.Absent++
		case err != nil:
			res.Problems = append(res.Problems, Problem{id, err.Error()})
		}
		todo = append(todo, links...)
		r.o.Progress("following links", res.Objects, 0)
	}
	return nil
}

func (r *Repo) checkObject(ctx context.Context, id object.ID, res *FsckResult) ([]object.ID, error) {
	o, err := r.store.Store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	res.Objects++
	links, err := object.Links(o)
	if err != nil {
		return nil, err
	}
	switch o.Kind() {
	case object.KindCommit:
		res.Commits++
		c, err := object.DecodeCommit(o)
		return links, errors.Join(err, verified(c))
	case object.KindTag:
		t, err := object.DecodeTag(o)
		return links, errors.Join(err, verified(t))
	case object.KindTree:
		return links, object.CheckTree(o)
	case object.KindTable:
		_, err := tabular.Open(ctx, r.store.Store, id)
		return links, err
	case object.KindSegment:
		return nil, tabular.CheckSegment(o.Payload())
	}
	return links, nil
}

// verified checks the signature of a commit or tag that could be decoded.
func verified[T interface {
	comparable
	Verify() error
}](signed T) error {
	var none T
	if signed == none {
		return nil
	}
	return signed.Verify()
}

// VerifyResult says what was proved of a version.
type VerifyResult struct {
	Dataset object.ID
	Commit  object.ID
	FsckResult
	// Trust is who signed what: the chain of identities, the logs, the refs.
	Trust *Trust
	// Stands says where the version is in the dataset's history.
	Stands string
	// Changed lists files of the folder that are not as in the version; it is set
	// only if the version is what is checked out.
	Changed []FileChange
	// Unproved are files that were not looked at, since they are not here, or not
	// with all columns and rows.
	Unproved []string
}

// The places of a version in the dataset's history.
const (
	StandsAgreed = "agreed"   // the maintainers have signed it, or something that grew from it
	StandsAlone  = "unsigned" // no branch or tag that enough maintainers signed leads to it
)

// Verify proves that a version of the dataset is here, whole and unforged: the
// identity from its first version on, every log, every signature, every object's
// hash, and that every file's bytes are those that its tree names. dataset, if not zero,
// is what the version was cited as; another one fails with [ErrMismatch].
func (r *Repo) Verify(ctx context.Context, dataset, commit object.ID) (*VerifyResult, error) {
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	if !dataset.IsZero() && dataset != chain.Dataset() {
		return nil, fmt.Errorf("%w: cited is dataset %s, this is %s", ErrMismatch, dataset.Short(), chain.Dataset().Short())
	}
	if ok, err := r.store.Has(ctx, commit); err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("%w: commit %s is not here", ErrMismatch, commit)
	}
	res := &VerifyResult{Dataset: chain.Dataset(), Commit: commit}
	for _, err := range r.refs.Check(ctx) {
		res.Problems = append(res.Problems, Problem{Text: err.Error()})
	}
	if err := r.check(ctx, []object.ID{commit}, &res.FsckResult); err != nil {
		return nil, err
	}
	if len(res.Problems) > 0 {
		return res, nil
	}
	if res.Trust, err = r.Trust(ctx); err != nil {
		return nil, err
	}
	if res.Stands, err = r.stands(ctx, commit, res.Trust); err != nil {
		return nil, err
	}
	files, err := r.filesAt(ctx, commit)
	if err != nil {
		return nil, err
	}
	for _, path := range files.paths() {
		e := files.files[path]
		if e.Type == object.TypeSymlink {
			continue
		}
		err := writeEntry(ctx, r.store.Store, io.Discard, e)
		if errors.Is(err, object.ErrNotFound) && !r.part.whole() {
			res.Unproved = append(res.Unproved, path)
			continue
		}
		if err != nil {
			res.Problems = append(res.Problems, Problem{e.ID, fmt.Sprintf("%s: %v", path, err)})
		}
	}
	if head, err := r.Head(ctx); err == nil && head.Commit == commit {
		res.Changed, err = r.changes(ctx, files, nil)
		if err != nil {
			return nil, err
		}
	}
	return res, nil
}

// stands finds out whether something that the maintainers agree on leads to the commit.
func (r *Repo) stands(ctx context.Context, commit object.ID, t *Trust) (string, error) {
	for _, ref := range t.Refs {
		if ref.State != refs.Agreed.String() {
			continue
		}
		at, err := r.peel(ctx, ref.Target)
		if err != nil {
			return "", err
		}
		if ok, err := r.isAncestor(ctx, commit, at); err != nil {
			return "", err
		} else if ok {
			return StandsAgreed, nil
		}
	}
	return StandsAlone, nil
}
