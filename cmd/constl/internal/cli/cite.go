package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/constl/constl/internal/cite"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/urfave/cli/v2"
)

func (a *app) citeCommand() *cli.Command {
	return &cli.Command{
		Name: "cite", Category: groupCite, ArgsUsage: "[REV]",
		Usage: "print how to cite this exact version, a table of it, or a subset",
		Description: "Title, authors, licence and the like are those of datapackage.json; a DOI stands in its \"id\".\n" +
			"Anyone who has a clone can check the citation with constl verify.\n" +
			"A subset: constl cite --table counts.csv --query 'columns id, count where count > 3 order by count desc'\n" +
			"The condition is CEL over a row. The query is stored as a signed tag with the version, the number of\n" +
			"rows and their fingerprint; constl verify runs it again, constl cat --query prints its rows.\n" +
			"JSON: --format json, or --json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "text", Usage: "`FORM`: text, bibtex, biblatex, csl, ris, cff, datacite-xml, datacite-json or json"},
			&cli.StringFlag{Name: "table", Usage: "cite one `TABLE`, with the fingerprint of its data"},
			&cli.StringFlag{Name: "query", Usage: "cite the rows and columns that a `QUERY` selects of the table"},
			&cli.BoolFlag{Name: "credits", Usage: "say how many rows and cells are whose, from the history (text and json)"},
		},
		Action: a.action(runCite),
	}
}

// citeForm returns how a citation is written in a format; nil if there is none.
func citeForm(format string) func(cite.Record) string {
	bytes := func(write func(cite.Record) []byte) func(cite.Record) string {
		return func(r cite.Record) string { return string(write(r)) }
	}
	switch format {
	case "text":
		return cite.Text
	case "bibtex":
		return cite.BibTeX
	case "biblatex":
		return cite.BibLaTeX
	case "csl", "csl-json":
		return bytes(cite.CSL)
	case "ris":
		return cite.RIS
	case "cff":
		return cite.CFF
	case "datacite-xml":
		return bytes(cite.DataCiteXML)
	case "datacite-json":
		return bytes(cite.DataCiteJSON)
	case "json":
		return bytes(cite.JSON)
	}
	return nil
}

func runCite(c *command) error {
	args, err := c.arguments(0, 1)
	if err != nil {
		return err
	}
	format := c.String("format")
	if c.asJSON() && !c.IsSet("format") {
		format = "json"
	}
	write := citeForm(format)
	if write == nil {
		return usage("constl cite --format bibtex", "there is no format %q; there are text, bibtex, biblatex, csl, ris, cff, datacite-xml, datacite-json and json", format)
	}
	if c.String("query") != "" && c.String("table") == "" {
		return usage("constl help cite", "--query selects rows of one table: name it with --table")
	}
	return c.open(func(r *repo.Repo) error {
		rev := ""
		if len(args) == 1 {
			rev = args[0]
		}
		rec, err := r.Citation(c.ctx(), rev)
		if err != nil {
			return err
		}
		if table := c.String("table"); table != "" {
			if rec.Part, err = r.CiteQuery(c.ctx(), rec.Commit.String(), table, c.String("query")); err != nil {
				return err
			}
		}
		if c.Bool("credits") {
			if rec.Credits, err = r.Credits(c.ctx(), rec.Commit.String(), c.String("table")); err != nil {
				return err
			}
		}
		c.print("%s", write(*rec))
		if rec.DOI == "" && (format == "datacite-xml" || format == "datacite-json") {
			c.note("note: without a DOI this is a draft; once you have one, put it into \"id\" of datapackage.json\n")
		}
		return nil
	})
}

