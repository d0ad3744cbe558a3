package cli

import (
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) checkoutCommand() *cli.Command {
	return &cli.Command{
		Name: "checkout", Category: groupHistory, ArgsUsage: "REV",
		Usage: "set the folder to a version",
		Description: "Files that were deleted come back; uncommitted changes are never overwritten.\n" +
			"JSON: {\"branch\", \"commit\", \"changed\"}",
		Action: a.action(runCheckout),
	}
}

func runCheckout(c *command) error {
	args, err := c.arguments(1, 1)
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		res, err := r.Checkout(c.ctx(), args[0])
		if err != nil {
			return err
		}
		return c.printCheckout(res)
	})
}

func (c *command) printCheckout(res *repo.CheckoutResult) error {
	if c.asJSON() {
		return c.printJSON(struct {
			Branch  string    `json:"branch"`
			Commit  object.ID `json:"commit"`
			Changed int       `json:"changed"`
		}{res.Head.Branch.Short(), res.Head.Commit, res.Changed})
	}
	c.printHead(res.Head)
	c.print("  %s changed in the folder\n", plural(int64(res.Changed), "file"))
	return nil
}

func (a *app) switchCommand() *cli.Command {
	return &cli.Command{
		Name: "switch", Category: groupHistory, ArgsUsage: "NAME, or -c NAME [REV]",
		Usage:       "go to a branch",
		Description: "JSON: {\"branch\", \"commit\", \"changed\"}",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "create", Aliases: []string{"c"}, Usage: "make the branch first, at REV or what is checked out"}},
		Action:      a.action(runSwitch),
	}
}

func runSwitch(c *command) error {
	most := 1
	if c.Bool("create") {
		most = 2
	}
	args, err := c.arguments(1, most)
	if err != nil {
		return err
	}
	rev := ""
	if len(args) == 2 {
		rev = args[1]
	}
	return c.open(func(r *repo.Repo) error {
		res, err := r.Switch(c.ctx(), args[0], c.Bool("create"), rev)
		if err != nil {
			return err
		}
		return c.printCheckout(res)
	})
}

func (a *app) branchCommand() *cli.Command {
	return &cli.Command{
		Name: "branch", Category: groupHistory, ArgsUsage: "[NAME [REV]]",
		Usage:       "list the branches, make one, or delete one",
		Description: "JSON: [{\"name\", \"commit\", \"current\"}]; of a new or deleted one, that one alone",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "delete", Aliases: []string{"d"}, Usage: "delete the branch `NAME`"},
			&cli.BoolFlag{Name: "force", Usage: "delete it even if its commits are nowhere else"},
		},
		Action: a.action(func(c *command) error { return runRefs(c, refs.HeadsPrefix) }),
	}
}

func (a *app) tagCommand() *cli.Command {
	return &cli.Command{
		Name: "tag", Category: groupHistory, ArgsUsage: "[NAME [REV]]",
		Usage:       "list the tags, or name a version for good, as v1.0",
		Description: "JSON: [{\"name\", \"commit\"}]; of a new or deleted one, that one alone",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "what this version is, in `WORDS`"},
			&cli.StringFlag{Name: "delete", Aliases: []string{"d"}, Usage: "delete the tag `NAME`"},
			&cli.BoolFlag{Name: "force", Usage: "delete it even if its commit is nowhere else"},
		},
		Action: a.action(func(c *command) error { return runRefs(c, refs.TagsPrefix) }),
	}
}

type refJSON struct {
	Name    string    `json:"name"`
	Commit  object.ID `json:"commit"`
	Current bool      `json:"current,omitempty"`
}

// runRefs is branch and tag, which differ only in what they make.
func runRefs(c *command, prefix string) error {
	args, err := c.arguments(0, 2)
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		if name := c.String("delete"); name != "" {
			return c.deleteRef(r, prefix, name)
		}
		if len(args) == 0 {
			return c.listRefs(r, prefix)
		}
		rev := ""
		if len(args) == 2 {
			rev = args[1]
		}
		var at object.ID
		if prefix == refs.TagsPrefix {
			at, err = r.CreateTag(c.ctx(), args[0], rev, c.String("message"))
		} else {
			at, err = r.CreateBranch(c.ctx(), args[0], rev)
		}
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(refJSON{Name: args[0], Commit: at})
		}
		c.print("%s is now %s\n", c.style(bold, args[0]), at.Short())
		return nil
	})
}

func (c *command) deleteRef(r *repo.Repo, prefix, name string) error {
	full, err := refs.ParseName(prefix + name)
	if err != nil {
		return err
	}
	was, err := r.DeleteRef(c.ctx(), full, c.Bool("force"))
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(refJSON{Name: name, Commit: was})
	}
	c.print("Deleted %s, which was %s\n", name, was.Short())
	return nil
}

func (c *command) listRefs(r *repo.Repo, prefix string) error {
	list, err := r.List(c.ctx(), prefix)
	if err != nil {
		return err
	}
	head, err := r.Head(c.ctx())
	if err != nil {
		return err
	}
	out := []refJSON{}
	for _, ref := range list {
		at, err := r.Resolve(c.ctx(), string(ref.Name))
		if err != nil {
			return err
		}
		out = append(out, refJSON{Name: ref.Name.Short(), Commit: at, Current: ref.Name == head.Branch})
	}
	if c.asJSON() {
		return c.printJSON(out)
	}
	for _, ref := range out {
		mark := " "
		if ref.Current {
			mark = "*"
		}
		c.print("%s %s  %s\n", mark, c.style(bold, ref.Name), ref.Commit.Short())
	}
	return nil
}
