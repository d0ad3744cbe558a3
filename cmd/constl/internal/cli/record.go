package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/constl/constl/internal/describe"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Category: groupRecord, ArgsUsage: "no arguments",
		Usage: "show which files have changed since the last commit",
		Description: "Files that did not change are not read.\n" +
			"JSON: {\"branch\", \"commit\", \"clean\", \"changes\":[{\"path\",\"status\"}], \"merging\", \"conflicts\",\n" +
			"\"proposals_waiting\": n for your answer, \"own_proposals_waiting\": n of yours,\n" +
			"\"remotes\":[{\"branch\",\"commit\",\"ahead\",\"behind\"}]}, of what remotes were last seen to have",
		Action: a.action(runStatus),
	}
}

func runStatus(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		st, err := r.Status(c.ctx())
		if err != nil {
			return err
		}
		others, own, err := r.Waiting(c.ctx())
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(struct {
				Branch    string              `json:"branch"`
				Commit    object.ID           `json:"commit"`
				Clean     bool                `json:"clean"`
				Changes   []repo.FileChange   `json:"changes"`
				Merging   object.ID           `json:"merging,omitzero"`
				Conflicts int                 `json:"conflicts"`
				Others    int                 `json:"proposals_waiting"`
				Own       int                 `json:"own_proposals_waiting"`
				Remotes   []repo.RemoteStatus `json:"remotes"`
				Part      *repo.Part          `json:"part,omitempty"`
			}{st.Head.Branch.Short(), st.Head.Commit, st.Clean(), notNil(st.Changes), st.Merging, st.Conflicts, others, own, notNil(st.Remotes), r.Part()})
		}
		c.printHead(st.Head)
		c.notePart(r)
		c.printRemotes(st.Remotes)
		c.noteMaintainer(r, st.Head.Branch)
		if err := c.notePending(r); err != nil {
			return err
		}
		if !st.Merging.IsZero() {
			c.print("Merging %s: %s to resolve\n", st.Merging.Short(), plural(int64(st.Conflicts), "conflict"))
			c.note("  see them: constl conflicts   give up: constl merge --abort\n")
		}
		c.noteWaiting(others, own)
		if st.Clean() {
			c.print("Nothing has changed\n")
		}
		for _, ch := range st.Changes {
			c.print("  %s %s\n", c.style(statusColour(ch.Status), fmt.Sprintf("%-8s", ch.Status)), diffview.Line(ch.Path))
		}
		if len(st.Changes) > 0 && st.Merging.IsZero() {
			c.note("  see what changed: constl diff   record it: constl commit -m MESSAGE\n")
		}
		return nil
	})
}

// printRemotes says how the branch stands to those of remotes.
func (c *command) printRemotes(list []repo.RemoteStatus) {
	for _, s := range list {
		ahead, behind := plural(int64(s.Ahead), "commit"), plural(int64(s.Behind), "commit")
		switch {
		case s.Ahead > 0 && s.Behind > 0:
			c.print("  diverged from %s: %s here and %s there\n", s.Branch, ahead, behind)
		case s.Ahead > 0:
			c.print("  %s ahead of %s\n", ahead, s.Branch)
		case s.Behind > 0:
			c.print("  %s behind %s; take them over: constl pull\n", behind, s.Branch)
		default:
			c.print("  the same as %s\n", s.Branch)
		}
	}
}

// noteMaintainer says what becomes of commits here if this device's word does not
// count for the branch.
func (c *command) noteMaintainer(r *repo.Repo, branch refs.Name) {
	if ok, err := r.Maintains(c.ctx(), branch); err != nil || ok {
		return // without a key it is the commit that says so
	}
	if held, err := r.Held(c.ctx()); err == nil && held != "" {
		c.note("  this device's key has signed two different histories, here and elsewhere: nothing that it signs counts until a\n"+
			"  maintainer settles that: constl maintainer settle %s\n  If you do not know where, somebody else has your key: constl key rotate\n", held)
		return
	}
	if former, err := r.FormerKey(c.ctx()); err == nil && former != nil {
		c.note("  this dataset knows this device by its old key; tell it the new one: constl key rotate\n")
		return
	}
	c.note("  you are not a maintainer of this dataset: your commits stay in this copy;\n" +
		"  ask the maintainers to take them with: constl propose -m MESSAGE\n")
}

