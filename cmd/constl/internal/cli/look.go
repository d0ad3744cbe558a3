package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/constl/constl/internal/cite"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) logCommand() *cli.Command {
	return &cli.Command{
		Name: "log", Category: groupLook, ArgsUsage: "[REV]",
		Usage: "list the commits that led to a version, newest first",
		Description: "JSON: [{\"commit\", \"parents\", \"author\", \"key\", \"time\", \"message\"}], newest first;\n" +
			"with --trust {\"identity\":[{\"version\",\"id\",\"time\",\"signed\":[…],\"changes\":[…]}], \"forks\": versions beside these, each\n" +
			"with \"followed\" and \"settled\":bool, \"logs\":[{\"log\",\"device\",\"device_name\",\"person\",\"role\",\"state\":\"counts\", \"ended\", \"held\",\n" +
			"\"stranger\" or \"damaged\",\"sequence\",\"statement\",\"time\",\"counts_to\",\"own\":bool,\"split\":[…]}], \"refs\":[{\"name\",\"state\":\"agreed\",\n" +
			"\"waiting\" or \"diverged\",\"target\",\"threshold\",\"persons\":[…],\"said\":[{\"person\",\"device\",\"target\",\"sequence\",\"time\"}]}]}",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "trust", Usage: "who has signed what: identity, devices' logs, and where each ref stands"},
			&cli.Int64Flag{Name: "max-count", Aliases: []string{"n"}, Usage: "show at most `N` commits"},
			&cli.BoolFlag{Name: "oneline", Usage: "one line for each commit"},
		},
		Action: a.action(runLog),
	}
}

type commitEntry struct {
	Commit  object.ID   `json:"commit"`
	Tree    object.ID   `json:"tree"`
	Parents []object.ID `json:"parents"`
	Author  string      `json:"author"`
	Key     string      `json:"key"`
	Time    string      `json:"time"`
	Message string      `json:"message"`
}

func entryOf(id object.ID, cm *object.Commit) commitEntry {
	return commitEntry{
		Commit: id, Tree: cm.Tree, Parents: notNil(cm.Parents), Author: cm.Author, Key: refs.PeerID(cm.Key).String(),
		Time: cm.Time.Time().Format(time.RFC3339), Message: cm.Message,
	}
}

func runLog(c *command) error {
	args, err := c.arguments(0, 1)
	if err != nil {
		return err
	}
	if c.Bool("trust") {
		if len(args) > 0 {
			return usage("constl log --trust", "--trust shows everything that is known, and takes no version")
		}
		return c.open(c.logTrust)
	}
	return c.open(func(r *repo.Repo) error {
		rev := ""
		if len(args) == 1 {
			rev = args[0]
		}
		from, err := r.Resolve(c.ctx(), rev)
		if err != nil {
			return err
		}
		names, err := c.namesAt(r)
		if err != nil {
			return err
		}
		list := []commitEntry{}
		n := int64(0)
		for entry, err := range r.Log(c.ctx(), from) {
			if err != nil {
				return err
			}
			if most := c.Int64("max-count"); most > 0 && n == most {
				break
			}
			n++
			if c.asJSON() {
				list = append(list, entryOf(entry.ID, entry.Commit))
				continue
			}
			c.printEntry(entry, names[entry.ID])
		}
		if c.asJSON() {
			return c.printJSON(list)
		}
		return nil
	})
}

// namesAt returns the branches and tags by the commits that they point to.
func (c *command) namesAt(r *repo.Repo) (map[object.ID][]string, error) {
	list, err := r.List(c.ctx(), "")
	if err != nil {
		return nil, err
	}
	names := make(map[object.ID][]string)
	for _, ref := range list {
		if strings.HasPrefix(string(ref.Name), refs.TagsPrefix+repo.QueryTags) {
			continue
		}
		at, err := r.Resolve(c.ctx(), string(ref.Name))
		if err != nil {
			return nil, err
		}
		names[at] = append(names[at], ref.Name.Short())
	}
	return names, nil
}

func (c *command) printEntry(e repo.Logged, names []string) {
	label := ""
	if len(names) > 0 {
		label = " (" + c.style(green, strings.Join(names, ", ")) + ")"
	}
	first, rest, _ := strings.Cut(e.Message, "\n")
	first = diffview.Line(first)
	if c.Bool("oneline") {
		c.print("%s%s %s\n", c.style(yellow, e.ID.Short()), label, first)
		return
	}
	c.print("%s%s\n", c.style(yellow, "commit "+e.ID.String()), label)
	if len(e.Parents) > 1 {
		var parents []string
		for _, p := range e.Parents {
			parents = append(parents, p.Short())
		}
		c.print("Merge:  %s\n", strings.Join(parents, " "))
	}
	c.print("Author: %s\nDate:   %s\n\n    %s\n", diffview.Line(e.Author), e.Time.Time().Format("Mon 2 Jan 2006 15:04:05 -0700"), first)
	for _, line := range strings.Split(strings.TrimLeft(rest, "\n"), "\n") {
		if line != "" {
			c.print("    %s\n", diffview.Line(line))
		}
	}
	c.print("\n")
}

