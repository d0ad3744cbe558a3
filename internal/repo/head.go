package repo

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/refs"
)

// Head says what is checked out.
type Head struct {
	// Branch is the branch that commits go to; empty if a commit is checked out
	// that no branch follows.
	Branch refs.Name
	// Commit is the commit that the folder started from; zero if the branch has
	// none yet.
	Commit object.ID
}

// Head returns what is checked out.
func (r *Repo) Head(ctx context.Context) (Head, error) {
	data, err := os.ReadFile(r.path(headFile))
	if err != nil {
		return Head{}, fmt.Errorf("reading HEAD: %w", err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if id, err := object.ParseID(text); err == nil {
		return Head{Commit: id}, nil
	}
	name, err := refs.ParseName(text)
	if err != nil {
		return Head{}, fmt.Errorf("%w: HEAD says %q; expected a branch as %s, or a commit's id", object.ErrCorrupt, text, refs.HeadsPrefix+DefaultBranch)
	}
	own, err := r.refs.Own(ctx)
	if err != nil {
		return Head{}, err
	}
	return Head{Branch: name, Commit: own[name]}, nil
}

// writeHead records what is checked out.
func (r *Repo) writeHead(h Head) error {
	text := string(h.Branch)
	if text == "" {
		text = h.Commit.String()
	}
	return durable.WriteFile(r.path(headFile), []byte(text+"\n"), 0o644)
}

// moveHead makes the commit what is checked out: it moves the branch, if there is
// one, which must still stand where h says. files must be in place before.
func (r *Repo) moveHead(ctx context.Context, h Head, to object.ID) error {
	if h.Branch == "" {
		return r.writeHead(Head{Commit: to})
	}
	return r.updateRefs(ctx, refs.Change{Name: h.Branch, Old: h.Commit, New: to})
}

// updateRefs makes the changes by a statement that this device signs.
func (r *Repo) updateRefs(ctx context.Context, changes ...refs.Change) error {
	if err := r.readyToSign(ctx); err != nil {
		return err
	}
	_, err := r.refs.Update(ctx, changes...)
	return err
}

// say makes refs all that a log beside this copy's own says, by a statement that this
// device signs (see [refs.Store.Say]).
func (r *Repo) say(ctx context.Context, log refs.LogID, said map[refs.Name]object.ID) (*refs.SignedStatement, error) {
	if err := r.readyToSign(ctx); err != nil {
		return nil, err
	}
	return r.refs.Say(ctx, log, said)
}

// Ref is a branch or tag of this copy.
type Ref struct {
	Name   refs.Name
	Target object.ID
}

// List returns this copy's own refs whose names begin with prefix, as
// [refs.HeadsPrefix], sorted by name.
func (r *Repo) List(ctx context.Context, prefix string) ([]Ref, error) {
	own, err := r.refs.Own(ctx)
	if err != nil {
		return nil, err
	}
	var list []Ref
	for name, target := range own {
		if strings.HasPrefix(string(name), prefix) {
			list = append(list, Ref{name, target})
		}
	}
	slices.SortFunc(list, func(a, b Ref) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return list, nil
}

// CreateBranch makes a branch at the revision; "" is what is checked out. It
// fails with [ErrExists] if there is one of that name.
func (r *Repo) CreateBranch(ctx context.Context, branch, rev string) (object.ID, error) {
	name, err := refs.Head(branch)
	if err != nil {
		return object.ID{}, err
	}
	at, err := r.Resolve(ctx, rev)
	if err != nil {
		return object.ID{}, err
	}
	return at, r.createRef(ctx, name, at)
}

func (r *Repo) createRef(ctx context.Context, name refs.Name, target object.ID) error {
	own, err := r.refs.Own(ctx)
	if err != nil {
		return err
	}
	if old, ok := own[name]; ok {
		return fmt.Errorf("%s, at %s: %w", name.Short(), old.Short(), ErrExists)
	}
	return r.updateRefs(ctx, refs.Change{Name: name, New: target})
}

// DeleteRef removes a branch or tag of this copy and returns what it pointed to.
// The branch that is checked out stays, and so does one whose commits would be
// reachable from nowhere else, unless force is set.
func (r *Repo) DeleteRef(ctx context.Context, name refs.Name, force bool) (object.ID, error) {
	own, err := r.refs.Own(ctx)
	if err != nil {
		return object.ID{}, err
	}
	target, ok := own[name]
	if !ok {
		return object.ID{}, fmt.Errorf("%w: there is no %s", ErrUnknownRevision, name)
	}
	head, err := r.Head(ctx)
	if err != nil {
		return object.ID{}, err
	}
	if head.Branch == name {
		return object.ID{}, fmt.Errorf("%s is checked out: %w; switch to another branch first", name.Short(), ErrExists)
	}
	if !force {
		if err := r.checkKept(ctx, name, target, own, head); err != nil {
			return object.ID{}, err
		}
	}
	return target, r.updateRefs(ctx, refs.Change{Name: name, Old: target})
}

// checkKept fails unless the target is reachable without the named ref.
func (r *Repo) checkKept(ctx context.Context, name refs.Name, target object.ID, own map[refs.Name]object.ID, head Head) error {
	commit, err := r.peel(ctx, target)
	if err != nil {
		return err
	}
	own[""] = head.Commit
	for other, at := range own {
		if other == name || at.IsZero() {
			continue
		}
		at, err := r.peel(ctx, at)
		if err != nil {
			return err
		}
		if ok, err := r.isAncestor(ctx, commit, at); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s has commits that nothing else leads to: %w; merge it first, or use --force", name.Short(), ErrDirty)
}
