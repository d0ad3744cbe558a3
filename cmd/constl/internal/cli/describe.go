package cli

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/describe"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
	"github.com/urfave/cli/v2"
)

func (a *app) describeCommand() *cli.Command {
	return &cli.Command{
		Name: "describe", Category: groupRecord, ArgsUsage: "no arguments",
		Usage: "say what the dataset is, who made it and how it may be used",
		Description: "Writes datapackage.json; what is there stays as it is written. On a terminal at most five questions\n" +
			"are asked, about what nobody has said: title, description, authors, licence, keywords. Each has an\n" +
			"option that replaces it. What can be seen in the data is filled in (types, formats, keys, words for\n" +
			"missing values) or proposed (period, area). Everything stated is checked: licences (SPDX), ORCID, ROR,\n" +
			"languages (BCP 47), units (UCUM), dates, areas.\n" +
			"JSON: {\"changed\", \"missing\":[…], \"problems\":[{\"where\", \"problem\"}], \"proposed\":{\"temporal\", \"bbox\"},\n" +
			"\"formats\":[{\"path\", \"field\", \"type\", \"format\", \"decimal_char\", \"or\": what it may be as well, so that nothing was written}]}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "title", Usage: "what the dataset is called"},
			&cli.StringFlag{Name: "description", Usage: "what is in it, and how it was obtained"},
			&cli.StringFlag{Name: "in", Usage: "title and description are in the language `LANG`, beside those in the dataset's own"},
			&cli.StringSliceFlag{Name: "author", Usage: "an author, as \"Jane Doe <0000-0002-1825-0097> @ Delta Lab <https://ror.org/…>\"; may be repeated"},
			&cli.StringFlag{Name: "license", Usage: "the licence, an SPDX `ID`: CC0-1.0, CC-BY-4.0"},
			&cli.StringFlag{Name: "keywords", Usage: "the keywords, as birds,wetland"},
			&cli.StringFlag{Name: "language", Usage: "the language of title and description, as en, de or pt-BR"},
			&cli.StringFlag{Name: "temporal", Usage: "the period covered, as 2019-03-01/2026-10-31"},
			&cli.StringFlag{Name: "place", Usage: "the area covered, in words"},
			&cli.StringFlag{Name: "bbox", Usage: "the area covered: west,south,east,north in degrees"},
			&cli.StringSliceFlag{Name: "methods", Usage: "how the data were obtained; may be repeated, once for each step"},
			&cli.StringSliceFlag{Name: "funding", Usage: "a grant, as \"FUNDER; AWARD; TITLE; https://ror.org/…\"; may be repeated"},
			&cli.StringFlag{Name: "homepage", Usage: "the `URL` of a page about the dataset"},
			&cli.BoolFlag{Name: "accept", Usage: "take over the period and the area that are proposed"},
			&cli.BoolFlag{Name: "check", Usage: "write nothing; exit code 1 if something stated cannot be right"},
			&cli.BoolFlag{Name: "no-input", Usage: "ask nothing"},
		},
		Action: a.action(runDescribe),
	}
}

func runDescribe(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		st, err := r.State(c.ctx(), "", repo.StateOptions{Folder: true, Statistics: true})
		if err != nil {
			return err
		}
		d := &describing{command: c, repo: r, state: st}
		d.temporal, d.spatial = describe.Coverage(dated(st))
		if err := d.spellings(); err != nil {
			return err
		}
		if !c.Bool("check") {
			if err := d.write(); err != nil {
				return err
			}
		}
		return d.answer()
	})
}

// describing is one run of describe.
type describing struct {
	*command
	repo     *repo.Repo
	state    *repo.State
	temporal datapackage.Temporal
	spatial  datapackage.Spatial
	spelled  []spelling
	changed  bool
}

func (d *describing) write() error {
	if err := d.fromOptions(); err != nil {
		return err
	}
	if d.env.Interactive && !d.Bool("no-input") && !d.asJSON() && d.NumFlags() == 0 {
		if err := d.ask(); err != nil {
			return err
		}
	}
	if err := d.fillMissing(); err != nil {
		return err
	}
	d.fillFormats()
	if d.Bool("accept") {
		d.accept()
	}
	var err error
	d.changed, err = d.state.SavePackage()
	return err
}

// fromOptions writes what the options say. Nothing is kept if one of them is wrong.
func (d *describing) fromOptions() error {
	p := d.state.Package
	if d.IsSet("language") {
		tag, err := describe.Language(d.String("language"))
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(p.Languages(), func(have string) bool { return have == tag })
		p.Set("languages", append([]string{tag}, others...))
	}
	for _, key := range []string{"title", "description"} {
		if name, err := d.inLanguage(key); err != nil {
			return err
		} else if d.IsSet(key) {
			p.Set(name, orAway(d.String(key)))
		}
	}
	for _, key := range []string{"license", "keywords"} {
		if d.IsSet(key) {
			if err := d.say(key, d.String(key)); err != nil {
				return err
			}
		}
	}
	if err := d.say("author", strings.Join(d.StringSlice("author"), ";")); err != nil {
		return err
	}
	if page := d.String("homepage"); d.IsSet("homepage") {
		if page != "" {
			if err := describe.Homepage(page); err != nil {
				return err
			}
		}
		p.Set("homepage", orAway(page))
	}
	if d.IsSet("methods") {
		p.Set("methods", orNothing(slices.DeleteFunc(d.StringSlice("methods"), func(step string) bool { return step == "" })))
	}
	if err := d.coverage(); err != nil {
		return err
	}
	return d.funding()
}

