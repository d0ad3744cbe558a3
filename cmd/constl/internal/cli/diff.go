package cli

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/urfave/cli/v2"
)

// How many rows of a table, and lines of a text, are shown without --all.
const (
	shownRows = 40   // where nobody can scroll
	pagedRows = 1000 // in a pager, on a page and in Markdown
)

// viewFlags are the options of commands that show differences.
func viewFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "stat", Usage: "show counts only"},
		&cli.BoolFlag{Name: "all", Usage: "show all rows, not the first 40 of each table (1,000 in a pager, HTML or Markdown)"},
		&cli.BoolFlag{Name: "csv", Usage: "write one table's difference as CSV, in the tabular diff format of daff"},
		&cli.BoolFlag{Name: "html", Usage: "write a web page that needs nothing else"},
		&cli.BoolFlag{Name: "markdown", Usage: "write Markdown, as for a comment on GitHub"},
		&cli.BoolFlag{Name: "rows", Usage: "with --json: list the rows, too"},
		&cli.BoolFlag{Name: "no-pager", Usage: "write to the terminal at once; else $PAGER, or less, shows what is long"},
	}
}

func (a *app) diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Category: groupLook, ArgsUsage: "[REV [REV]] [-- PATH ...], or FILE FILE",
		Usage: "show what changed, row by row and cell by cell",
		Description: "Without REV: the folder against what is checked out; with one: the folder against it; with\n" +
			"two: the second against the first. Two files that are there are compared with each other, in a\n" +
			"dataset or not: constl diff old.csv new.csv; either can be REV:PATH, as HEAD:counts.csv.\n" +
			"--rev takes both words for versions.\n" +
			"Rows are matched by the table's key; of two files the key is inferred, or named with --key.\n" +
			"Without a key whole rows are compared, and of those in one place that are equal in at least half\n" +
			"of their cells the cells are shown; --json and exit codes are exact, and know added and deleted rows.\n" +
			"JSON: {\"tables\":[{\"path\",\"status\",\"added\",\"deleted\",\"modified\",\"cells_changed\",\"moved\",\"key\",\n" +
			"\"schema_changes\":[{\"change\",\"field\",\"from\",\"to\"}],\"rows\":[{\"change\",\"key\",\"row_old\",\"row_new\",\"values\",\n" +
			"\"cells\":[{\"column\",\"old\",\"new\"}]}]}],\"files\":[{\"path\",\"status\"}]}",
		Flags: append(viewFlags(),
			&cli.StringFlag{Name: "key", Usage: "match the rows of two files by these columns, as `a,b`"},
			&cli.BoolFlag{Name: "rev", Usage: "take the words for versions, even if there are files of these names"},
			&cli.BoolFlag{Name: "exit-code", Usage: "exit with 1 if anything differs"}),
		Action: a.action(runDiff),
	}
}

func runDiff(c *command) error {
	if err := c.checkView(); err != nil {
		return err
	}
	revs, paths, err := c.revsAndPaths()
	if err != nil {
		return err
	}
	if done, err := c.diffOfFiles(revs, paths); done || err != nil {
		return err
	}
	if c.String("key") != "" {
		return usage("constl diff old.csv new.csv --key id", "--key is for two files; a dataset's tables have their key in datapackage.json")
	}
	return c.fileMeant(revs, c.open(func(r *repo.Repo) error {
		paths, err := c.paths(r, paths)
		if err != nil {
			return err
		}
		var from, to string
		if len(revs) > 0 {
			from = revs[0]
		}
		if len(revs) > 1 {
			to = revs[1]
		}
		d, err := r.Diff(c.ctx(), from, to, paths)
		if err != nil {
			return err
		}
		return c.answerDiff(d)
	}))
}

// fileMeant returns what to say of an error if the words were most likely meant as
// files.
func (c *command) fileMeant(words []string, err error) error {
	unknown := errors.Is(err, repo.ErrUnknownRevision)
	if !unknown && !errors.Is(err, repo.ErrNotDataset) {
		return err
	}
	for i, word := range words {
		if _, serr := os.Stat(c.env.path(word)); serr != nil {
			continue
		}
		if len(words) == 2 && !c.Bool("rev") {
			return usage("constl diff old.csv new.csv", "two files are compared if both are there: there is no file %s", words[1-i])
		}
		if unknown {
			return usage("constl diff -- "+word, "%s is a file; where a version is expected, files stand behind --", word)
		}
	}
	return err
}

// answerDiff shows a difference as it was asked for.
func (c *command) answerDiff(d *changes.Set) error {
	if c.asJSON() {
		doc, err := diffview.JSON(c.ctx(), d, c.Bool("rows"))
		if err == nil {
			err = c.printJSON(doc)
		}
		if err != nil {
			return err
		}
	} else if err := c.showDiff(d, nil); err != nil {
		return err
	}
	if c.Bool("exit-code") && !d.Empty() {
		return errFound
	}
	return nil
}

