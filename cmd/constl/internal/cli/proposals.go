package cli

import (
	"errors"
	"strings"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/merge"
	"github.com/urfave/cli/v2"
)

func (a *app) proposalsCommand() *cli.Command {
	return &cli.Command{
		Name: "proposals", Category: groupTogether, ArgsUsage: "no arguments",
		Usage: "list what others ask you to take, and what you have proposed",
		Description: "JSON: [{\"id\",\"state\":\"waiting\"|\"accepted\"|\"declined\",\"branch\",\"author\",\"person\",\"key\",\"mine\",\"message\",\"made\",\n" +
			"\"since\",\"commit\",\"bytes\",\"rows_added\",\"rows_deleted\",\"rows_modified\",\"cells_changed\",\"files_changed\",\n" +
			"\"answer\":{\"by\",\"time\",\"commit\",\"why\"}}], the oldest first; \"person\" is who the dataset's identity says has the key",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "those of others that were answered, too"}},
		Action: a.action(runProposals),
	}
}

func runProposals(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		list, err := r.Proposals(c.ctx())
		if err != nil {
			return err
		}
		entries := []*proposalEntry{}
		for i := range list {
			p := &list[i]
			if !c.Bool("all") && !p.Mine && p.State != repo.ProposalWaiting {
				continue
			}
			e, err := proposalEntryOf(c, r, p)
			if err != nil {
				return err
			}
			if entries = append(entries, e); !c.asJSON() {
				c.printProposal(p, e)
			}
		}
		if c.asJSON() {
			return c.printJSON(entries)
		}
		if len(entries) == 0 {
			c.note("No proposals\n")
		}
		return nil
	})
}

func (c *command) printProposal(p *repo.Proposal, e *proposalEntry) {
	c.print("%s  %s\n", c.style(yellow, p.ID()), subject(p))
	c.print("  by %s, since %s, for %s\n", who(p), p.Since().Format("2006-01-02 15:04"), p.Branch.Short())
	switch {
	case p.State != repo.ProposalWaiting:
		c.print("  %s\n", c.decision(p))
	case p.Mine && len(p.Note.Sent) == 0:
		c.print("  %s; %s\n", e.changed(), c.style(red, "no peer has taken it yet: constl propose"))
	case p.Mine:
		c.print("  %s; waits for an answer, sent to %s\n", e.changed(), strings.Join(p.Note.Sent, ", "))
	default:
		c.print("  %s; waits: constl review %s\n", e.changed(), p.ID())
	}
}

func (a *app) reviewCommand() *cli.Command {
	return &cli.Command{
		Name: "review", Category: groupTogether, ArgsUsage: "ID",
		Usage: "show what a proposal would change, row by row, and whether it fits",
		Description: "Exit code 1 if it contradicts what is there, or breaks a rule of datapackage.json.\n" +
			"JSON: the proposal as in constl proposals, and {\"commits\":[…], \"valid\":bool, \"conflicts\":[…], \"broken\":[…],\n" +
			"\"report\": as constl validate --json, \"diff\": as constl diff --json}",
		Flags:  viewFlags(),
		Action: a.action(runReview),
	}
}

func runReview(c *command) error {
	args, err := c.arguments(1, 1)
	if err == nil {
		err = c.checkView()
	}
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		v, err := r.Review(c.ctx(), args[0])
		if err != nil {
			return err
		}
		if c.asJSON() {
			err = c.reviewJSON(r, v)
		} else {
			var headErr error
			err = c.showDiff(v.Changes, func(c *command) { headErr = c.printReview(v) })
			err = errors.Join(err, headErr)
		}
		return found(err, !v.Valid())
	})
}

func (c *command) reviewJSON(r *repo.Repo, v *repo.Review) error {
	entry, err := proposalEntryOf(c, r, v.Proposal)
	if err != nil {
		return err
	}
	doc, err := diffview.JSON(c.ctx(), v.Changes, c.Bool("rows"))
	if err != nil {
		return err
	}
	commits := []commitEntry{}
	for _, l := range v.Commits {
		commits = append(commits, entryOf(l.ID, l.Commit))
	}
	return c.printJSON(struct {
		*proposalEntry
		Commits   []commitEntry      `json:"commits"`
		Valid     bool               `json:"valid"`
		Conflicts []merge.Conflict   `json:"conflicts"`
		Broken    []merge.Conflict   `json:"broken"`
		Report    *validate.Report   `json:"report"`
		Diff      *diffview.Document `json:"diff"`
	}{entry, commits, v.Valid(), notNil(v.Conflicts), notNil(v.Broken), v.Report, doc})
}