func (c *command) printHead(h repo.Head) {
	switch {
	case h.Branch == "":
		c.print("On commit %s, no branch (go back with: constl switch main)\n", h.Commit.Short())
	case h.Commit.IsZero():
		c.print("On branch %s, no commit yet\n", c.style(bold, h.Branch.Short()))
	default:
		c.print("On branch %s at %s\n", c.style(bold, h.Branch.Short()), h.Commit.Short())
	}
}

func statusColour(status string) string {
	switch status {
	case "added":
		return green
	case "deleted":
		return red
	}
	return yellow
}

func (a *app) commitCommand() *cli.Command {
	return &cli.Command{
		Name: "commit", Category: groupRecord, ArgsUsage: "[PATH ...]",
		Usage: "record the folder, or some files of it, for good",
		Description: "There is no staging: a commit takes the files as they are. Tables are understood row by\n" +
			"row; their types and keys are written to datapackage.json, where you can change them.\n" +
			"Where a column that is described there is gone and others are new, you are asked whether it was\n" +
			"renamed; --renamed answers that.\n" +
			"JSON: {\"commit\", \"branch\", \"tables\":[{\"path\",\"rows\",\"key\",\"fields\":[{\"name\",\"type\"}]}], \"notes\",\n" +
			"\"problems\": as of constl describe}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "what changed and why, in `WORDS`"},
			&cli.StringSliceFlag{Name: "renamed", Usage: "say that a column has another name now, as `\"OLD=NEW\"`, and what is said of it follows; or none"},
			&cli.BoolFlag{Name: "allow-empty", Usage: "record a commit even if nothing has changed"},
			&cli.BoolFlag{Name: "no-validate", Usage: "record it even if validate.on says to validate, and it is not valid"},
		},
		Action: a.action(runCommit),
	}
}

func runCommit(c *command) error {
	return c.open(func(r *repo.Repo) error {
		o := repo.CommitOptions{Message: c.String("message"), AllowEmpty: c.Bool("allow-empty"), NoValidate: c.Bool("no-validate")}
		if o.Message == "" {
			if st, err := r.Status(c.ctx()); err != nil {
				return err
			} else if st.Merging.IsZero() {
				return usage("constl commit -m \"what changed and why\"", "a commit needs a message")
			}
		}
		var err error
		if o.Paths, err = c.paths(r, c.words()); err != nil {
			return err
		}
		if o.Renamed, o.NoRename, err = renamesOf(c.StringSlice("renamed")); err != nil {
			return err
		}
		res, err := r.Commit(c.ctx(), o)
		var unclear *repo.RenameError
		if errors.As(err, &unclear) && c.env.Interactive && !c.asJSON() {
			if o.Renamed, err = c.askRenames(unclear, o.Renamed); err == nil {
				o.NoRename = true
				res, err = r.Commit(c.ctx(), o)
			}
		}
		if err != nil {
			return c.reportInvalid(err)
		}
		if c.asJSON() {
			return c.printJSON(commitJSON(res))
		}
		c.printCommit(res)
		for _, p := range problemsOf(res) {
			c.note("note: datapackage.json: %s: %s\n", diffview.Line(p.Where), p.Text)
		}
		c.noteMaintainer(r, refs.Name(refs.HeadsPrefix+res.Branch))
		return nil
	})
}

