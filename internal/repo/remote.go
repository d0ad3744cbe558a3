package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/bundle"
)

// DefaultRemote is the name under which a clone knows where it came from.
const DefaultRemote = "origin"

// Remote is a peer, or several who have the same, under a name of our own.
type Remote struct {
	Name string
	URL  refs.URL
	// Bundle is the path or web address of a bundle that stands for the peer; URL
	// is then zero until the bundle was read.
	Bundle string
	// Given says that the address itself was given, not a name from the settings.
	Given bool

	versions []object.ID // of a bundle, besides what its refs say
}

// seenRemote is what a remote was last seen to have.
type seenRemote struct {
	Time time.Time               `json:"time"`
	Refs map[refs.Name]object.ID `json:"refs"`
}

// Remote finds a remote by its name, or by the address of this dataset, or by the
// absolute path or the web address of a bundle; "" is the one that the dataset was
// cloned from. It fails with [ErrNoRemote], with
// an error that wraps [refs.ErrInvalidURL], or with [refs.ErrWrongDataset].
func (r *Repo) Remote(text string) (Remote, error) {
	remote := Remote{Name: text}
	if text == "" {
		remote.Name = DefaultRemote
	}
	address := text
	if !refs.IsURL(text) && !strings.Contains(text, "://") && !isBundle(text) {
		found, ok := r.settings.Get(settings.Remote(remote.Name))
		if !ok {
			return Remote{}, fmt.Errorf("%w as %s", ErrNoRemote, remote.Name)
		}
		address = found
	}
	if isBundle(address) {
		remote.Bundle, remote.Given = address, address == text
		if remote.Given {
			remote.Name = r.bundleName(address)
		}
		return remote, nil
	}
	var err error
	if remote.URL, err = refs.ParseURL(address); err != nil {
		return Remote{}, err
	}
	if len(remote.URL.Peers) == 0 {
		return Remote{}, fmt.Errorf("%w: %s names no peer", refs.ErrInvalidURL, address)
	}
	if address == text {
		remote.Given = true
		remote.Name = r.nameOf(remote.URL)
	}
	id, err := r.DatasetID()
	if err == nil && id != remote.URL.Dataset {
		err = fmt.Errorf("%w: the address is that of %s, this dataset is %s", refs.ErrWrongDataset, remote.URL.Dataset.Short(), id.Short())
	}
	return remote, err
}

// address is what the settings say of the remote.
func (r *Remote) address() string {
	if r.Bundle != "" {
		return r.Bundle
	}
	return r.URL.String()
}

// isBundle reports whether an address is that of a bundle.
func isBundle(address string) bool { return bundle.IsWeb(address) || filepath.IsAbs(address) }

// remotes yields the names and addresses in the settings, sorted by name.
func (r *Repo) remotes() iter.Seq2[string, string] {
	return func(yield func(name, address string) bool) {
		for _, s := range r.settings.All() {
			if name, ok := settings.RemoteName(s[0]); ok && !yield(name, s[1]) {
				return
			}
		}
	}
}

// nameOf returns the name of the remote that has the peer of an address already,
// or one made of the peer's id.
func (r *Repo) nameOf(url refs.URL) string {
	for name, address := range r.remotes() {
		known, err := refs.ParseURL(address)
		if err == nil && len(known.Peers) > 0 && known.Peers[0].Peer == url.Peers[0].Peer {
			return name
		}
	}
	return url.Peers[0].Peer.Short()
}

