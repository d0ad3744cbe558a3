package cli

import (
	"strings"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/bundle"
	"github.com/urfave/cli/v2"
)

func (a *app) initCommand() *cli.Command {
	return &cli.Command{
		Name: "init", Category: groupStart, ArgsUsage: "[DIR]",
		Usage: "make a dataset of a folder, with you as its maintainer",
		Description: "The files in the folder stay as they are; record them with constl commit.\n" +
			"JSON: {\"dataset\", \"dir\", \"peer\"}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "the dataset's `NAME` (default: the folder's)"},
			&cli.BoolFlag{Name: "private", Usage: "only those whom you list may read it: constl reader add"},
		},
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
	r, err := repo.Init(c.ctx(), dir, repo.InitOptions{Name: c.String("name"), Private: c.Bool("private")}, c.options(nil))
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
		Name: "clone", Category: groupStart, ArgsUsage: "URL|FILE [DIR]",
		Usage: "get a dataset that somebody serves, or that lies in a bundle",
		Description: "URL is what constl serve printed: constl://DATASET_ID?peer=PEER_ID@HOST:PORT,\n" +
			"or the web address of a bundle (https:// or http://: whatever the line, every byte is verified).\n" +
			"FILE is a bundle, as constl bundle create makes it.\n" +
			"A clone that was cut goes on where it stopped when you clone again into the same folder.\n" +
			partHelp +
			"JSON: {\"dataset\", \"dir\", \"commit\", \"objects\", \"bytes\", \"rounds\": round trips}",
		Flags:  partFlags(),
		Action: a.action(runClone),
	}
}

func runClone(c *command) error {
	args, err := c.arguments(1, 2)
	if err != nil {
		return err
	}
	report, done := c.progress()
	defer done()
	r, res, err := c.clone(args, report)
	if err != nil {
		return err
	}
	defer r.Close()
	id, err := r.DatasetID()
	if err != nil {
		return err
	}
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
			Rounds  int    `json:"rounds"`
		}{id.String(), r.Dir, idText(head.Commit), res.Objects, res.Bytes, res.Rounds})
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
	at := head.Branch.Short()
	if at == "" {
		at = "one version"
	}
	c.print("  %s at %s, %s, %s, every one verified\n", at, head.Commit.Short(), plural(res.Objects, "object"), bytesText(res.Bytes))
	c.notePart(r)
	c.reportFetch(res)
	return nil
}

// clone clones what the arguments name: an address or a bundle, and a folder.
func (c *command) clone(args []string, report repo.Progress) (*repo.Repo, *repo.FetchResult, error) {
	part, err := c.part()
	if err != nil {
		return nil, nil, err
	}
	from, isBundle := c.bundleAt(args[0])
	if isBundle && part != nil {
		return nil, nil, usage("constl clone "+args[0], "a bundle is read as a whole: --filter and --depth are for peers")
	}
	if isBundle {
		dir := strings.TrimSuffix(from[strings.LastIndexAny(from, `/\`)+1:], bundle.Suffix)
		if len(args) == 2 {
			dir = args[1]
		}
		return repo.CloneBundle(c.ctx(), from, c.env.path(dir), c.options(report))
	}
	url, err := refs.ParseURL(args[0])
	if err != nil {
		return nil, nil, err
	}
	if repo.IsPairing(url) {
		return nil, nil, usage("constl device join URL DIR", "this is an address by which a second computer of the same person joins")
	}
	dir := url.Dataset.Short()
	if len(args) == 2 {
		dir = args[1]
	}
	return repo.ClonePart(c.ctx(), url, c.env.path(dir), part, c.options(report))
}
