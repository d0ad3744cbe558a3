package repo

import (
	"context"

	"github.com/constl/constl/internal/fingerprint"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Texts returns a table of a revision as the texts that its fingerprint is made of,
// read as the datapackage.json of that revision says. It fails with [ErrNotFile] if
// there is no such table. The result reads from the dataset, which must stay open.
func (r *Repo) Texts(ctx context.Context, rev, path string) (tabular.Texts, error) {
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	t, err := r.tableAt(ctx, commit, path)
	if err != nil {
		return nil, err
	}
	return r.textsOf(ctx, commit, path, t, nil)
}

// textsOf returns the columns of a commit's table at the given positions as texts.
func (r *Repo) textsOf(ctx context.Context, commit object.ID, path string, t *tabular.Table, cols []int) (tabular.Texts, error) {
	pkg, err := r.packageAt(ctx, commit)
	if err != nil || pkg == nil {
		return fingerprint.OfTable(t, cols, nil)
	}
	resource, _ := pkg.Resource(path)
	return fingerprint.OfTable(t, cols, resource)
}

// TablePaths returns the paths of all tables of a revision, sorted.
func (r *Repo) TablePaths(ctx context.Context, rev string) ([]string, error) {
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	set, err := r.filesAt(ctx, commit)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, path := range set.paths() {
		if set.files[path].Type == object.TypeTable {
			list = append(list, path)
		}
	}
	return list, nil
}