func (a *app) verifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Category: groupCite, ArgsUsage: "[CITATION, FILE or REV]",
		Usage: "prove that what lies here is what was cited",
		Description: "CITATION is what constl cite prints, or its constl:DATASET@COMMIT alone; FILE is a file with one in it.\n" +
			"Everything is looked at that it rests on: every version of the identity and who signed it, every device's log, the\n" +
			"signature of every commit and tag, the hash of every object, and every file's bytes against what was recorded.\n" +
			"JSON: {\"ok\":bool, \"dataset\", \"commit\", \"objects\": n, \"commits\": n, \"problems\":[{\"object\",\"problem\"}],\n" +
			"\"changed\":[{\"path\",\"status\"}] in the folder, \"stands\":\"agreed\" or \"unsigned\" by the maintainers, \"trust\": as\n" +
			"constl log --trust, null where there are problems, \"absent\": n objects and \"unproved\":[FILE] of a copy of a part,\n" +
			"\"part\": the subset that was cited}",
		Action: a.action(runVerify),
	}
}

func runVerify(c *command) error {
	args, err := c.arguments(0, 1)
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		text := ""
		if len(args) == 1 {
			text = args[0]
		}
		dataset, commit, query, err := c.cited(r, text)
		if err != nil {
			return err
		}
		res, err := r.Verify(c.ctx(), dataset, commit)
		if err != nil {
			return err
		}
		var part *cite.Part
		if query != "" && len(res.Problems) == 0 {
			if part, err = r.VerifyQuery(c.ctx(), query, commit); err != nil {
				return err
			}
		}
		if err := c.printVerified(r, res, part); err != nil {
			return err
		}
		if n := len(res.Problems); n > 0 {
			return fmt.Errorf("%s: %w", plural(int64(n), "problem"), errProblems)
		}
		return nil
	})
}

// cited finds out which version is meant, and which stored query on it if any: by a citation, by a file with one, or
// by a revision.
func (c *command) cited(r *repo.Repo, text string) (dataset, commit object.ID, query string, err error) {
	dataset, commit, err = cite.Find(text)
	if err == nil {
		query, err = cite.FindQuery(text)
	}
	if err == nil || errors.Is(err, cite.ErrSeveral) {
		return dataset, commit, query, err
	}
	data, readErr := os.ReadFile(c.env.path(text))
	switch {
	case text != "" && readErr == nil:
		dataset, commit, err = cite.Find(string(data))
		if err == nil {
			query, err = cite.FindQuery(string(data))
		}
		if err != nil {
			return dataset, commit, "", usage("constl verify CITATION", "%s: %s", text, err)
		}
		return dataset, commit, query, nil
	case text != "" && !errors.Is(readErr, fs.ErrNotExist) && len(text) < 200:
		// A folder, say; it may still be a revision's name.
	}
	commit, err = r.Resolve(c.ctx(), text)
	return object.ID{}, commit, "", err
}

