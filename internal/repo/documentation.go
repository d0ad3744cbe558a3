package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/internal/cite"
	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/describe"
	"github.com/constl/constl/internal/metadata"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular/csv"
)

// Documentation describes a version ("" is what is checked out) for the formats of
// others: what its datapackage.json says, what its tables hold, how it is cited,
// and its files with their hashes, for which all of them are read.
func (r *Repo) Documentation(ctx context.Context, rev string) (*metadata.Dataset, error) {
	st, err := r.State(ctx, rev, StateOptions{Statistics: true})
	if err != nil {
		return nil, err
	}
	rec, err := r.Citation(ctx, rev)
	if err != nil {
		return nil, err
	}
	d := &metadata.Dataset{
		ID: rec.Dataset.String(), Commit: rec.Commit.String(), Exact: cite.Exact(rec.Dataset, rec.Commit), Live: rec.Live,
		Title: rec.Title, Version: rec.Version, Modified: rec.Date.UTC().Truncate(time.Second), BibTeX: cite.BibTeX(*rec),
	}
	d.Citation, _, _ = strings.Cut(cite.Text(*rec), "\n")
	for _, a := range rec.Authors {
		d.Authors = append(d.Authors, metadata.Person{Name: a.Name, ORCID: a.ORCID})
	}
	say(d, st.Package)
	if d.Name == "" {
		d.Name = datapackage.Slug(d.Title)
	}
	for _, t := range st.Tables {
		table := documentTable(t)
		if table.File, err = st.file(ctx, t.Path); err != nil {
			return nil, err
		}
		d.Tables = append(d.Tables, table)
	}
	for _, name := range st.Files {
		if st.set.files[name].Type == object.TypeSymlink {
			continue
		}
		f, err := st.file(ctx, name)
		if err != nil {
			return nil, err
		}
		d.Files = append(d.Files, f)
	}
	return d, nil
}

// say takes over what a package says of the whole dataset.
func say(d *metadata.Dataset, p *datapackage.Package) {
	d.Name, d.Description, d.Homepage, d.Created = p.Name(), p.Description(), p.Homepage(), p.Created()
	d.Titles, d.Descriptions, d.Language = translationsOf(p, "title"), translationsOf(p, "description"), languageOf(p)
	d.Keywords, d.Methods = p.Keywords(), p.Methods()
	d.Temporal = metadata.Period(p.Temporal())
	area := areaOf(p)
	d.Spatial = metadata.Place{Name: area.Place, Box: area.Box, HasBox: area.HasBox}
	for _, f := range p.Funding() {
		d.Funding = append(d.Funding, metadata.Grant{Funder: f.Funder, ROR: f.ROR, Award: f.Award, Title: f.Title})
	}
	for _, l := range p.Licenses() {
		license := metadata.License{ID: l.Name, Name: l.Title, URL: l.Path}
		if known, err := describe.FindLicense(l.Name); err == nil {
			license.ID = known.ID
			if license.Name == "" {
				license.Name = known.Name
			}
			if license.URL == "" {
				license.URL = known.URL
			}
		}
		d.Licenses = append(d.Licenses, license)
	}
	for _, c := range p.Contributors() {
		person := metadata.Person{Name: c.Name, ORCID: c.ORCID, Email: c.Email, URL: c.Path, Organization: c.Organization, ROR: c.ROR, Roles: c.Roles}
		i := slices.IndexFunc(d.Authors, func(a metadata.Person) bool { return a.Name == c.Name })
		switch {
		case c.IsCreator() && i >= 0:
			d.Authors[i] = person
		case !c.IsCreator():
			d.Contributors = append(d.Contributors, person)
		}
	}
}

func documentTable(t *TableState) metadata.Table {
	out := metadata.Table{Name: datapackage.Slug(strings.TrimSuffix(path.Base(t.Path), path.Ext(t.Path))), Rows: t.Table.Rows}
	if t.Said != nil {
		out.Title, out.Description = t.Said.Title(), t.Said.Description()
		if name := t.Said.Name(); name != "" {
			out.Name = name
		}
	}
	out.Dialect = metadata.Dialect{Delimiter: ",", Quote: `"`, Header: true, Encoding: encodingOf(t.Table).String(), LineEnd: "\n"}
	if l, err := csv.DecodeLayout(t.Table.Layout); err == nil {
		out.Dialect.Delimiter, out.Dialect.Header, out.Dialect.LineEnd = string(l.Delimiter), l.Header, l.LineEnd.String()
		if out.Dialect.Quote = ""; l.Quote != 0 {
			out.Dialect.Quote = string(l.Quote)
		}
	}
	for _, f := range t.Fields {
		field := metadata.Field{
			Name: f.Name, Type: string(f.Type), Format: f.Said.Format, Title: f.Said.Title, Titles: f.Said.Titles,
			Description: f.Said.Description, Descriptions: f.Said.Descriptions, Unit: f.Said.Unit, RDFType: f.Said.RDFType, Key: f.Key,
			Missing: f.Said.MissingValues, Statistics: f.Statistics(t.Text),
		}
		for _, c := range f.Said.Constraints {
			field.Constraints = append(field.Constraints, metadata.Constraint(c))
		}
		out.Fields = append(out.Fields, field)
	}
	return out
}

// file hashes a file as others do.
func (st *State) file(ctx context.Context, name string) (metadata.File, error) {
	e := st.set.files[name]
	h := sha256.New()
	if err := writeEntry(ctx, st.objects, h, e); err != nil {
		return metadata.File{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return metadata.File{Path: name, Size: e.Size, SHA256: hex.EncodeToString(h.Sum(nil)), BLAKE3: e.Sum.String()}, nil
}

// WriteFile writes the exact bytes of a file of the state. It fails with
// [ErrNotFile] if there is none of that name.
func (st *State) WriteFile(ctx context.Context, w io.Writer, name string) error {
	e, ok := st.set.files[name]
	if !ok {
		return fmt.Errorf("%s: %w", name, ErrNotFile)
	}
	return writeEntry(ctx, st.objects, w, e)
}

// FirstRows returns the first n rows of the table as people read them.
func (t *TableState) FirstRows(ctx context.Context, n int64) ([][]string, error) {
	var rows [][]string
	for span, err := range t.Table.Range(ctx, 0, n, nil) {
		if err != nil {
			return nil, err
		}
		for row := span.From; row < span.To; row++ {
			cells := make([]string, len(span.Columns))
			for i, c := range span.Columns {
				cells[i] = t.Text(c.At(row))
			}
			rows = append(rows, cells)
		}
	}
	return rows, nil
}

// Ignored reports whether a file of that name, relative to the dataset's folder, is outside of
// what a commit records, so that generated files may be put there.
func (r *Repo) Ignored(name string) (bool, error) {
	ignore, err := worktree.ReadIgnore(r.Dir)
	if err != nil {
		return false, err
	}
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if ignore.Match(dir, dir != name) {
			return true, nil
		}
	}
	return false, nil
}
