package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/bundle"
)

// BundleResult says what a bundle holds that was written.
type BundleResult struct {
	Dataset object.ID
	Objects int64
	Bytes   int64
	// Refs are what the signed refs in it say, of all copies together.
	Refs int
	// Versions are what it holds besides these.
	Versions []object.ID
	// Since are the commits that its reader must have.
	Since []object.ID
	// Aside is how many copies' refs were left out, since they lead to more than
	// the versions that were asked for.
	Aside int
}

// CreateBundle writes a bundle at the path: of everything that is here or, if
// revisions are named, of these with their history, and of all signed refs that
// lead to nothing else. What the revisions since reach is left out: the reader
// must have it.
func (r *Repo) CreateBundle(ctx context.Context, path string, revs, since []string) (*BundleResult, error) {
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return nil, err
	}
	local := &transport.Local{Store: r.store.Store, Refs: r.refs}
	offer := &transport.Offer{}
	if offer.Identities, err = local.Identities(ctx); err != nil {
		return nil, err
	}
	offer.Dataset = offer.Identities[0].ID()
	if offer.Proofs, err = local.Proofs(ctx); err != nil {
		return nil, err
	}
	if offer.Drafts, err = local.Drafts(ctx); err != nil {
		return nil, err
	}
	offer.Proofs = offer.Proofs[:min(len(offer.Proofs), transport.MaxProofs)]
	heads, err := local.For(refs.PeerID{}).Heads(ctx) // as anybody may see it
	if err != nil {
		return nil, err
	}
	header := &transport.BundleHeader{Dataset: offer.Dataset, Maker: key.PeerID()}
	if header.Haves, err = r.resolveAll(ctx, since); err != nil {
		return nil, err
	}
	if err := r.chooseRefs(ctx, header, offer, heads, revs); err != nil {
		return nil, err
	}
	res := &BundleResult{Dataset: offer.Dataset, Versions: header.Wants, Since: header.Haves, Aside: len(heads) - len(offer.Statements)}
	for _, s := range offer.Statements {
		res.Refs += len(s.Statement().Refs)
	}
	err = bundle.Create(path, func(w io.Writer) error {
		stats, err := transport.WriteBundle(ctx, w, header, offer, r.store, func(p transport.Progress) {
			r.o.Progress("writing the bundle", p.Bytes, 0)
		})
		res.Objects, res.Bytes = stats.Objects, stats.BytesOut
		return err
	})
	return res, err
}

func (r *Repo) resolveAll(ctx context.Context, revs []string) ([]object.ID, error) {
	var ids []object.ID
	for _, rev := range revs {
		id, err := r.Resolve(ctx, rev)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// chooseRefs decides which statements and versions a bundle has: all statements,
// or the revisions and those statements whose refs lead to nothing else.
func (r *Repo) chooseRefs(ctx context.Context, header *transport.BundleHeader, offer *transport.Offer, heads []*refs.SignedStatement, revs []string) error {
	if len(revs) == 0 {
		offer.Statements = heads
		if len(transport.Targets(heads, []refs.Pattern{"*"})) == 0 {
			return ErrUnborn
		}
		return nil
	}
	var err error
	if header.Wants, err = r.resolveAll(ctx, revs); err != nil {
		return err
	}
	covered := make(map[object.ID]bool)
	for c, err := range r.Log(ctx, append(slices.Clone(header.Wants), header.Haves...)...) {
		if err != nil {
			return err
		}
		covered[c.ID] = true
	}
	for _, head := range heads {
		targets := transport.Targets([]*refs.SignedStatement{head}, []refs.Pattern{"*"})
		all := true
		for _, id := range targets {
			commit, err := r.peel(ctx, id)
			if err != nil {
				return err
			}
			all = all && covered[commit]
		}
		if all {
			offer.Statements = append(offer.Statements, head)
		}
	}
	return nil
}

// CloneBundle makes a copy of the dataset in a bundle, as [Clone] does of one that a
// peer serves. location is a path or a web address. The copy goes on fetching
// from there. Of a bundle that holds versions without signed refs, the first
// version is checked out, and no branch follows it.
func CloneBundle(ctx context.Context, location, dir string, o *Options) (*Repo, *FetchResult, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cloning: %w", err)
	}
	if !bundle.IsWeb(location) {
		if location, err = filepath.Abs(location); err != nil {
			return nil, nil, fmt.Errorf("cloning: %w", err)
		}
	}
	r := newRepo(dir, o)
	if _, err := r.prepareClone(location); err != nil {
		return nil, nil, err
	}
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return nil, nil, err
	}
	remote := Remote{Name: DefaultRemote, Bundle: location}
	res, err := r.cloneInto(ctx, &remote, key, func(sink *transport.LocalSink) (transport.Stats, error) {
		return r.unbundle(ctx, &remote, sink)
	})
	if err != nil {
		return nil, nil, errors.Join(err, r.abandonClone())
	}
	return r, res, nil
}

