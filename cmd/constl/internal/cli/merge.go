package cli

import (
	"context"
	"runtime/debug"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/urfave/cli/v2"
)

const mergeShape = "JSON: {\"before\",\"after\",\"merged\":bool,\"conflicts\":n,\"conflict_list\":[…],\"tables\":[…],\"renumbered\":[…]}"

// mergeFlags are the flags of all commands that bring changes together.
func mergeFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "the new commit's message, in `WORDS`"},
		&cli.BoolFlag{Name: "strict", Usage: "make a conflict of every row that both sides changed, even in different cells"},
		&cli.BoolFlag{Name: "allow-violations", Usage: "commit even if the result breaks a rule of datapackage.json that both sides keep"},
	}, more...)
}

func (a *app) mergeCommand() *cli.Command {
	return &cli.Command{
		Name: "merge", Category: groupTogether, ArgsUsage: "REV, or --abort",
		Usage: "bring the changes of another version in, row by row and cell by cell",
		Description: "What becomes of a cell that both sides changed may be settled in datapackage.json, in a field's\n" +
			"\"constl\": {\"merge\": POLICY}, with newest, min, max, sum-of-changes, union, ours (the maintainers'\n" +
			"value) or theirs (the contributors'); renumber, in a key that counts rows, gives one of two rows of\n" +
			"one number the next.\n" + mergeShape,
		Flags: mergeFlags(
			&cli.BoolFlag{Name: "abort", Usage: "give a merge with conflicts up and restore the folder"}),
		Action: a.action(runMerge),
	}
}

func runMerge(c *command) error {
	if c.Bool("abort") {
		return c.open(func(r *repo.Repo) error {
			if err := r.AbortMerge(c.ctx()); err != nil {
				return err
			}
			if c.asJSON() {
				return c.printJSON(map[string]bool{"aborted": true})
			}
			c.print("Gave the merge up; the folder is as it was before\n")
			return nil
		})
	}
	return c.bringIn((*repo.Repo).Merge)
}

func (a *app) cherryPickCommand() *cli.Command {
	return &cli.Command{
		Name: "cherry-pick", Category: groupTogether, ArgsUsage: "REV",
		Usage: "take over what one commit changed, row by row",
		Description: "Of a merge: what it changed against its first parent. Conflicts are decided as those of a merge,\n" +
			"and given up with: constl merge --abort\n" + mergeShape,
		Flags: mergeFlags(), Action: a.action(func(c *command) error { return c.bringIn((*repo.Repo).CherryPick) }),
	}
}

func (a *app) revertCommand() *cli.Command {
	return &cli.Command{
		Name: "revert", Category: groupTogether, ArgsUsage: "REV",
		Usage: "take back what one commit changed, row by row, in a new commit",
		Description: "What was changed since stays. Conflicts are decided as those of a merge, and given up with:\n" +
			"constl merge --abort\n" + mergeShape,
		Flags: mergeFlags(), Action: a.action(func(c *command) error { return c.bringIn((*repo.Repo).Revert) }),
	}
}

// bringIn runs one way to bring changes in, and says what came of it.
func (c *command) bringIn(how func(*repo.Repo, context.Context, string, repo.MergeOptions) (*repo.MergeResult, error)) error {
	args, err := c.arguments(1, 1)
	if err != nil {
		return err
	}
	o := repo.MergeOptions{Message: c.String("message"), Strict: c.Bool("strict"), AllowViolations: c.Bool("allow-violations")}
	// A merge of large tables holds little and turns over much.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	return c.open(func(r *repo.Repo) error {
		m, err := how(r, c.ctx(), args[0], o)
		if err != nil {
			return err
		}
		if c.asJSON() {
			err := c.printJSON(struct {
				Before object.ID          `json:"before"`
				After  object.ID          `json:"after"`
				Merged bool               `json:"merged"`
				N      int                `json:"conflicts"`
				List   []merge.Conflict   `json:"conflict_list"`
				Tables []merge.TableStats `json:"tables"`
				Rows   []repo.Renumbered  `json:"renumbered"`
			}{m.Before, m.After, m.Merged, len(m.Conflicts), notNil(m.Conflicts), notNil(m.Tables), notNil(m.Renumbered)})
			return found(err, len(m.Conflicts) > 0)
		}
		return c.printMerge(m)
	})
}