func (c *command) printVerified(r *repo.Repo, res *repo.VerifyResult, part *cite.Part) error {
	ok := len(res.Problems) == 0
	if c.asJSON() {
		return c.printJSON(struct {
			OK       bool              `json:"ok"`
			Dataset  object.ID         `json:"dataset"`
			Commit   object.ID         `json:"commit"`
			Objects  int64             `json:"objects"`
			Commits  int64             `json:"commits"`
			Problems []repo.Problem    `json:"problems"`
			Changed  []repo.FileChange `json:"changed"`
			Stands   string            `json:"stands"`
			Trust    *repo.Trust       `json:"trust"`
			Part     *cite.Part        `json:"part,omitempty"`
			Absent   int64             `json:"absent"`
			Unproved []string          `json:"unproved"`
		}{ok, res.Dataset, res.Commit, res.Objects, res.Commits, notNil(res.Problems), notNil(res.Changed), res.Stands, res.Trust, part, res.Absent, notNil(res.Unproved)})
	}
	for _, p := range res.Problems {
		c.print("  %s\n", c.style(red, diffview.Line(p.Text)))
	}
	if !ok {
		return nil
	}
	cm, err := object.ReadCommit(c.ctx(), r.Objects(), res.Commit)
	if err != nil {
		return err
	}
	c.print("%s: %s\n", c.style(green, "Verified"), cite.Exact(res.Dataset, res.Commit))
	c.print("  by %s on %s\n", diffview.Line(cm.Author), cm.Time.Time().Format(time.DateOnly))
	if r.Part() == nil {
		c.print("  %s and %s, all present and right\n", plural(res.Objects, "object"), plural(res.Commits, "signature"))
	} else {
		c.print("  %s and %s, all right; %s left out\n", plural(res.Objects, "object"), plural(res.Commits, "signature"), plural(res.Absent, "object"))
		c.notePart(r)
	}
	for _, path := range res.Unproved {
		c.print("  not all here, so not proved: %s\n", diffview.Line(path))
	}
	if part != nil {
		c.print("  subset of %s: %s\n", part.Table, part.Query)
		c.print("  run again: %s, %s, as cited\n", plural(part.Rows, "row"), part.Fingerprint)
	}
	newest := res.Trust.Versions[len(res.Trust.Versions)-1]
	c.print("  identity up to version %d, signed by %s; %s of devices\n",
		newest.Version, strings.Join(newest.Signed, ", "), plural(int64(len(res.Trust.Logs)), "log"))
	if res.Stands == repo.StandsAlone {
		c.note("  note: no branch or tag that the maintainers agree on leads to this version\n")
	}
	c.noteContradictions(res.Trust)
	for _, ch := range res.Changed {
		c.note("  note: in the folder, %s is %s since\n", diffview.Line(ch.Path), ch.Status)
	}
	return nil
}

func (a *app) fsckCommand() *cli.Command {
	return &cli.Command{
		Name: "fsck", Category: groupCite, ArgsUsage: "no arguments",
		Usage: "check everything that is stored: hashes, signatures, links, contradictions",
		Description: "With --repair, objects that are damaged or missing are fetched again from any remote that has them.\n\n" +
			"JSON: {\"objects\", \"commits\", \"problems\":[{\"object\",\"problem\"}], \"absent\": n, and with --repair \"repaired\": n, \"set_aside\": n}",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "repair", Usage: "fetch what is damaged or missing again"}},
		Action: a.action(runFsck),
	}
}

// fsckJSON is what fsck answers scripts.
type fsckJSON struct {
	*repo.FsckResult
	Repaired *int `json:"repaired,omitempty"`
	SetAside *int `json:"set_aside,omitempty"`
}

func runFsck(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		var out fsckJSON
		var why, err error
		if c.Bool("repair") {
			var res *repo.RepairResult
			if res, err = r.Repair(c.ctx()); err == nil {
				out, why = fsckJSON{res.Left, &res.Repaired, &res.SetAside}, res.Err
			}
		} else {
			out.FsckResult, err = r.Fsck(c.ctx())
		}
		if err != nil {
			return err
		}
		out.Problems = notNil(out.Problems)
		if c.asJSON() {
			if err := c.printJSON(out); err != nil {
				return err
			}
		} else {
			c.printFsck(r, &out)
		}
		if n := len(out.Problems); n > 0 {
			err := fmt.Errorf("%s: %w", plural(int64(n), "problem"), errProblems)
			if why != nil {
				err = fmt.Errorf("%w: %w", err, why)
			}
			return err
		}
		return nil
	})
}

func (c *command) printFsck(r *repo.Repo, res *fsckJSON) {
	for _, p := range res.Problems {
		c.print("  %s\n", c.style(red, diffview.Line(p.Text)))
	}
	c.notePart(r)
	if res.Absent > 0 {
		c.print("  %s left out, besides what is below them\n", plural(res.Absent, "object"))
	}
	if res.Repaired != nil {
		c.print("%s fetched again\n", plural(int64(*res.Repaired), "object"))
		if n := *res.SetAside; n > 0 {
			c.print("%s that could not be read put aside as .constl/packs/*.damaged\n", plural(int64(n), "file"))
		}
	}
	c.print("%s and %s checked, %s\n", plural(res.Objects, "object"), plural(res.Commits, "signature"), plural(int64(len(res.Problems)), "problem"))
}