// downloadFile keeps what has come of a bundle on the web.
const downloadFile = "download"

// openBundle opens a bundle where it lies. dir is a folder for what comes from the web;
// discard removes that when all of it was taken, or is of no use.
func openBundle(ctx context.Context, location, part string) (s *bundle.Stream, discard func() error, err error) {
	if !bundle.IsWeb(location) {
		s, err = bundle.OpenFile(location)
		return s, func() error { return nil }, err
	}
	s, err = bundle.OpenWeb(ctx, location, part, nil)
	return s, func() error { return bundle.Discard(part) }, err
}

// unbundle takes what the bundle of a remote holds, and notes whose it is.
func (r *Repo) unbundle(ctx context.Context, remote *Remote, sink transport.Sink) (transport.Stats, error) {
	stream, discard, err := openBundle(ctx, remote.Bundle, r.path(downloadFile))
	if err != nil {
		return transport.Stats{}, err
	}
	stats, err := r.takeBundle(ctx, remote, stream, sink)
	err = errors.Join(err, stream.Close())
	if err == nil || !errors.Is(err, bundle.ErrWeb) && !errors.Is(err, transport.ErrStalled) && ctx.Err() == nil {
		// Another try would meet the same bytes.
		err = errors.Join(err, discard())
	}
	return stats, err
}

func (r *Repo) takeBundle(ctx context.Context, remote *Remote, stream *bundle.Stream, sink transport.Sink) (transport.Stats, error) {
	b, err := transport.OpenBundle(stream)
	if err != nil {
		return transport.Stats{}, err
	}
	if err := r.fits(b); err != nil {
		return transport.Stats{}, err
	}
	remote.URL = refs.URL{Dataset: b.Dataset, Peers: []refs.Address{{Peer: b.Maker}}}
	remote.versions = b.Wants
	res, err := b.Sync(ctx, sink, &transport.BundleOptions{
		Progress: func(p transport.Progress) { r.o.Progress("receiving objects", p.Bytes, stream.Size) },
	})
	if err != nil {
		return res.Stats, err
	}
	return res.Stats, r.checkVersions(ctx, sink, b, res.Offer.Statements)
}

// fits checks that the bundle is of this dataset, or that a clone of it may begin here.
func (r *Repo) fits(b *transport.Bundle) error {
	if r.refs == nil {
		return r.cloning(b.Dataset)
	}
	id, err := r.DatasetID()
	if err == nil && id != b.Dataset {
		err = fmt.Errorf("%w: the bundle is of %s, this dataset is %s", refs.ErrWrongDataset, b.Dataset.Short(), id.Short())
	}
	return err
}

// checkVersions makes sure that somebody of the dataset signed the versions of a
// bundle for which none of its signed refs speaks.
func (r *Repo) checkVersions(ctx context.Context, sink transport.Sink, b *transport.Bundle, statements []*refs.SignedStatement) error {
	local, ok := sink.(*transport.LocalSink)
	if !ok {
		return nil
	}
	chain, err := local.Refs.Chain()
	if err != nil {
		return err
	}
	for _, id := range b.Wants {
		c, err := object.ReadCommit(ctx, r.store, id)
		if err == nil {
			err = c.Verify()
		}
		if err != nil {
			return err
		}
		said := false
		for _, target := range transport.Targets(statements, []refs.Pattern{"*"}) {
			commit, err := r.peel(ctx, target)
			if err == nil && !said {
				said, err = r.isAncestor(ctx, id, commit)
			}
			if err != nil {
				return err
			}
		}
		if signer := refs.PeerID(c.Key); !said && !belongs(chain, signer) {
			return fmt.Errorf("%w: the version %s was signed by %s, who is nobody of this dataset", refs.ErrUntrusted, id.Short(), signer.Short())
		}
	}
	return nil
}

// belongs reports whether the device is or was one of the dataset's people.
func belongs(chain *refs.Chain, device refs.PeerID) bool {
	return slices.ContainsFunc(chain.Versions(), func(v *refs.SignedIdentity) bool {
		_, known := v.Identity().Person(device)
		return known
	})
}

// bundleName returns the name under which a bundle is known as a remote: that in
// the settings, or one made of its own.
func (r *Repo) bundleName(location string) string {
	for name, address := range r.remotes() {
		if address == location {
			return name
		}
	}
	base := location[strings.LastIndexAny(location, `/\`)+1:]
	base = strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return '-'
	}, strings.TrimSuffix(base, bundle.Suffix))
	if base = strings.Trim(base, "-"); base == "" || base == DefaultRemote {
		return "bundle"
	}
	return base
}
