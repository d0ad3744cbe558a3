package cli

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

// tourFiles are the files that the tour's dataset begins with (see tour/README.md).
//
//go:embed tour/plants.csv tour/datapackage.json
var tourFiles embed.FS

func (a *app) tourCommand() *cli.Command {
	return &cli.Command{
		Name: "tour", Category: groupSettings, ArgsUsage: "[DIR]",
		Usage: "see all of it at work in a few seconds, with a real table and two people",
		Description: "Plays both people in the new folder DIR (default: constl-tour), where you can go on afterwards.\n" +
			"Nothing is written elsewhere, and nothing leaves this computer.\n" +
			"JSON: {\"dir\", \"steps\":[{\"title\", \"commands\":[{\"who\", \"args\", \"exit\", \"output\"}]}]}",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "step", Usage: "wait for Enter before each step"}},
		Action: a.action(runTour),
	}
}

func runTour(c *command) error {
	args, err := c.arguments(0, 1)
	if err != nil {
		return err
	}
	dir := "constl-tour"
	if len(args) == 1 {
		dir = args[0]
	}
	if dir, err = filepath.Abs(c.env.path(dir)); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return usage("constl tour ANOTHER-DIR, or delete this one", "the tour needs a new folder, and %s is not empty", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return usage("constl tour ANOTHER-DIR", "the tour needs a new folder: %s", err)
	}
	t := newTour(c, dir)
	defer t.close()
	if err := t.prepare(); err != nil {
		return err
	}
	if err := t.play(); err != nil {
		if c.ctx().Err() != nil {
			c.note("The tour was stopped; what it made so far is in %s\n", dir)
		}
		return err
	}
	if c.asJSON() {
		return c.printJSON(t.record)
	}
	return nil
}

// prepare makes the two people's folders, and puts Ana's files in hers.
func (t *tour) prepare() error {
	for _, p := range []*person{t.ana, t.ben} {
		if err := os.MkdirAll(p.dir, 0o777); err != nil {
			return err
		}
	}
	t.ana.dir = filepath.Join(t.ana.dir, "plants")
	if err := os.Mkdir(t.ana.dir, 0o777); err != nil {
		return err
	}
	for _, name := range []string{"plants.csv", "datapackage.json"} {
		data, err := tourFiles.ReadFile("tour/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(t.ana.dir, name), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}
