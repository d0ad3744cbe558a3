package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) fetchCommand() *cli.Command {
	return &cli.Command{
		Name: "fetch", Category: groupTogether, ArgsUsage: "[REMOTE|URL|FILE]",
		Usage: "get what is new at a peer or in a bundle, and leave the folder as it is",
		Description: "See it afterwards with: constl log origin/main, constl diff HEAD origin/main\n" +
			"In a copy of a part (constl clone --filter), --all-columns, --all-tables and --unshallow get what was left out.\n" +
			"JSON: {\"remote\", \"refs\":{NAME: id}, \"objects\", \"bytes\", \"rounds\": round trips}; of these {\"objects\", \"bytes\", \"part\"}",
		Flags:  widenFlags(),
		Action: a.action(runFetch),
	}
}

func runFetch(c *command) error {
	remote, err := c.remote()
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		if w := (repo.Widen{Tables: c.Bool("all-tables"), Columns: c.Bool("all-columns"), History: c.Bool("unshallow")}); w.Any() {
			return c.complete(r, w)
		}
		res, err := r.Fetch(c.ctx(), remote)
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(struct {
				Remote  string                  `json:"remote"`
				Refs    map[refs.Name]object.ID `json:"refs"`
				Objects int64                   `json:"objects"`
				Bytes   int64                   `json:"bytes"`
				Rounds  int                     `json:"rounds"`
			}{res.Remote, res.Refs, res.Objects, res.Bytes, res.Rounds})
		}
		c.print("Fetched from %s: %s, %s\n", res.Remote, plural(res.Objects, "object"), bytesText(res.Bytes))
		for _, name := range slices.Sorted(maps.Keys(res.Refs)) {
			c.print("  %s/%s  %s\n", res.Remote, name.Short(), res.Refs[name].Short())
		}
		c.reportFetch(res)
		return c.tellNews(r)
	})
}

func (c *command) remote() (string, error) {
	args, err := c.arguments(0, 1)
	if err != nil || len(args) == 0 {
		return "", err
	}
	if from, ok := c.bundleAt(args[0]); ok {
		return from, nil
	}
	return args[0], nil
}

// reportFetch says what a person should know of where a remote stands.
func (c *command) reportFetch(res *repo.FetchResult) {
	for _, name := range res.Aside {
		c.note("  %s has commits on %s that no maintainer has signed; to take them: constl merge %s/%s\n",
			res.Remote, name.Short(), res.Remote, name.Short())
	}
	for _, peer := range res.Split {
		c.note("  warning: the device %s has signed two different histories; its refs are not used. See constl log --trust\n", peer.Short())
	}
	for _, peer := range res.Ended {
		c.note("  warning: the device %s went on after it was closed (lost, or replaced); nothing of that is used\n", peer.Short())
	}
	if res.Restarted {
		c.note("  this copy had said more than it knew of (restored from a backup, or copied): it goes on in a new log.\n" +
			"  If you have done neither, somebody else has your key: constl key rotate\n")
	}
	if res.Forked {
		c.note("  warning: who may do what has two histories that contradict each other; see constl log --trust\n")
	}
	if res.Identities > 0 {
		c.note("  who may do what has changed; see constl log --trust\n")
	}
}

func (a *app) pullCommand() *cli.Command {
	return &cli.Command{
		Name: "pull", Category: groupTogether, ArgsUsage: "[REMOTE|URL|FILE]",
		Usage: "get what is new at a peer or in a bundle and merge it, row by row",
		Description: "Takes what the maintainers have signed; of a peer named by its URL also that peer's own commits,\n" +
			"of a bundle also those of whoever made it.\n" +
			"With --follow it stays, and takes what becomes new at once: into the branch, and into the folder if no uncommitted changes\n" +
			"are in the way there; if they are, as soon as they are not. It finds a peer that was out of reach again by itself.\n" +
			"JSON: {\"before\",\"after\",\"objects\",\"bytes\",\"rounds\",\"merged\":bool,\"conflicts\":n,\"conflict_list\":[…]}\n" + followShape,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Usage: "stay, and take what becomes new at once, until you stop it with Ctrl-C"},
			&cli.BoolFlag{Name: "no-validate", Usage: "take it even if validate.on names pull and it is not valid"},
		},
		Action: a.action(runPull),
	}
}

