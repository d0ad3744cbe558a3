package cli

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/bundle"
	"github.com/urfave/cli/v2"
)

func (a *app) bundleCommand() *cli.Command {
	return &cli.Command{
		Name: "bundle", Category: groupTogether, ArgsUsage: "create FILE [REV…] | verify FILE",
		Usage: "put a dataset, or what is new in it, into one file: for a stick, a mail, or any web server",
		Description: "create writes everything that is here; with REV only these versions and their history. With --since\n" +
			"it leaves out what that version reaches, which the reader must have then (constl bundle verify says so).\n" +
			"Names of bundles end in .bundle. Read one with: constl clone FILE, constl pull FILE, constl fetch FILE;\n" +
			"FILE may be a web address. A bundle is checked like any peer: nobody can change a byte of it unseen.\n" +
			"verify reads all of it, checks every hash and signature, and keeps nothing.\n" +
			"JSON: create {\"file\", \"dataset\", \"objects\", \"bytes\", \"refs\": n, \"versions\":[…], \"since\":[…], \"left_out\": n};\n" +
			"verify {\"dataset\", \"name\", \"maker\", \"refs\":{NAME: id}, \"versions\":[…], \"since\":[…], \"missing\":[…], \"objects\", \"bytes\"}",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "since", Usage: "leave out what this `REV` reaches (may be repeated)"},
		},
		Action: a.action(runBundle),
	}
}

func runBundle(c *command) error {
	words := c.words()
	switch {
	case len(words) >= 2 && words[0] == "create":
		return c.createBundle(words[1], words[2:])
	case len(words) == 2 && words[0] == "verify" && !c.IsSet("since"):
		return c.verifyBundle(words[1])
	}
	return usage("constl help bundle", "expected create FILE or verify FILE, found %q", strings.Join(words, " "))
}

func (c *command) createBundle(file string, revs []string) error {
	if !strings.HasSuffix(file, bundle.Suffix) {
		return usage("constl bundle create "+file+bundle.Suffix, "the name of a bundle ends in %s, found %s", bundle.Suffix, file)
	}
	return c.open(func(r *repo.Repo) error {
		res, err := r.CreateBundle(c.ctx(), c.env.path(file), revs, c.StringSlice("since"))
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(struct {
				File     string      `json:"file"`
				Dataset  object.ID   `json:"dataset"`
				Objects  int64       `json:"objects"`
				Bytes    int64       `json:"bytes"`
				Refs     int         `json:"refs"`
				Versions []object.ID `json:"versions"`
				Since    []object.ID `json:"since"`
				LeftOut  int         `json:"left_out"`
			}{file, res.Dataset, res.Objects, res.Bytes, res.Refs, notNil(res.Versions), notNil(res.Since), res.Aside})
		}
		c.print("Wrote %s: %s, %s\n", file, plural(res.Objects, "object"), bytesText(res.Bytes))
		for _, id := range res.Since {
			c.print("  to be read by whoever has %s\n", id.Short())
		}
		if res.Refs == 0 {
			c.note("  it holds versions without signed branches, since these lead to more than was asked for\n")
		}
		return nil
	})
}

func (c *command) verifyBundle(name string) error {
	location, ok := c.bundleAt(name)
	if !ok {
		location = c.env.path(name)
	}
	report, done := c.progress()
	defer done()
	here, err := repo.Open(c.ctx(), c.env.path("."), c.options(report))
	if err == nil {
		defer here.Close()
	} else {
		here = nil // outside of a dataset all that stands in the bundle itself can be checked
	}
	check, err := repo.VerifyBundle(c.ctx(), location, here, report)
	if err != nil {
		return err
	}
	done()
	if c.asJSON() {
		err := c.printJSON(struct {
			Dataset  object.ID               `json:"dataset"`
			Name     string                  `json:"name"`
			Maker    refs.PeerID             `json:"maker"`
			Refs     map[refs.Name]object.ID `json:"refs"`
			Versions []object.ID             `json:"versions"`
			Since    []object.ID             `json:"since"`
			Missing  []object.ID             `json:"missing"`
			Objects  int64                   `json:"objects"`
			Bytes    int64                   `json:"bytes"`
		}{check.Dataset, check.Name, check.Maker, check.Refs, notNil(check.Versions), notNil(check.Since), notNil(check.Missing), check.Objects, check.Bytes})
		return found(err, len(check.Missing) > 0)
	}
	return c.printBundle(name, check)
}

func (c *command) printBundle(name string, check *repo.BundleCheck) error {
	c.print("%s is a bundle of %s\n  dataset: %s\n  made by: %s\n", name, c.style(bold, check.Name), check.Dataset, check.Maker.Short())
	for _, ref := range slices.Sorted(maps.Keys(check.Refs)) {
		c.print("  %s  %s\n", ref.Short(), check.Refs[ref].Short())
	}
	for _, id := range check.Versions {
		c.print("  version  %s\n", id.Short())
	}
	for _, id := range check.Since {
		c.print("  builds on  %s\n", id)
	}
	if len(check.Missing) > 0 {
		c.print("%s\n", c.style(red, "Not here: "+plural(int64(len(check.Missing)), "commit")+" that it builds on"))
		for _, id := range check.Missing {
			c.print("  missing  %s\n", id)
		}
		c.note("Signatures are valid; the rest can be checked and read only where these are.\n" +
			"Go to the dataset and get them (constl pull), or ask for a bundle without --since.\n")
		return errFound
	}
	c.print("Whole: %s, %s, every hash and signature verified\n", plural(check.Objects, "object"), bytesText(check.Bytes))
	return nil
}

// bundleAt returns where a bundle lies that an argument names, and whether it names
// one: a web address, or a file. A file whose name does not end in .bundle is one
// if it lies there and has no remote's plain name.
func (c *command) bundleAt(arg string) (location string, ok bool) {
	if bundle.IsWeb(arg) {
		return arg, true
	}
	if refs.IsURL(arg) || strings.Contains(arg, "://") {
		return "", false
	}
	path := c.env.path(arg)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if strings.HasSuffix(arg, bundle.Suffix) {
		return path, true
	}
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular() && strings.ContainsAny(arg, `/\`)
}
