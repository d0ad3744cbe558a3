package cli

import (
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/validate"
	"github.com/urfave/cli/v2"
)

func (a *app) validateCommand() *cli.Command {
	return &cli.Command{
		Name: "validate", Category: groupCite, ArgsUsage: "[REV] [-- PATH ...]",
		Usage: "check tables against their types, constraints, keys and rules",
		Description: "What should be is written in datapackage.json. Without REV: the folder as it is.\n" +
			"Exit code 1 if there are errors; warnings do not count.\n" +
			"JSON: {\"valid\",\"errors\",\"warnings\",\"tables\":[{\"path\",\"rows\",\"rows_checked\"}],\n" +
			"\"findings\":[{\"rule\",\"severity\",\"path\",\"field\",\"name\",\"expected\",\"count\",\n" +
			"\"first\":[{\"line\",\"column\",\"row\",\"key\",\"value\",\"message\"}]}],\"notes\"}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "changed-since", Usage: "check only what is not in `REV` alike"},
			&cli.IntFlag{Name: "limit", Usage: "show the first `N` findings of each kind", Value: 20},
		},
		Action: a.action(runValidate),
	}
}

func runValidate(c *command) error {
	revs, paths, err := c.revsAndPaths()
	if err != nil {
		return err
	}
	if len(revs) > 1 {
		return usage("constl help validate", "expected at most one version, found %d; name files behind --", len(revs))
	}
	return c.open(func(r *repo.Repo) error {
		o := repo.ValidateOptions{Since: c.String("changed-since"), Limit: c.Int("limit")}
		if len(revs) > 0 {
			o.Rev = revs[0]
		}
		if o.Paths, err = c.paths(r, paths); err != nil {
			return err
		}
		report, err := r.Validate(c.ctx(), o)
		if err != nil {
			return err
		}
		if c.asJSON() {
			err = c.printJSON(report)
		} else {
			err = validate.WriteText(c.env.Stdout, report)
		}
		if err == nil && !report.Valid {
			err = errFound
		}
		return err
	})
}
