package repo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/constl/constl/internal/cite"
	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/describe"
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
		rec.License, rec.LicensePath = l.Name, l.Path
		break
	}
	rec.Description, rec.Homepage, rec.Keywords = pkg.Description(), pkg.Homepage(), pkg.Keywords()
	rec.DOI = findDOI(pkg.ID())
	rec.Language = languageOf(pkg)
	rec.Titles, rec.Descriptions = translationsOf(pkg, "title"), translationsOf(pkg, "description")
	rec.Created, rec.Temporal, rec.Spatial = pkg.Created(), pkg.Temporal(), areaOf(pkg)
	rec.Methods, rec.Funding = pkg.Methods(), pkg.Funding()
	for _, p := range pkg.Contributors() {
		if slices.ContainsFunc(p.Roles, func(role string) bool { return strings.EqualFold(role, "publisher") }) {
			rec.Publisher = p.Name
		}
		author := cite.Author{Name: p.Name, ORCID: p.ORCID, Affiliation: p.Organization, ROR: p.ROR}
		if p.IsCreator() {
			rec.Authors = append(rec.Authors, author)
		} else {
			rec.Contributors = append(rec.Contributors, cite.Contributor{Author: author, Roles: p.Roles})
		}
	}
}

// languageOf returns the tag of the language that the package states first, or "" if
// that is none: the formats of others take tags alone.
func languageOf(pkg *datapackage.Package) string {
	langs := pkg.Languages()
	if len(langs) == 0 {
		return ""
	}
	tag, err := describe.Language(langs[0])
	if err != nil {
		return ""
	}
	return tag
}

// translationsOf returns the package's texts beside key, of those languages that are.
func translationsOf(pkg *datapackage.Package, key string) map[string]string {
	out := make(map[string]string)
	for lang, text := range pkg.Translations(key) {
		if tag, err := describe.Language(lang); err == nil {
			out[tag] = text
		}
	}
	return out
}

// areaOf returns the area that the package states, without a box that is not on the
// globe.
func areaOf(pkg *datapackage.Package) datapackage.Spatial {
	area := pkg.Spatial()
	area.HasBox = area.HasBox && describe.Box(area.Box) == nil
	return area
}

// findDOI returns the DOI that a text is, as 10.5281/zenodo.1003150, or "".
func findDOI(text string) string {
	text = strings.TrimSpace(text)
	for _, prefix := range []string{"https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "doi:", "DOI:"} {
		text = strings.TrimPrefix(text, prefix)
	}
	registrant, suffix, ok := strings.Cut(text, "/")
	if !ok || suffix == "" || !strings.HasPrefix(registrant, "10.") || len(registrant) < 7 || strings.Trim(registrant[3:], "0123456789.") != "" || strings.ContainsAny(suffix, " \t\r\n") {
		return ""
	}
	return text
}

// Credits says how much of a version is whose: of one table, or of all if table is
// "". Who changed most cells last comes first. It fails as [Repo.Blame] does.
func (r *Repo) Credits(ctx context.Context, rev, table string) ([]cite.Credit, error) {
	tables := []string{table}
	if table == "" {
		var err error
		if tables, err = r.TablePaths(ctx, rev); err != nil {
			return nil, err
		}
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*cite.Credit)
	for _, path := range tables {
		b, err := r.Blame(ctx, rev, path, BlameOptions{})
		if err != nil {
			return nil, err
		}
		author := make([]string, len(b.Commits))
		for i, c := range b.Commits {
			author[i] = c.Author
			if byName[c.Author] == nil {
				byName[c.Author] = &cite.Credit{Author: cite.Author{Name: c.Author}}
			}
			if p, ok := chain.Current().Person(refs.PeerID(c.Key)); ok && p.Name == c.Author {
				byName[c.Author].ORCID = p.ORCID
			}
		}
		for name, n := range b.countBy(author) {
			byName[name].Cells += n.cells
			byName[name].Rows += n.rows
		}
	}
	var list []cite.Credit
	for _, c := range byName {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b cite.Credit) int { return cmp.Or(cmp.Compare(b.Cells, a.Cells), cmp.Compare(a.Name, b.Name)) })
	return list, nil
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
		if strings.HasPrefix(tag.Name.Short(), QueryTags) {
			continue
		}
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
