package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/site"
	"github.com/constl/constl/object/durable"
)

// What the page shows of long things.
const (
	siteRows    = 10
	siteCommits = 30
)

func (c *command) exportSite(r *repo.Repo, rev, dir string) error {
	out := filepath.Join(dir, "index.html")
	if err := c.outside(r, out); err != nil {
		return err
	}
	doc, err := r.Documentation(c.ctx(), rev)
	if err != nil {
		return err
	}
	p := &site.Page{Dataset: doc, Rows: make(map[string][][]string)}
	st, err := r.State(c.ctx(), rev, repo.StateOptions{})
	if err != nil {
		return err
	}
	for _, t := range st.Tables {
		if p.Rows[t.Path], err = t.FirstRows(c.ctx(), siteRows); err != nil {
			return err
		}
	}
	if p.History, p.More, err = c.siteHistory(r, st); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := site.Write(&page, p); err != nil {
		return err
	}
	if err := os.MkdirAll(c.env.path(dir), 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	if err := durable.WriteFile(c.env.path(out), page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", out, err)
	}
	return c.exported(doc, "site", out, page.Len())
}

// siteHistory returns the newest commits with what they changed.
func (c *command) siteHistory(r *repo.Repo, st *repo.State) (list []site.Version, more bool, err error) {
	for entry, err := range r.Log(c.ctx(), st.Commit) {
		if err != nil {
			return nil, false, err
		}
		if len(list) == siteCommits {
			return list, true, nil
		}
		d, err := r.CommitDiff(c.ctx(), entry.Commit)
		if err != nil {
			return nil, false, err
		}
		message, _, _ := strings.Cut(entry.Message, "\n")
		v := site.Version{Commit: entry.ID.String(), Author: entry.Author, Time: entry.Time.Time(), Message: message}
		for _, t := range d.Tables {
			v.Added += t.Counts.Added
			v.Modified += t.Counts.Modified
			v.Deleted += t.Counts.Deleted
		}
		list = append(list, v)
	}
	return list, false, nil
}
