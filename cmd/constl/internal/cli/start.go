package cli

import (
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) initCommand() *cli.Command {
	return &cli.Command{
		Name: "init", Category: groupStart, ArgsUsage: "[DIR]",
		Usage: "make a dataset of a folder, with you as its maintainer",
		Description: "The files in the folder stay as they are; record them with constl commit.\n" +
			"JSON: {\"dataset\", \"dir\", \"peer\"}",
		Flags:  []cli.Flag{&cli.StringFlag{Name: "name", Usage: "the dataset's `NAME` (default: the folder's)"}},
		Action: a.action(runInit),
	}
}

func runInit(c *command) error {
	args, err := c.arguments(0, 1)
	if err != nil {
		return err
	}
	dir := c.env.path(".")
	if len(args) == 1 {
		dir = c.env.path(args[0])
	}
	r, err := repo.Init(c.ctx(), dir, c.String("name"), c.options(nil))
	if err != nil {
		return err
	}
	defer r.Close()
	id, err := r.DatasetID()
	if err != nil {
		return err
	}
	key, err := refs.OpenKey(c.ctx(), c.env.Home)
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(map[string]string{"dataset": id.String(), "dir": r.Dir, "peer": key.PeerID().String()})
	}
	chain, err := r.Chain()
	if err != nil {
		return err
	}
	c.print("Made the dataset %s in %s\n", c.style(bold, chain.Current().Name), r.Dir)
	c.print("  id: %s\n  maintainer: %s\n", id, chain.Current().People[0].Name)
	c.note("Next: put your files there, then: constl commit -m \"first version\"\n")
	return nil
}

func (a *app) cloneCommand() *cli.Command {
	return &cli.Command{
		Name: "clone", Category: groupStart, ArgsUsage: "URL [DIR]",
		Usage: "get a dataset that somebody serves",
		Description: "URL is what constl serve printed: constl://DATASET_ID?peer=PEER_ID@HOST:PORT.\n" +
			"A clone that was cut goes on where it stopped when you clone again into the same folder.\n" +
			"JSON: {\"dataset\", \"dir\", \"commit\", \"objects\", \"bytes\"}",
		Action: a.action(runClone),
	}
}

func runClone(c *command) error {
	args, err := c.arguments(1, 2)
	if err != nil {
		return err
	}
	url, err := refs.ParseURL(args[0])
	if err != nil {
		return err
	}
	dir := c.env.path(url.Dataset.Short())
	if len(args) == 2 {
		dir = c.env.path(args[1])
	}
	report, done := c.progress()
	defer done()
	r, res, err := repo.Clone(c.ctx(), url, dir, c.options(report))
	if err != nil {
		return err
	}
	defer r.Close()
	head, err := r.Head(c.ctx())
	if err != nil {
		return err
	}
	done()
	if c.asJSON() {
		return c.printJSON(struct {
			Dataset string `json:"dataset"`
			Dir     string `json:"dir"`
			Commit  string `json:"commit"`
			Objects int64  `json:"objects"`
			Bytes   int64  `json:"bytes"`
		}{url.Dataset.String(), r.Dir, idText(head.Commit), res.Objects, res.Bytes})
	}
	chain, err := r.Chain()
	if err != nil {
		return err
	}
	c.print("Cloned %s into %s\n", c.style(bold, chain.Current().Name), r.Dir)
	if head.Commit.IsZero() {
		c.print("  it has no commit yet\n")
		return nil
	}
	c.print("  %s at %s, %s, %s, every one verified\n", head.Branch.Short(), head.Commit.Short(), plural(res.Objects, "object"), bytesText(res.Bytes))
	c.reportFetch(res)
	return nil
}
