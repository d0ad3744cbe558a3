package cli

import (
	"strings"
	"time"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) proposeCommand() *cli.Command {
	return &cli.Command{
		Name: "propose", Category: groupTogether, ArgsUsage: "no arguments",
		Usage: "ask the maintainers to take your commits",
		Description: "What is committed on the branch that is checked out goes to the peer that you cloned from, or to\n" +
			"the one named with --to. The answer comes with the next constl pull. To propose again before that\n" +
			"replaces the proposal; --withdraw ID takes it back.\n" +
			"JSON: the proposal as in constl proposals, and {\"remote\", \"remark\", \"revised\":bool, \"objects\", \"bytes\"};\n" +
			"\"remark\" is what the peer says about it, for people",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "say in `TEXT` what it is and why"},
			&cli.StringFlag{Name: "to", Usage: "the `PEER`: a remote or a URL (default: the one you cloned from)"},
			&cli.StringFlag{Name: "withdraw", Usage: "take the proposal `ID` back"},
		},
		Action: a.action(runPropose),
	}
}

func runPropose(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	message, withdraw := strings.TrimSpace(c.String("message")), c.String("withdraw")
	if message == "" && withdraw == "" {
		return usage("constl propose -m \"what it is, and why\"", "a proposal needs a message for the maintainers")
	}
	return c.open(func(r *repo.Repo) error {
		var res *repo.ProposeResult
		var err error
		if withdraw != "" {
			res, err = r.Withdraw(c.ctx(), withdraw, c.String("to"))
		} else {
			res, err = r.Propose(c.ctx(), repo.ProposeOptions{Message: message, To: c.String("to")})
		}
		if err != nil {
			return err
		}
		if c.asJSON() {
			entry, err := proposalEntryOf(c, r, res.Proposal)
			if err != nil {
				return err
			}
			return c.printJSON(struct {
				*proposalEntry
				Remote  string `json:"remote"`
				Remark  string `json:"remark"`
				Revised bool   `json:"revised"`
				Objects int64  `json:"objects"`
				Bytes   int64  `json:"bytes"`
			}{entry, res.Remote, res.Remark, res.Revised, res.Objects, res.Bytes})
		}
		c.printProposed(res, withdraw != "")
		return nil
	})
}

func (c *command) printProposed(res *repo.ProposeResult, withdrawn bool) {
	switch {
	case withdrawn:
		c.print("Withdrew proposal %s at %s\n", res.ID(), res.Remote)
		return
	case res.Revised:
		c.print("Proposal %s for %s is replaced at %s: %s, %s\n", res.ID(), res.Branch.Short(), res.Remote, plural(res.Objects, "object"), bytesText(res.Bytes))
	default:
		c.print("Proposal %s for %s is with %s: %s, %s\n", res.ID(), res.Branch.Short(), res.Remote, plural(res.Objects, "object"), bytesText(res.Bytes))
	}
	if res.Remark != "" {
		c.print("  %s says: %s\n", res.Remote, res.Remark)
	}
	c.note("  the answer comes with: constl pull   take it back: constl propose --withdraw %s\n", res.ID())
}

// proposalEntry is a proposal as scripts read it.
type proposalEntry struct {
	ID      string      `json:"id"`
	State   string      `json:"state"`
	Branch  string      `json:"branch"`
	Author  string      `json:"author"`
	Person  string      `json:"person"` // as the identity lists the key; "" if it lists nobody
	Key     refs.PeerID `json:"key"`
	Mine    bool        `json:"mine"`
	Message string      `json:"message"`
	Made    string      `json:"made"`
	Since   string      `json:"since"`
	Commit  object.ID   `json:"commit"`
	Bytes   int64       `json:"bytes"`

	Added    int64 `json:"rows_added"`
	Deleted  int64 `json:"rows_deleted"`
	Modified int64 `json:"rows_modified"`
	Cells    int64 `json:"cells_changed"`
	Files    int   `json:"files_changed"`

	Answer *answerEntry `json:"answer,omitempty"`
}

type answerEntry struct {
	By     string    `json:"by"`
	Time   string    `json:"time"`
	Commit object.ID `json:"commit,omitzero"`
	Why    string    `json:"why"`
}

