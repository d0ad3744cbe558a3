package cli

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/constl/constl/internal/repo"
	"github.com/urfave/cli/v2"
)

func (a *app) resolveCommand() *cli.Command {
	return &cli.Command{
		Name: "resolve", Category: groupTogether, ArgsUsage: "[PATH ...]",
		Usage: "decide conflicts, one by one on the whole screen or all of a file; the next commit applies it",
		Description: "Without options it shows one conflict after the other, with the row that it is in and who wrote what,\n" +
			"and takes decisions by a key (? shows which). With an option it decides all conflicts of the files, or\n" +
			"those that --number, --key and --column choose; \".\" stands for all files. Decisions are kept in the\n" +
			".conflicts.csv file beside each file, where a spreadsheet can make them too.\n" +
			"JSON: {\"decided\": n}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "key", Usage: "only the row with this `KEY` (parts of a longer key joined by \" | \")"},
			&cli.StringFlag{Name: "column", Usage: "only this `COLUMN`"},
			&cli.IntFlag{Name: "number", Usage: "only the conflict that constl conflicts shows with this `NUMBER`"},
			&cli.BoolFlag{Name: repo.TakeOurs, Usage: "take what we have"},
			&cli.BoolFlag{Name: repo.TakeTheirs, Usage: "take what they have"},
			&cli.BoolFlag{Name: repo.TakeBase, Usage: "take what was there before both"},
			&cli.BoolFlag{Name: repo.TakeDone, Usage: "keep the file as you have edited it"},
			&cli.StringFlag{Name: "value", Usage: "take this `TEXT`"},
			&cli.BoolFlag{Name: "undecided", Usage: "take a decision back"},
		},
		Action: a.action(runResolve),
	}
}

const resolveHint = "constl resolve . --theirs (or --ours, --base, --value TEXT), or a spreadsheet on the .conflicts.csv files"

func runResolve(c *command) error {
	choices := c.choices()
	args := c.words()
	switch {
	case len(choices) > 1:
		return usage("constl help resolve", "expected one of --ours, --theirs, --base, --done, --value and --undecided, found %d", len(choices))
	case len(choices) == 1 && len(args) == 0:
		return usage(resolveHint, "expected the file whose conflicts are decided, or . for all")
	case len(choices) == 0 && (c.asJSON() || !c.env.Interactive):
		return usage(resolveHint, "expected a decision: this is no terminal on which conflicts can be shown one by one")
	}
	return c.open(func(r *repo.Repo) error {
		paths, err := c.paths(r, args)
		if err != nil {
			return err
		}
		o := repo.Choice{Paths: paths, Number: c.Int("number"), Key: c.String("key"), Column: c.String("column")}
		if len(choices) == 0 {
			return c.resolveOnScreen(r, o)
		}
		n, err := r.ResolveConflicts(o, choices[0])
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(map[string]int{"decided": n})
		}
		if choices[0] == "" {
			c.print("Opened %s of %s again\n", plural(int64(n), "conflict"), strings.Join(args, ", "))
			return nil
		}
		c.print("Decided %s of %s\n", plural(int64(n), "conflict"), strings.Join(args, ", "))
		return c.noteOpen(r)
	})
}

// choices returns the resolutions that the options name.
func (c *command) choices() []string {
	var choices []string
	for _, word := range []string{repo.TakeOurs, repo.TakeTheirs, repo.TakeBase, repo.TakeDone} {
		if c.Bool(word) {
			choices = append(choices, word)
		}
	}
	if c.IsSet("value") {
		choices = append(choices, "="+c.String("value"))
	}
	if c.Bool("undecided") {
		choices = append(choices, "")
	}
	return choices
}

// noteOpen says how many conflicts are left, or what comes next.
func (c *command) noteOpen(r *repo.Repo) error {
	list, err := r.Conflicts()
	if err != nil {
		return err
	}
	if open := openOf(list); open > 0 {
		c.note("  %s left; see them: constl conflicts\n", plural(int64(open), "open conflict"))
		return nil
	}
	c.note("  all are decided; now: constl commit\n")
	return nil
}

func openOf(list []repo.Conflict) int {
	n := 0
	for i := range list {
		if list[i].Resolution == "" {
			n++
		}
	}
	return n
}

// resolveOnScreen lets a person decide on the whole screen. What is decided is
// kept at once.
func (c *command) resolveOnScreen(r *repo.Repo, o repo.Choice) error {
	list, err := r.Conflicts()
	if err != nil {
		return err
	}
	shown := slices.DeleteFunc(slices.Clone(list), func(x repo.Conflict) bool { return !o.Means(&x) })
	if len(shown) == 0 {
		return usage("constl conflicts", "no conflict is meant")
	}
	ours, theirs, err := r.Sides(c.ctx())
	if err != nil {
		return err
	}
	s := newResolveScreen(shown, sideText(ours), sideText(theirs))
	s.nearby = func(x *repo.Conflict) ([]repo.Near, error) { return r.Nearby(c.ctx(), x) }
	s.save = r.Decide
	s.style = c.style
	before := openOf(shown)
	_, err = tea.NewProgram(s, tea.WithContext(c.ctx()), tea.WithInput(c.env.Stdin), tea.WithOutput(c.env.Stdout)).Run()
	if err != nil && c.ctx().Err() == nil {
		return err
	}
	c.print("Decided %s\n", plural(int64(before-openOf(s.list)), "conflict"))
	return c.noteOpen(r)
}

// sideText says who made a side's commit, and when.
func sideText(s repo.Side) string {
	if s.Commit.IsZero() {
		return ""
	}
	return strings.Join(slices.DeleteFunc([]string{s.Author, s.Time.Local().Format(time.DateOnly + " 15:04"), s.Message},
		func(text string) bool { return text == "" }), ", ")
}