func (c *command) printReview(v *repo.Review) error {
	c.print("%s\n", c.style(yellow, "proposal "+v.ID()))
	c.print("By:    %s\nSince: %s\nFor:   %s, %s\n\n", who(v.Proposal), v.Since().Format("Mon 2 Jan 2006 15:04:05 -0700"),
		v.Branch.Short(), plural(int64(len(v.Commits)), "commit"))
	for line := range strings.SplitSeq(v.Message, "\n") {
		c.print("    %s\n", diffview.Line(line))
	}
	c.print("\n")
	if v.State != repo.ProposalWaiting {
		c.print("It was %s\n", c.decision(v.Proposal))
		return nil
	}
	if len(v.Conflicts) > 0 {
		c.print("%s:\n", c.style(red, "It contradicts what is there"))
		c.printConflicts(v.Conflicts)
	}
	if v.Breach() != "" {
		c.print("%s:\n", c.style(red, "It breaks rules of datapackage.json"))
	}
	switch {
	case !v.Report.Valid:
		if err := c.printReport(v.Report); err != nil {
			return err
		}
	case len(v.Broken) > 0:
		c.printConflicts(v.Broken)
	}
	if v.Valid() {
		c.print("%s without a conflict, and keeps the rules of datapackage.json.\n", c.style(green, "It fits"))
	}
	if !v.Mine {
		c.print("Take it: constl accept %s   or not: constl decline %s -m WHY\n", v.ID(), v.ID())
	}
	c.print("\n")
	return nil
}

func (a *app) acceptCommand() *cli.Command {
	return &cli.Command{
		Name: "accept", Category: groupTogether, ArgsUsage: "ID",
		Usage: "take a proposal into the branch that is checked out, row by row",
		Description: "Its commits keep their author; the commit that takes them is yours. The answer is published: push it, or\n" +
			"let others pull it from your constl serve. Conflicts are resolved as those of constl merge; with\n" +
			"constl config validate.on accept the commit that resolves them must be valid as well.\n" +
			"JSON: {\"proposal\", \"before\", \"after\", \"conflicts\":n, \"conflict_list\":[…]}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "the commit's `TEXT`, which is the answer, too"},
			&cli.BoolFlag{Name: "allow-violations", Usage: "take it even if it breaks a rule of datapackage.json"},
		},
		Action: a.action(runAccept),
	}
}

func runAccept(c *command) error {
	args, err := c.arguments(1, 1)
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		p, res, err := r.Accept(c.ctx(), args[0], repo.AcceptOptions{
			Message: strings.TrimSpace(c.String("message")), AllowViolations: c.Bool("allow-violations"),
		})
		if err != nil {
			return c.reportInvalid(err)
		}
		if c.asJSON() {
			err := c.printJSON(struct {
				Proposal string           `json:"proposal"`
				Before   string           `json:"before"`
				After    string           `json:"after"`
				N        int              `json:"conflicts"`
				List     []merge.Conflict `json:"conflict_list"`
			}{p.ID(), idText(res.Before), idText(res.After), len(res.Conflicts), notNil(res.Conflicts)})
			return found(err, len(res.Conflicts) > 0)
		}
		if len(res.Conflicts) > 0 {
			return c.printMerge(res)
		}
		c.print("Accepted proposal %s of %s as %s\n", p.ID(), who(p), res.After.Short())
		return nil
	})
}

func (a *app) declineCommand() *cli.Command {
	return &cli.Command{
		Name: "decline", Category: groupTogether, ArgsUsage: "ID",
		Usage: "say that a proposal is not taken, and why",
		Description: "Who proposed it sees the reason at the next constl pull. constl gc drops what was declined after 30 days.\n" +
			"JSON: {\"proposal\"}",
		Flags:  []cli.Flag{&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "say `WHY`"}},
		Action: a.action(runDecline),
	}
}

func runDecline(c *command) error {
	args, err := c.arguments(1, 1)
	if err != nil {
		return err
	}
	why := strings.TrimSpace(c.String("message"))
	if why == "" {
		return usage("constl decline "+args[0]+" -m WHY", "say why: it is all that the contributor gets")
	}
	return c.open(func(r *repo.Repo) error {
		p, err := r.Decline(c.ctx(), args[0], why)
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(map[string]string{"proposal": p.ID()})
		}
		c.print("Declined proposal %s of %s\n", p.ID(), who(p))
		return nil
	})
}