func runPull(c *command) error {
	remote, err := c.remote()
	if err != nil {
		return err
	}
	if c.Bool("follow") {
		return c.open(func(r *repo.Repo) error { return c.pullFollow(r, remote) })
	}
	return c.open(func(r *repo.Repo) error {
		res, err := r.Pull(c.ctx(), remote, repo.PullOptions{NoValidate: c.Bool("no-validate")})
		if err != nil {
			return c.reportInvalid(err)
		}
		if c.asJSON() {
			err := c.printJSON(struct {
				Before  object.ID        `json:"before"`
				After   object.ID        `json:"after"`
				Objects int64            `json:"objects"`
				Bytes   int64            `json:"bytes"`
				Rounds  int              `json:"rounds"`
				Merged  bool             `json:"merged"`
				N       int              `json:"conflicts"`
				List    []merge.Conflict `json:"conflict_list"`
			}{res.Before, res.After, res.Objects, res.Bytes, res.Rounds, res.Merged, len(res.Conflicts), notNil(res.Conflicts)})
			return found(err, len(res.Conflicts) > 0)
		}
		c.print("Fetched from %s: %s, %s\n", res.Remote, plural(res.Objects, "object"), bytesText(res.Bytes))
		c.reportFetch(res.FetchResult)
		if res.NoBranch {
			c.note("  %s has no branch of the name that is checked out here; see what it has with: constl fetch\n", res.Remote)
		}
		merged := c.printMerge(res.MergeResult)
		return errors.Join(merged, c.tellNews(r))
	})
}

// found returns err, or errFound if something was found.
func found(err error, is bool) error {
	if err == nil && is {
		return errFound
	}
	return err
}

func (c *command) printMerge(m *repo.MergeResult) error {
	for i := range m.Tables {
		c.noteKey(m.Tables[i].Path, &m.Tables[i])
	}
	for _, n := range m.Renumbered {
		c.note("%s: both sides had given a row the %s %s; that of %s has %s now\n",
			diffview.Line(n.Path), diffview.Line(n.Field), diffview.Line(n.Old), n.Side, n.New)
	}
	switch {
	case len(m.Conflicts) > 0:
		c.print("%s:\n", c.style(red, plural(int64(len(m.Conflicts)), "conflict")))
		c.printConflicts(m.Conflicts)
		c.note("The folder has everything else merged, and our values in these cells.\n" +
			"Decide in the .conflicts.csv file beside each table (column resolution: ours, theirs, base or a value),\n" +
			"or with: constl resolve (one after the other, on the whole screen), or constl resolve PATH --ours (or --theirs);\n" +
			"then: constl commit. To give up: constl merge --abort\n")
		return errFound
	case m.Before == m.After:
		c.print("Nothing new\n")
	case m.Merged:
		c.print("Merged into %s\n", m.After.Short())
	default:
		c.print("Moved forward to %s\n", m.After.Short())
	}
	return nil
}

func (c *command) printConflicts(list []merge.Conflict) {
	for i, conflict := range list {
		if i == shownRows {
			c.print("  … and %s; see them with: constl conflicts\n", plural(int64(len(list)-i), "more conflict"))
			return
		}
		c.print("  %s\n", diffview.Line(conflict.String()))
	}
}

func (a *app) pushCommand() *cli.Command {
	return &cli.Command{
		Name: "push", Category: groupTogether, ArgsUsage: "[REMOTE or URL]",
		Usage: "give a peer your commits, if you are a maintainer",
		Description: "The peer's folder is not touched; its owner sees your commits with constl merge or pull.\n" +
			"JSON: {\"remote\", \"objects\", \"bytes\", \"new\":bool}",
		Action: a.action(runPush),
	}
}

func runPush(c *command) error {
	remote, err := c.remote()
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		res, err := r.Push(c.ctx(), remote)
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(struct {
				Remote  string `json:"remote"`
				Objects int64  `json:"objects"`
				Bytes   int64  `json:"bytes"`
				New     bool   `json:"new"`
			}{res.Remote, res.Objects, res.Bytes, res.New})
		}
		if !res.New {
			c.print("%s has everything already\n", res.Remote)
			return nil
		}
		c.print("Pushed to %s: %s, %s\n", res.Remote, plural(res.Objects, "object"), bytesText(res.Bytes))
		return nil
	})
}

func (a *app) conflictsCommand() *cli.Command {
	return &cli.Command{
		Name: "conflicts", Category: groupTogether, ArgsUsage: "no arguments",
		Usage:       "list the conflicts of the merge that is going on",
		Description: "JSON: [{\"number\",\"path\",\"kind\",\"key\",\"column\",\"base\",\"ours\",\"theirs\",\"resolution\"}]",
		Action:      a.action(runConflicts),
	}
}

func runConflicts(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		list, err := r.Conflicts()
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(notNil(list))
		}
		for _, conflict := range list {
			c.print("  %d. %s\n", conflict.Number, conflict)
			if conflict.Resolution != "" {
				c.print("     %s\n", c.style(green, "decided: "+conflict.Resolution))
			}
		}
		return nil
	})
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}