// checkView fails if more than one form was asked for.
func (c *command) checkView() error {
	var asked []string
	for _, form := range []string{"json", "stat", "csv", "html", "markdown"} {
		if c.Bool(form) && !(form == "stat" && c.Bool("json")) {
			asked = append(asked, "--"+form)
		}
	}
	if len(asked) > 1 {
		return usage("constl help "+c.Command.Name, "%s are different forms of the same answer: choose one", strings.Join(asked, " and "))
	}
	return nil
}

// revsAndPaths parts the arguments at "--".
func (c *command) revsAndPaths() (revs, paths []string, err error) {
	revs = c.Args().Slice()
	for i, arg := range revs {
		if arg == "--" {
			revs, paths = revs[:i], revs[i+1:]
			break
		}
	}
	if len(revs) > 2 {
		return nil, nil, usage("constl help diff", "expected at most two versions, found %d; name files behind --", len(revs))
	}
	return revs, paths, nil
}

// showDiff writes a difference for people, in the form that was asked for; head
// writes what stands above it on a terminal.
func (c *command) showDiff(d *changes.Set, head func(c *command)) error {
	o := &diffview.Options{Most: pagedRows}
	if c.Bool("all") {
		o.Most = 0
	}
	switch {
	case c.Bool("html"):
		o.Title = "Differences"
		if words := strings.Join(c.words(), " → "); words != "" {
			o.Title += ": " + words
		}
		return diffview.HTML(c.ctx(), c.env.Stdout, d, o)
	case c.Bool("markdown"):
		return diffview.Markdown(c.ctx(), c.env.Stdout, d, o)
	}
	for _, t := range d.Tables {
		if t.Note != "" {
			c.note("note: %s: %s\n", t.Path, t.Note)
		}
	}
	if c.Bool("csv") {
		return c.showHighlight(d)
	}
	if d.Empty() && head == nil {
		c.note("Nothing differs\n")
		return nil
	}
	return c.paged(func(c *command, paged bool) error {
		if head != nil {
			head(c)
		}
		if !paged && !c.Bool("all") {
			o.Most = shownRows
		}
		o.Colour = c.env.Colour
		if o.Width = c.env.Width; c.Bool("all") && !paged {
			o.Width = 0
		}
		if c.Bool("stat") {
			return diffview.Stat(c.ctx(), c.env.Stdout, d, o)
		}
		return diffview.Terminal(c.ctx(), c.env.Stdout, d, o)
	})
}

// showHighlight writes the one table that differs as CSV.
func (c *command) showHighlight(d *changes.Set) error {
	if len(d.Tables) > 1 {
		var names []string
		for _, t := range d.Tables {
			names = append(names, t.Path)
		}
		return usage("constl diff --csv -- "+names[0], "--csv holds the difference of one table, and %d differ: %s",
			len(names), strings.Join(names, ", "))
	}
	for _, f := range d.Files {
		c.note("%s is %s, too; it is no table, so the CSV says nothing of it\n", f.Path, f.Status)
	}
	for _, t := range d.Tables {
		return diffview.Highlight(c.ctx(), c.env.Stdout, t)
	}
	return nil
}

// diffOfFiles compares two files, if the arguments name such; done is false if they
// do not.
func (c *command) diffOfFiles(args, paths []string) (done bool, err error) {
	if len(args) != 2 || len(paths) > 0 || c.Bool("rev") {
		return false, nil
	}
	var inside []int
	for i, arg := range args {
		if info, err := os.Stat(c.env.path(arg)); err == nil && !info.IsDir() {
			continue
		}
		if rev, path, ok := strings.Cut(arg, ":"); !ok || rev == "" || path == "" {
			return false, nil
		}
		inside = append(inside, i)
	}
	o := &changes.FilesOptions{Path: args[1]}
	if len(inside) == 2 || len(inside) == 1 && inside[0] == 1 {
		_, o.Path, _ = strings.Cut(args[1], ":")
	}
	if key := c.String("key"); key != "" {
		o.Key = strings.Split(key, ",")
	}
	names := []string{c.env.path(args[0]), c.env.path(args[1])}
	for _, i := range inside {
		name, remove, err := c.fileAt(args[i])
		if err != nil {
			return true, err
		}
		defer remove()
		names[i] = name
	}
	d, err := changes.CompareFiles(c.ctx(), names[0], names[1], o)
	if errors.Is(err, changes.ErrNoColumn) {
		return true, usage("constl diff "+strings.Join(args, " ")+" --key COLUMN", "%s", err)
	}
	if err != nil {
		return true, err
	}
	return true, c.answerDiff(d)
}

// fileAt writes the file that REV:PATH names into a temporary one, which remove
// takes away.
func (c *command) fileAt(spec string) (name string, remove func(), err error) {
	file, err := os.CreateTemp("", "constl-diff-*")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.Remove(file.Name()) }
	err = c.open(func(r *repo.Repo) error { return r.Cat(c.ctx(), io.Writer(file), spec, repo.CatOptions{}) })
	if err = errors.Join(err, file.Close()); err != nil {
		remove()
		return "", nil, err
	}
	return file.Name(), remove, nil
}