func (r *Repo) readRemotes() (map[string]seenRemote, error) {
	seen := make(map[string]seenRemote)
	data, err := os.ReadFile(r.path(remotesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what remotes have: %w", err)
	}
	if err := json.Unmarshal(data, &seen); err != nil {
		return nil, fmt.Errorf("reading what remotes have: %w: %s: %w", object.ErrCorrupt, remotesFile, err)
	}
	return seen, nil
}

// upstream says where a remote stands, after a fetch.
type upstream struct {
	refs map[refs.Name]object.ID
	// heads are the commits that a pull of the branch takes over: what maintainers
	// say, and, if the peer was asked by its address, what that peer says itself.
	heads func(branch refs.Name) ([]object.ID, error)
	// aside names branches of which the peer has commits that no maintainer signed.
	aside []refs.Name
	// signed is, of these, what the maintainers say.
	signed map[refs.Name]object.ID
}

// remember works out where a remote stands and keeps that.
func (r *Repo) remember(ctx context.Context, remote Remote) (*upstream, error) {
	up, err := r.whereabouts(ctx, remote)
	if err != nil {
		return nil, err
	}
	return up, r.writeSeen(remote.Name, up.refs)
}

// whereabouts works out where a remote stands, by what was fetched.
func (r *Repo) whereabouts(ctx context.Context, remote Remote) (*upstream, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	own, _ := view.Own()
	peers := peerRefs(view, remote.URL, own)
	up := &upstream{refs: make(map[refs.Name]object.ID), signed: make(map[refs.Name]object.ID)}
	names := view.Names()
	for name := range peers {
		names = append(names, name)
	}
	names = slices.DeleteFunc(names, refs.Name.Aside)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		agreed, err := r.agreed(ctx, view, name, own)
		if err != nil {
			return nil, err
		}
		target, ok := peers[name]
		if ok && len(agreed) > 0 && !slices.Contains(agreed, target) {
			known, err := r.contained(ctx, target, agreed)
			if err != nil {
				return nil, err
			}
			if known {
				ok = false
			} else {
				up.aside = append(up.aside, name)
				up.signed[name] = agreed[0]
			}
		}
		if !ok && len(agreed) > 0 {
			target, ok = agreed[0], true
		}
		if ok {
			up.refs[name] = target
		}
	}
	for _, id := range remote.versions {
		up.refs[refs.Name(refs.HeadsPrefix+id.Short())] = id
	}
	up.heads = func(branch refs.Name) ([]object.ID, error) {
		heads, err := r.agreed(ctx, view, branch, own)
		if target, ok := peers[branch]; ok && remote.Given && !slices.Contains(heads, target) {
			heads = append(heads, target)
		}
		return heads, err
	}
	return up, nil
}

// contained reports whether one of the commits grew from the target.
func (r *Repo) contained(ctx context.Context, target object.ID, commits []object.ID) (bool, error) {
	for _, c := range commits {
		if ok, err := r.isAncestor(ctx, target, c); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// peerRefs returns what the peers of an address say themselves, in logs other
// than our own.
func peerRefs(view *refs.View, url refs.URL, own refs.LogID) map[refs.Name]object.ID {
	said := make(map[refs.Name]object.ID)
	times := make(map[refs.Name]int64)
	for _, a := range url.Peers {
		for _, log := range view.Peer(a.Peer).Logs {
			if log.ID == own || log.Counts == nil || log.Ended {
				continue
			}
			st := log.Counts.Statement()
			for name, target := range st.Refs {
				if _, ok := said[name]; !ok || st.Time > times[name] {
					said[name], times[name] = target, st.Time
				}
			}
		}
	}
	return said
}

// agreed returns what the maintainers say of a ref, apart from this copy itself:
// one target if they agree, or those that stand side by side.
func (r *Repo) agreed(ctx context.Context, view *refs.View, name refs.Name, own refs.LogID) ([]object.ID, error) {
	c, err := r.canonical(ctx, view, name)
	if err != nil || c.State == refs.Waiting {
		return nil, err
	}
	if c.State == refs.Agreed {
		return []object.ID{c.Target}, nil
	}
	var targets []object.ID
	for _, cand := range c.Candidates {
		if cand.Log != own && !slices.Contains(targets, cand.Target) {
			targets = append(targets, cand.Target)
		}
	}
	return targets, nil
}

func (r *Repo) writeSeen(name string, targets map[refs.Name]object.ID) error {
	seen, err := r.readRemotes()
	if err != nil {
		return err
	}
	seen[name] = seenRemote{Time: r.o.Now().UTC().Truncate(time.Second), Refs: targets}
	data, err := json.MarshalIndent(seen, "", " ")
	if err != nil {
		return fmt.Errorf("writing what remotes have: %w", err)
	}
	return durable.WriteFile(r.path(remotesFile), append(data, '\n'), 0o644)
}