func (a *app) showCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Category: groupLook, ArgsUsage: "[REV], or TABLE… --stats",
		Usage: "show one commit and what it changed, or what is in the columns of tables",
		Description: "Of a merge, what it changed in its first parent. With --stats as: constl schema show\n" +
			"JSON: the commit as in log, and \"diff\" as in diff",
		Flags:  append(viewFlags(), &cli.BoolFlag{Name: "stats", Usage: "show the fields of the tables named, or of all, with their statistics"}),
		Action: a.action(runShow),
	}
}

func runShow(c *command) error {
	if c.Bool("stats") {
		return c.open(func(r *repo.Repo) error { return c.showSchema(r, c.words(), "") })
	}
	args, err := c.arguments(0, 1)
	if err == nil {
		err = c.checkView()
	}
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		rev := ""
		if len(args) == 1 {
			rev = args[0]
		}
		id, err := r.Resolve(c.ctx(), rev)
		if err != nil {
			return err
		}
		cm, err := object.ReadCommit(c.ctx(), r.Objects(), id)
		if err != nil {
			return err
		}
		d, err := r.CommitDiff(c.ctx(), cm)
		if err != nil {
			return err
		}
		if c.asJSON() {
			doc, err := diffview.JSON(c.ctx(), d, c.Bool("rows"))
			if err != nil {
				return err
			}
			return c.printJSON(struct {
				commitEntry
				Diff *diffview.Document `json:"diff"`
			}{entryOf(id, cm), doc})
		}
		return c.showDiff(d, func(c *command) { c.printEntry(repo.Logged{ID: id, Commit: cm}, nil) })
	})
}

func (a *app) catCommand() *cli.Command {
	return &cli.Command{
		Name: "cat", Category: groupLook, ArgsUsage: "REV:PATH",
		Usage: "print a file exactly as it was committed, or some rows and columns of a table",
		Description: "constl cat HEAD~2:counts.csv > old.csv\n" +
			"constl cat v1:counts.csv --rows 100..120 --columns id,species",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "rows", Usage: "only the rows `A..B`, counted from 1; either may be left out"},
			&cli.StringFlag{Name: "columns", Usage: "only these columns, as `a,b`, in this order"},
			&cli.StringFlag{Name: "query", Usage: "the rows that a citation of a subset names, as CSV: its `ID`, or the citation"},
		},
		Action: a.action(runCat),
	}
}

func runCat(c *command) error {
	if c.IsSet("query") {
		return c.catQuery()
	}
	args, err := c.arguments(1, 1)
	if err != nil {
		return err
	}
	if c.asJSON() {
		return usage("constl help cat", "cat prints the file itself, so it has no --json")
	}
	var o repo.CatOptions
	if text := c.String("rows"); text != "" {
		if o.From, o.To, err = parseRange(text); err != nil {
			return err
		}
	}
	if text := c.String("columns"); text != "" {
		o.Columns = strings.Split(text, ",")
	}
	return c.open(func(r *repo.Repo) error { return r.Cat(c.ctx(), c.env.Stdout, args[0], o) })
}

// catQuery prints the rows of a stored query.
func (c *command) catQuery() error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	id := c.String("query")
	if found, err := cite.FindQuery(id); err != nil || found != "" {
		if id = found; err != nil {
			return err
		}
	}
	return c.open(func(r *repo.Repo) error { return r.CatQuery(c.ctx(), c.env.Stdout, id) })
}

func parseRange(text string) (from, to int64, err error) {
	a, b, ok := strings.Cut(text, "..")
	bad := usage("constl cat HEAD:counts.csv --rows 100..120", "expected rows as A..B, counted from 1, found %q", text)
	if !ok {
		return 0, 0, bad
	}
	for _, part := range []struct {
		text string
		to   *int64
	}{{a, &from}, {b, &to}} {
		if part.text == "" {
			continue
		}
		if n, err := fmt.Sscanf(part.text, "%d", part.to); n != 1 || err != nil || *part.to < 1 || fmt.Sprint(*part.to) != part.text {
			return 0, 0, bad
		}
	}
	if b != "" && to < from {
		return 0, 0, bad
	}
	return from, to, nil
}
