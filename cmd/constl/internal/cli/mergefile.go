package cli

import (
	"io"
	"os"

	"github.com/constl/constl/internal/filemerge"
	"github.com/constl/constl/merge"
	"github.com/urfave/cli/v2"
)

func (a *app) mergeFileCommand() *cli.Command {
	return &cli.Command{
		Name: "merge-file", Category: groupTogether, ArgsUsage: "BASE OURS THEIRS",
		Usage: "merge three versions of one file, row by row and cell by cell, outside any dataset",
		Description: "The result is printed, or written to the file that -o names; that may be one of the three. CSV and\n" +
			"TSV files are merged as tables, JSON by member, other text by line. Where the sides contradict each\n" +
			"other the result has ours, and the exit code is 1; the conflicts are named on standard error, and\n" +
			"with -o FILE listed in FILE.conflicts.csv too. An empty BASE says that both sides added the file.\n" +
			"With --json and without -o only the answer is printed, and no file.\n" +
			"JSON: {\"conflicts\":n,\"conflict_list\":[…],\"table\":{…},\"plain\":\"why it is no table\",\"list\":\"FILE.conflicts.csv\"}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the result to `FILE`"},
		},
		Action: a.action(runMergeFile),
	}
}

func runMergeFile(c *command) error {
	args, err := c.arguments(3, 3)
	if err != nil {
		return err
	}
	for _, name := range args {
		if info, err := os.Stat(c.env.path(name)); err != nil || info.IsDir() {
			return usage("constl help merge-file", "%s: expected a file, found none", name)
		}
	}
	f := filemerge.Files{Base: c.env.path(args[0]), Ours: c.env.path(args[1]), Theirs: c.env.path(args[2]), Name: args[1]}
	m, err := filemerge.Any(c.ctx(), f)
	if err != nil {
		return err
	}
	list := ""
	switch out := c.String("output"); {
	case out != "":
		if err := filemerge.Replace(c.env.path(out), func(w io.Writer) error { return m.Write(c.ctx(), w) }); err != nil {
			return err
		}
		if len(m.Conflicts) > 0 {
			suffix, err := filemerge.WriteList(c.env.path(out), m.Conflicts)
			if err != nil {
				return err
			}
			list = out + suffix
		}
	case !c.asJSON():
		if err := m.Write(c.ctx(), c.env.Stdout); err != nil {
			return err
		}
	}
	if c.asJSON() {
		err := c.printJSON(struct {
			N     int               `json:"conflicts"`
			List  []merge.Conflict  `json:"conflict_list"`
			Table *merge.TableStats `json:"table,omitempty"`
			Plain string            `json:"plain,omitempty"`
			File  string            `json:"list,omitempty"`
		}{len(m.Conflicts), notNil(m.Conflicts), m.Table, m.Plain, list})
		return found(err, len(m.Conflicts) > 0)
	}
	return c.tellMergedFile(m, args[1], list)
}

// tellMergedFile says on standard error what people should know of a merge.
func (c *command) tellMergedFile(m *filemerge.Merged, name, list string) error {
	if m.Plain != "" {
		c.note("%s: not merged as a table: %s\n", name, m.Plain)
	}
	if m.Table != nil {
		c.noteKey(name, m.Table)
	}
	if len(m.Conflicts) == 0 {
		return nil
	}
	c.noteConflicts(name, m.Conflicts)
	if list != "" {
		c.note("All are in %s\n", list)
	}
	return errFound
}

// noteKey says if the rows of a merged table were not told apart by its key.
func (c *command) noteKey(name string, t *merge.TableStats) {
	if t.Keyless != "" {
		c.note("%s: merged without its primary key: %s\n", name, t.Keyless)
	}
	if t.KeyDropped != "" {
		c.note("%s: has no primary key any more: %s\n", name, t.KeyDropped)
	}
}

// shownConflicts is how many conflicts of a file are told on the terminal.
const shownConflicts = 20

// noteConflicts names the first conflicts of a merged file.
func (c *command) noteConflicts(name string, list []merge.Conflict) {
	c.note("%s: %s; the file has ours there, and everything else merged:\n", name, plural(int64(len(list)), "conflict"))
	for _, conflict := range list[:min(len(list), shownConflicts)] {
		c.note("  %s\n", conflict)
	}
	if len(list) > shownConflicts {
		c.note("  … and %d more\n", len(list)-shownConflicts)
	}
}