// say answers one of the questions; an empty answer says nothing.
func (d *describing) say(key, answer string) error {
	p := d.state.Package
	if answer = strings.TrimSpace(answer); answer == "" {
		return nil
	}
	switch key {
	case "author":
		for text := range strings.SplitSeq(answer, ";") {
			author, err := describe.Author(text)
			if err != nil {
				return err
			}
			p.AddContributor(author)
		}
	case "license":
		l, err := describe.FindLicense(answer)
		if err != nil {
			return err
		}
		p.Set("licenses", []datapackage.Object{{{Key: "name", Value: l.ID}, {Key: "path", Value: l.URL}, {Key: "title", Value: l.Name}}})
	case "keywords":
		p.Set(key, splitList(answer))
	default:
		p.Set(key, answer)
	}
	return nil
}

func (d *describing) funding() error {
	if !d.IsSet("funding") {
		return nil
	}
	var list []datapackage.Object
	for _, text := range d.StringSlice("funding") {
		g, err := describe.Grant(text)
		if err != nil {
			return err
		}
		var o datapackage.Object
		for _, part := range []datapackage.Property{{Key: "funder", Value: g.Funder}, {Key: "ror", Value: g.ROR}, {Key: "award", Value: g.Award}, {Key: "title", Value: g.Title}} {
			if part.Value != "" {
				o = append(o, part)
			}
		}
		list = append(list, o)
	}
	d.state.Package.Set("funding", list)
	return nil
}

// ask asks what nobody has said. An empty answer leaves it so.
func (d *describing) ask() error {
	in := bufio.NewScanner(d.env.Stdin)
	for _, q := range describe.Questions(d.state.Package) {
		offer := ""
		if name, ok := d.repo.Settings().Get(settings.UserName); ok && q.Key == "author" {
			offer = name
			if id, ok := d.repo.Settings().Get(settings.UserORCID); ok {
				offer += " <" + id + ">"
			}
		}
		for {
			fmt.Fprintf(d.env.Stderr, "%s\n  %s\n", q.Text, q.Hint)
			if offer != "" {
				fmt.Fprintf(d.env.Stderr, "  Enter alone: %s\n", offer)
			}
			fmt.Fprint(d.env.Stderr, "> ")
			if !in.Scan() {
				return in.Err()
			}
			answer := in.Text()
			if strings.TrimSpace(answer) == "" {
				answer = offer
			}
			err := d.say(q.Key, answer)
			if err == nil {
				break
			}
			fmt.Fprintf(d.env.Stderr, "  %s\n", err)
		}
	}
	return nil
}

// fillMissing states which words stand for no value, where nobody has said it.
func (d *describing) fillMissing() error {
	for _, t := range d.state.Tables {
		if t.Said == nil || slices.ContainsFunc(t.Fields, func(f repo.FieldState) bool { return f.Said.MissingValues != nil }) {
			continue
		}
		tokens, err := t.Tokens(d.ctx())
		if err != nil {
			return err
		}
		all := []string{""}
		for _, list := range tokens {
			for _, token := range list {
				if !slices.Contains(all, token) {
					all = append(all, token)
				}
			}
		}
		if len(all) > 1 {
			t.Said.SetSchema("missingValues", all)
		}
	}
	return nil
}

// answer says what was written, what is missing, and what cannot be right.
func (d *describing) answer() error {
	p := d.state.Package
	problems := describe.Check(p)
	missing := []string{}
	for _, q := range describe.Questions(p) {
		missing = append(missing, q.Key)
	}
	if len(p.Languages()) == 0 {
		missing = append(missing, "language")
	}
	t, s := d.proposed()
	if d.asJSON() {
		type coverage struct {
			Temporal string     `json:"temporal,omitempty"`
			Box      *[]float64 `json:"bbox,omitempty"`
		}
		var proposed coverage
		if t.Start != "" {
			proposed.Temporal = t.Start + "/" + t.End
		}
		if s.HasBox {
			box := s.Box[:]
			proposed.Box = &box
		}
		if err := d.printJSON(struct {
			Changed  bool               `json:"changed"`
			Missing  []string           `json:"missing"`
			Problems []describe.Problem `json:"problems"`
			Proposed coverage           `json:"proposed"`
			Formats  []spelling         `json:"formats"`
		}{d.changed, missing, notNil(problems), proposed, notNil(d.spelled)}); err != nil {
			return err
		}
	} else {
		d.tell(missing, problems, t, s)
	}
	if len(problems) > 0 && d.Bool("check") {
		return errFound
	}
	return nil
}

func (d *describing) tell(missing []string, problems []describe.Problem, t datapackage.Temporal, s datapackage.Spatial) {
	if d.changed {
		d.print("Written to %s; record it with: constl commit\n", datapackage.FileName)
	}
	d.tellSpellings()
	for _, p := range problems {
		d.print("%s %s: %s\n", d.style(red, "wrong"), diffview.Line(p.Where), p.Text)
	}
	if len(missing) > 0 {
		d.print("Not stated yet:")
		for _, key := range missing {
			d.print(" --%s", key)
		}
		d.print("\n")
	}
	if t.Start != "" {
		d.print("The dates seen are from %s to %s; to state it: constl describe --temporal %s/%s\n", t.Start, t.End, t.Start, t.End)
	}
	if s.HasBox {
		d.print("The places seen lie within %s; to state it: constl describe --bbox=%s\n", describe.BoxText(s.Box), describe.BoxText(s.Box))
	}
	if t.Start != "" || s.HasBox {
		d.print("To state all that is proposed: constl describe --accept\n")
	}
	if !d.changed && len(missing) == 0 && len(problems) == 0 && len(d.spelled) == 0 {
		d.print("The dataset is described, and what is stated can be right\n")
	}
}