func proposalEntryOf(c *command, r *repo.Repo, p *repo.Proposal) (*proposalEntry, error) {
	e := &proposalEntry{
		ID: p.ID(), State: p.State, Branch: p.Branch.Short(), Author: p.Author, Person: p.Person, Key: p.Log.Signer,
		Mine: p.Mine, Message: p.Message, Made: p.Made.Format(time.RFC3339), Since: p.Since().Format(time.RFC3339),
		Commit: p.Commit, Bytes: p.Note.Bytes,
	}
	if p.State != repo.ProposalWaiting {
		e.Answer = &answerEntry{By: p.Answer.By, Commit: p.Answer.Commit, Why: p.Answer.Why}
		if !p.Answer.Time.IsZero() {
			e.Answer.Time = p.Answer.Time.Format(time.RFC3339)
		}
		return e, nil
	}
	d, err := r.ProposalChanges(c.ctx(), p)
	if err != nil {
		return nil, err
	}
	for _, t := range d.Tables {
		e.Added += t.Counts.Added
		e.Deleted += t.Counts.Deleted
		e.Modified += t.Counts.Modified
		e.Cells += t.Counts.Cells
	}
	e.Files = len(d.Tables) + len(d.Files)
	return e, nil
}

// changed says in words how much a proposal changes.
func (e *proposalEntry) changed() string {
	var parts []string
	for _, n := range []struct {
		n    int64
		what string
	}{{e.Added, "added"}, {e.Deleted, "deleted"}, {e.Modified, "modified"}} {
		if n.n > 0 {
			parts = append(parts, plural(n.n, "row")+" "+n.what)
		}
	}
	if e.Cells > 0 {
		parts = append(parts, plural(e.Cells, "cell"))
	}
	return strings.Join(append(parts, "in "+plural(int64(e.Files), "file")), ", ")
}

// who says whose proposal it is, as far as that is known.
func who(p *repo.Proposal) string {
	switch {
	case p.Mine:
		return "you"
	case p.Person == "":
		return diffview.Line(p.Author) + " (not listed in this dataset; key " + p.Log.Signer.Short() + ")"
	case p.Person != p.Author:
		return diffview.Line(p.Person) + " (as " + diffview.Line(p.Author) + ")"
	}
	return diffview.Line(p.Person)
}

// subject is the first line of a proposal's message.
func subject(p *repo.Proposal) string {
	first, _, _ := strings.Cut(p.Message, "\n")
	return diffview.Line(first)
}

// tellNews says what became of this device's proposals, and how many wait for its
// owner's answer.
func (c *command) tellNews(r *repo.Repo) error {
	answered, err := r.News(c.ctx())
	if err != nil {
		return err
	}
	for i := range answered {
		c.print("%s\n", c.answerText(&answered[i]))
	}
	others, _, err := r.Waiting(c.ctx())
	if err != nil {
		return err
	}
	c.noteWaiting(others, 0)
	return c.notePending(r)
}

// noteWaiting says how many proposals wait for an answer.
func (c *command) noteWaiting(others, own int) {
	verb := func(n int) string {
		if n == 1 {
			return plural(1, "proposal") + " waits"
		}
		return plural(int64(n), "proposal") + " wait"
	}
	if others > 0 {
		c.note("  %s for your answer: constl proposals\n", verb(others))
	}
	if own > 0 {
		c.note("  %s for the maintainers' answer: constl proposals\n", verb(own))
	}
}

func (c *command) answerText(p *repo.Proposal) string {
	return "Your proposal " + p.ID() + " (" + subject(p) + ") was " + c.decision(p)
}

// decision says who decided what about a proposal, and why.
func (c *command) decision(p *repo.Proposal) string {
	colour, by := green, "a maintainer"
	if p.State == repo.ProposalDeclined {
		colour = red
	}
	if p.Answer.By != "" {
		by = diffview.Line(p.Answer.By)
	}
	text := c.style(colour, p.State) + " by " + by
	if p.Answer.Why != "" {
		text += ": " + diffview.Line(p.Answer.Why)
	}
	return text
}
