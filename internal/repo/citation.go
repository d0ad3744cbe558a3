package repo

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"

	"github.com/constl/constl/internal/cite"
	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Citation returns what is needed to cite the revision ("" is what is checked
// out): its exact ids, and title, authors and licence as its own datapackage.json
// states them. Without stated authors those of the history are named.
func (r *Repo) Citation(ctx context.Context, rev string) (*cite.Record, error) {
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	c, err := object.ReadCommit(ctx, r.store, commit)
	if err != nil {
		return nil, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	rec := &cite.Record{Dataset: chain.Dataset(), Commit: commit, Date: c.Time.Time(), Title: chain.Current().Name}
	pkg, err := r.packageAt(ctx, commit)
	if err != nil {
		return nil, err
	}
	if pkg != nil {
		fillFromPackage(rec, pkg)
	}
	if len(rec.Authors) == 0 {
		if rec.Authors, err = r.historyAuthors(ctx, commit, chain.Current()); err != nil {
			return nil, err
		}
	}
	if tag, err := r.tagOf(ctx, commit); err != nil {
		return nil, err
	} else if tag != "" {
		rec.Version = tag
	}
	rec.Live = cite.Live(chain.Dataset())
	if url, ok := r.settings.Get(settings.Remote(DefaultRemote)); ok && !filepath.IsAbs(url) {
		rec.Live = url
	}
	return rec, nil
}

func fillFromPackage(rec *cite.Record, pkg *datapackage.Package) {
	if title := pkg.Title(); title != "" {
		rec.Title = title
	}
	rec.Version = pkg.Version()
	for _, l := range pkg.Licenses() {
		rec.License = l.Name
		break
	}
	for _, p := range pkg.Contributors() {
		if p.IsCreator() {
			rec.Authors = append(rec.Authors, cite.Author{Name: p.Name, ORCID: p.ORCID})
		}
	}
}

// packageAt reads the datapackage.json of a commit; nil if it has none.
func (r *Repo) packageAt(ctx context.Context, commit object.ID) (*datapackage.Package, error) {
	e, err := r.entryAt(ctx, commit, datapackage.FileName)
	if errors.Is(err, ErrNotFile) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if err := writeEntry(ctx, r.store, &data, e); err != nil {
		return nil, err
	}
	return datapackage.Parse(data.Bytes())
}

// historyAuthors returns the authors of all commits that led to one, the first
// to commit first.
func (r *Repo) historyAuthors(ctx context.Context, commit object.ID, identity *refs.Identity) ([]cite.Author, error) {
	var authors []cite.Author
	seen := make(map[string]bool)
	for c, err := range r.Log(ctx, commit) {
		if err != nil {
			return nil, err
		}
		if seen[c.Author] {
			continue
		}
		seen[c.Author] = true
		a := cite.Author{Name: c.Author}
		if p, ok := identity.Person(refs.PeerID(c.Key)); ok && p.Name == c.Author {
			a.ORCID = p.ORCID
		}
		authors = append([]cite.Author{a}, authors...)
	}
	return authors, nil
}

// tagOf returns the name of a tag for the commit, or "".
func (r *Repo) tagOf(ctx context.Context, commit object.ID) (string, error) {
	tags, err := r.List(ctx, refs.TagsPrefix)
	if err != nil {
		return "", err
	}
	for _, tag := range tags {
		target, err := r.peel(ctx, tag.Target)
		if err != nil {
			return "", err
		}
		if target == commit {
			return tag.Name.Short(), nil
		}
	}
	return "", nil
}
