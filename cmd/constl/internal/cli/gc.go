package cli

import (
	"github.com/constl/constl/internal/repo"
	"github.com/urfave/cli/v2"
)

func (a *app) gcCommand() *cli.Command {
	return &cli.Command{
		Name: "gc", Category: groupSettings, ArgsUsage: "no arguments",
		Usage: "store what is here in as little space as possible",
		Description: "Drops what no branch, tag or peer's ref leads to any more; nothing that can be checked out is lost.\n" +
			"JSON: {\"objects_before\", \"objects_after\", \"bytes_before\", \"bytes_after\"}",
		Action: a.action(runGC),
	}
}

func runGC(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		res, err := r.GC(c.ctx())
		if err != nil {
			return err
		}
		if c.asJSON() {
			return c.printJSON(struct {
				ObjectsBefore int64 `json:"objects_before"`
				ObjectsAfter  int64 `json:"objects_after"`
				BytesBefore   int64 `json:"bytes_before"`
				BytesAfter    int64 `json:"bytes_after"`
			}{int64(res.Before.Objects), int64(res.After.Objects), res.Before.Bytes, res.After.Bytes})
		}
		c.print("%s in %s, before %s in %s\n", plural(int64(res.After.Objects), "object"), bytesText(res.After.Bytes),
			plural(int64(res.Before.Objects), "object"), bytesText(res.Before.Bytes))
		return nil
	})
}
