package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// Clone makes a copy of the dataset at the address in the folder dir, which must
// be empty or not there, and checks out its first branch. If it is cut, another
// Clone of the same dataset into the same folder goes on where it stopped.
func Clone(ctx context.Context, url refs.URL, dir string, o *Options) (*Repo, *FetchResult, error) {
	return ClonePart(ctx, url, dir, nil, o)
}

// ClonePart is [Clone] of a part of the dataset; a nil part is all of it.
func ClonePart(ctx context.Context, url refs.URL, dir string, part *Part, o *Options) (*Repo, *FetchResult, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cloning: %w", err)
	}
	if len(url.Peers) == 0 {
		return nil, nil, fmt.Errorf("%w: it names no peer", refs.ErrInvalidURL)
	}
	r := newRepo(dir, o)
	resumed, err := r.prepareClone(url.Dataset.String())
	if err != nil {
		return nil, nil, err
	}
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return nil, nil, err
	}
	remote := Remote{Name: DefaultRemote, URL: url}
	r.part = part
	res, err := r.cloneInto(ctx, &remote, key, func(sink *transport.LocalSink) (transport.Stats, error) {
		req := &transport.SyncRequest{Dataset: url.Dataset, Resume: resumed}
		return r.exchange(ctx, url, key, req, r.sinkFor(sink, req))
	})
	if err != nil {
		return nil, nil, errors.Join(err, r.abandonClone())
	}
	return r, res, nil
}

// prepareClone makes the folder ready for a clone of the dataset whose id source
// is, or of the bundle at that place, and reports whether an earlier clone was cut there.
func (r *Repo) prepareClone(source string) (resumed bool, err error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("cloning: %w", err)
	}
	if _, err := os.Stat(r.path(formatFile)); err == nil {
		return false, fmt.Errorf("%s is a dataset: %w; to get what is new there: constl pull", r.Dir, ErrExists)
	}
	marker := r.path(cloningFile)
	text, err := os.ReadFile(marker)
	switch {
	case err == nil && (string(text) == source || isBundle(source) && !isBundle(string(text))):
		// Which dataset a bundle is of is seen when it is read.
		return true, nil
	case err == nil:
		return false, fmt.Errorf("%s holds a part of a clone of another dataset: %w; clone into a new folder", r.Dir, ErrExists)
	case len(entries) > 1 || len(entries) == 1 && entries[0].Name() != worktree.StoreDir:
		return false, fmt.Errorf("%s is not empty: %w; clone into a new folder", r.Dir, ErrExists)
	}
	if err := os.MkdirAll(r.path(packsDir), 0o755); err != nil {
		return false, fmt.Errorf("cloning: %w", err)
	}
	return false, durable.WriteFile(marker, []byte(source), 0o644)
}

// cloning notes of which dataset the clone is that began with a bundle. It fails
// with [ErrExists] if an earlier one here was of another.
func (r *Repo) cloning(dataset object.ID) error {
	text, err := os.ReadFile(r.path(cloningFile))
	if err != nil {
		return fmt.Errorf("cloning: %w", err)
	}
	if id, err := object.ParseID(string(text)); err == nil && id != dataset {
		return fmt.Errorf("%s holds a part of a clone of another dataset: %w; clone into a new folder", r.Dir, ErrExists)
	}
	return durable.WriteFile(r.path(cloningFile), []byte(dataset.String()), 0o644)
}

// abandonClone leaves what has arrived, so that a next try goes on from there, and
// nothing at all if nothing has.
func (r *Repo) abandonClone() error {
	if r.store == nil {
		return nil
	}
	stats, err := r.store.Stats()
	err = errors.Join(err, r.store.Close())
	if err == nil && stats.Objects == 0 {
		err = os.RemoveAll(r.path())
		_ = os.Remove(r.Dir) // only if it is empty
	}
	return err
}

// cloneInto makes the dataset of what get brings into a sink from the remote.
func (r *Repo) cloneInto(ctx context.Context, remote *Remote, key *refs.Key, get func(*transport.LocalSink) (transport.Stats, error)) (*FetchResult, error) {
	if err := r.openStore(ctx); err != nil {
		return nil, err
	}
	if err := r.mindDisk(); err != nil {
		return nil, err
	}
	sink := &transport.LocalSink{
		Objects: r.store.Store,
		Room:    r.room,
		State:   remote.URL.State,
		Create: func(ctx context.Context, chain *refs.Chain) (*refs.Store, error) {
			if err := os.RemoveAll(r.path(refsDir)); err != nil {
				return nil, fmt.Errorf("cloning: %w", err)
			}
			return refs.Create(ctx, r.path(refsDir), chain, r.refsOptions(key))
		},
	}
	stats, err := get(sink)
	if err != nil {
		return nil, err
	}
	if r.settings, err = settings.Open(r.o.Home, r.path()); err != nil {
		return nil, err
	}
	if err := r.settings.SetLocal(settings.Remote(DefaultRemote), remote.address()); err != nil {
		return nil, err
	}
	r.refs = sink.Refs
	if err := r.signWith(key); err != nil {
		return nil, err
	}
	res, err := r.fetched(ctx, *remote, stats, sink.Report)
	if err != nil {
		return nil, err
	}
	if err := r.setPart(r.part); err != nil {
		return nil, err
	}
	if err := r.firstCheckout(ctx, res, remote.versions); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(r.path(formatFile), []byte(formatText), 0o644); err != nil {
		return nil, fmt.Errorf("cloning: %w", err)
	}
	return res, os.Remove(r.path(cloningFile))
}

// firstCheckout goes to the branch that the remote has: main, or else the first;
// or to the first of the versions, if there are only these.
func (r *Repo) firstCheckout(ctx context.Context, res *FetchResult, versions []object.ID) error {
	main, err := refs.Head(DefaultBranch)
	if err != nil {
		return err
	}
	if len(versions) > 0 && len(res.Refs) == len(versions) {
		return r.firstFiles(ctx, Head{Commit: versions[0]})
	}
	branch := main
	if _, ok := res.Refs[main]; !ok {
		for name := range res.Refs {
			if strings.HasPrefix(string(name), refs.HeadsPrefix) && (branch == main || name < branch) {
				branch = name
			}
		}
	}
	target, ok := res.Refs[branch]
	if !ok {
		return r.writeHead(Head{Branch: main})
	}
	if signed, ok := res.up.signed[branch]; ok {
		target = signed // the peer's own commits are told of, and not taken
	}
	if err := r.updateRefs(ctx, refs.Change{Name: branch, New: target}); err != nil {
		return err
	}
	return r.firstFiles(ctx, Head{Branch: branch, Commit: target})
}

// firstFiles checks out where nothing is yet. An earlier clone may have put files
// there already, and a person may have changed them since.
func (r *Repo) firstFiles(ctx context.Context, head Head) error {
	files, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return err
	}
	if _, err := r.replaceFiles(ctx, &fileSet{}, files); err != nil {
		return err
	}
	return r.writeHead(head)
}
