package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/gitdriver"
	"github.com/urfave/cli/v2"
)

func (a *app) gitDriverCommand() *cli.Command {
	return &cli.Command{
		Name: "git-driver", Category: groupTogether, ArgsUsage: "install | uninstall",
		Usage: "make git diff and git merge work row by row on CSV and TSV files, in any git repository",
		Description: "install sets the drivers in the settings of the git repository here, and names the files in its\n" +
			".gitattributes, to be committed; with --local nothing is written that would be committed, with\n" +
			"--global it is for all your repositories. uninstall takes it away again. No dataset is needed.\n" +
			"git diff then shows rows and cells (git log -p and git show do with --ext-diff); git merge, pull,\n" +
			"rebase, cherry-pick and stash merge by row and cell. Where both sides changed one cell in two ways\n" +
			"the file has ours, nothing else is written into it, and FILE.conflicts.csv lists what to decide:\n" +
			"edit the file, then git add FILE. What is no table is compared and merged by line, as git does.\n" +
			"JSON: {\"installed\", \"attributes\"}",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "local", Usage: "name the files in .git/info/attributes, which is never committed"},
			&cli.BoolFlag{Name: "global", Usage: "for all your git repositories"},
		},
		Action: a.action(runGitDriver),
	}
}

func runGitDriver(c *command) error {
	words := c.words()
	if len(words) == 0 {
		return usage("constl git-driver install", "expected install or uninstall")
	}
	switch args := words[1:]; words[0] {
	case "install", "uninstall":
		if len(args) > 0 || c.Bool("local") && c.Bool("global") {
			return usage("constl help git-driver", "git-driver %s takes no arguments, and one of --local and --global at most", words[0])
		}
		return c.setGitDriver(words[0] == "install")
	case "diff":
		return c.gitDiff(args)
	case "merge":
		return c.gitMerge(args)
	}
	return usage("constl git-driver install", "expected install or uninstall, found %q", words[0])
}

func (c *command) setGitDriver(install bool) error {
	scope := gitdriver.Shared
	switch {
	case c.Bool("local"):
		scope = gitdriver.Local
	case c.Bool("global"):
		scope = gitdriver.Global
	}
	file := ""
	var err error
	if install {
		file, err = gitdriver.Install(c.ctx(), c.env.path("."), programName(), scope)
	} else {
		err = gitdriver.Uninstall(c.ctx(), c.env.path("."), scope)
	}
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(struct {
			Installed  bool   `json:"installed"`
			Attributes string `json:"attributes,omitempty"`
		}{install, file})
	}
	if !install {
		c.print("Git compares and merges tables by line again\n")
		return nil
	}
	c.print("Git now compares and merges the files named in %s row by row\n", file)
	if scope == gitdriver.Shared {
		c.note("Commit .gitattributes; whoever else has the repository runs constl git-driver install once, too.\n")
	}
	return nil
}

// programName is how git's shell calls this program: by its name if that is on the
// search path, else by where it is.
func programName() string {
	exe, err := os.Executable()
	if err != nil {
		return "constl"
	}
	if found, err := exec.LookPath("constl"); err == nil {
		if a, err := os.Stat(found); err == nil {
			if b, err := os.Stat(exe); err == nil && os.SameFile(a, b) {
				return "constl"
			}
		}
	}
	return "'" + strings.ReplaceAll(filepath.ToSlash(exe), "'", `'\''`) + "'"
}

// gitDiff shows a difference for git, which calls it with path old-file old-hash
// old-mode new-file new-hash new-mode, and of a renamed file its new path and more.
func (c *command) gitDiff(args []string) error {
	if len(args) == 1 {
		c.print("* Unmerged path %s\n", args[0])
		return nil
	}
	if len(args) < 7 {
		return usage("constl git-driver install", "git calls git-driver diff with 7 arguments, found %d", len(args))
	}
	old, now := args[1], args[4]
	for _, name := range []*string{&old, &now} {
		if *name == os.DevNull || *name == "/dev/null" || *name == "nul" {
			*name = ""
			continue
		}
		*name = c.env.path(*name)
	}
	o := &changes.FilesOptions{Path: args[0]}
	if len(args) > 7 {
		o.Path = args[7]
		c.print("%s renamed to %s\n", args[0], args[7])
	}
	d, err := changes.CompareFiles(c.ctx(), old, now, o)
	if err != nil {
		return err
	}
	for _, t := range d.Tables {
		if t.Note != "" {
			c.print("note: %s\n", t.Note)
		}
	}
	view := &diffview.Options{Most: pagedRows, Colour: c.env.Colour, Width: c.env.Width}
	if os.Getenv("GIT_PAGER_IN_USE") != "" && os.Getenv("NO_COLOR") == "" {
		view.Colour = true
		view.Width, _ = strconv.Atoi(os.Getenv("COLUMNS"))
	}
	return diffview.Terminal(c.ctx(), c.env.Stdout, d, view)
}

// gitMerge merges for git, which calls it with the files of base, ours and theirs,
// and the path.
func (c *command) gitMerge(args []string) error {
	if len(args) != 4 {
		return usage("constl git-driver install", "git calls git-driver merge with %%O %%A %%B %%P, found %d arguments", len(args))
	}
	r, err := gitdriver.Merge(c.ctx(), c.env.path("."), gitdriver.Files{Base: args[0], Ours: args[1], Theirs: args[2], Path: args[3]})
	if err != nil {
		return err
	}
	if r.Plain != "" {
		c.note("%s: merged by line, since it is no table: %s\n", args[3], r.Plain)
	}
	if r.Clean {
		return nil
	}
	if len(r.Conflicts) > 0 {
		c.noteConflicts(args[3], r.Conflicts)
		c.note("All are in %s. Edit %s, then: git add %s\n", r.List, args[3], args[3])
	}
	return errFound
}