// paths makes what a person wrote relative to the dataset's folder.
func (c *command) paths(r *repo.Repo, args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		p, err := r.Rel(c.env.path("."), arg)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

type fieldJSON struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type tableJSON struct {
	Path   string      `json:"path"`
	Rows   int64       `json:"rows"`
	New    bool        `json:"new"`
	Key    []string    `json:"key"`
	Fields []fieldJSON `json:"fields"`
}

// problemsOf returns what a new datapackage.json states and cannot be right.
func problemsOf(res *repo.CommitResult) []describe.Problem {
	if res.Package == nil {
		return nil
	}
	return describe.Check(res.Package)
}

func commitJSON(res *repo.CommitResult) any {
	out := struct {
		Commit object.ID         `json:"commit"`
		Branch string            `json:"branch"`
		Tables []tableJSON       `json:"tables"`
		Notes  map[string]string `json:"notes,omitempty"`

		Problems []describe.Problem `json:"problems"`
	}{res.ID, res.Branch, []tableJSON{}, make(map[string]string), notNil(problemsOf(res))}
	for _, rec := range res.Recorded {
		if rec.Note != "" {
			out.Notes[rec.Path] = rec.Note
		}
		if rec.Table == nil {
			continue
		}
		t := tableJSON{Path: rec.Path, Rows: rec.Table.Rows, New: rec.Table.New, Key: notNil(rec.Table.KeyNames())}
		for _, f := range rec.Table.Schema.Fields {
			t.Fields = append(t.Fields, fieldJSON{f.Name, string(f.Type)})
		}
		out.Tables = append(out.Tables, t)
	}
	return out
}

func (c *command) printCommit(res *repo.CommitResult) {
	on := res.Branch
	if on == "" {
		on = "no branch"
	}
	first, _, _ := strings.Cut(res.Message, "\n")
	c.print("[%s %s] %s\n", on, c.style(yellow, res.ID.Short()), diffview.Line(first))
	for _, rec := range res.Recorded {
		if rec.Note != "" {
			c.note("  %s: %s\n", diffview.Line(rec.Path), rec.Note)
		}
		if rec.Table == nil {
			continue
		}
		c.print("  %s: %s, %s", diffview.Line(rec.Path), plural(rec.Table.Rows, "row"), plural(int64(len(rec.Table.Schema.Fields)), "column"))
		if key := rec.Table.KeyNames(); len(key) > 0 {
			c.print(", key: %s\n", strings.Join(key, " + "))
		} else {
			c.print(", no key (whole rows are compared)\n")
		}
		if rec.Table.New {
			c.print("    %s\n", typesText(rec.Table))
		}
	}
	for _, rec := range res.Recorded {
		if rec.Table != nil && rec.Table.New {
			c.note("Types and keys stand in datapackage.json: change them there if they are wrong, and add title, authors and licence.\n")
			break
		}
	}
}

// typesText lists the types that were inferred, for people to check.
func typesText(t *repo.TableInfo) string {
	const most = 12
	var parts []string
	for i, f := range t.Schema.Fields {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(t.Schema.Fields)-most))
			break
		}
		name := f.Name
		if name == "" {
			name = f.ID
		}
		parts = append(parts, name+" "+string(f.Type))
	}
	return strings.Join(parts, ", ")
}

func (a *app) restoreCommand() *cli.Command {
	return &cli.Command{
		Name: "restore", Category: groupRecord, ArgsUsage: "PATH ...",
		Usage: "put files back as they were committed, dropping changes to them",
		Description: "Uncommitted changes to these files are lost.\n" +
			"JSON: {\"restored\":[PATH]}",
		Flags:  []cli.Flag{&cli.StringFlag{Name: "source", Usage: "take them from `REV` instead of what is checked out"}},
		Action: a.action(runRestore),
	}
}

func runRestore(c *command) error {
	args, err := c.arguments(1, -1)
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		paths, err := c.paths(r, args)
		if err != nil {
			return err
		}
		restored, err := r.Restore(c.ctx(), c.String("source"), paths)
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(map[string][]string{"restored": notNil(restored)})
		}
		if len(restored) == 0 {
			c.print("Nothing had changed\n")
		}
		for _, p := range restored {
			c.print("  restored %s\n", p)
		}
		return nil
	})
}

// notNil returns the list, or an empty one that JSON shows as [].
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// idText returns an id's digits, or nothing for none.
func idText(id object.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
