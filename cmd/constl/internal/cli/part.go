package cli

import (
	"regexp"

	"github.com/constl/constl/internal/repo"
	"github.com/urfave/cli/v2"
)

const partHelp = "With --filter and --depth you get a part: --filter table=PATH,PATH (files, patterns or folders),\n" +
	"--filter columns=PATH:NAME,NAME (without PATH: of every table), --filter rows=PATH:COLUMN:FROM..TO.\n" +
	"The folder then shows only that; a table of which it shows some columns or rows can be read, not changed.\n" +
	"What is missing is fetched when it is needed, or for good with constl fetch --all-columns, --all-tables\n" +
	"and --unshallow.\n"

func partFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "filter", Usage: "get only what this `FILTER` names (may be repeated)"},
		&cli.IntFlag{Name: "depth", Usage: "get only the content of the last `N` versions; older ones are fetched when they are needed"},
	}
}

func widenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "all-columns", Usage: "in a copy of a part, get all columns and rows, and put them into the folder"},
		&cli.BoolFlag{Name: "all-tables", Usage: "get all files"},
		&cli.BoolFlag{Name: "unshallow", Usage: "get all versions"},
	}
}

var filterStart = regexp.MustCompile("^[a-z]+=")

// part returns the part of a dataset that the options name; nil for all of it.
func (c *command) part() (*repo.Part, error) {
	if !c.IsSet("filter") && !c.IsSet("depth") {
		return nil, nil
	}
	p := &repo.Part{Depth: c.Int("depth")}
	if p.Depth < 0 || c.IsSet("depth") && p.Depth == 0 {
		return nil, usage("constl clone URL --depth 1", "--depth takes a number from 1 on, found %d", p.Depth)
	}
	var filters []string
	for _, text := range c.StringSlice("filter") {
		// The library takes commas for ends.
		if n := len(filters); n > 0 && !filterStart.MatchString(text) {
			filters[n-1] += "," + text
			continue
		}
		filters = append(filters, text)
	}
	for _, text := range filters {
		if err := p.AddFilter(text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// notePart says that only a part of the dataset is here.
func (c *command) notePart(r *repo.Repo) {
	if p := r.Part(); p != nil {
		c.print("Only a part of the dataset is here: %s\n", p)
	}
}

// complete makes a copy of a part one of a larger part, or of everything.
func (c *command) complete(r *repo.Repo, w repo.Widen) error {
	res, err := r.Complete(c.ctx(), w)
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(struct {
			Objects int64      `json:"objects"`
			Bytes   int64      `json:"bytes"`
			Part    *repo.Part `json:"part"`
		}{res.Objects, res.Bytes, r.Part()})
	}
	c.print("Fetched %s, %s\n", plural(res.Objects, "object"), bytesText(res.Bytes))
	c.notePart(r)
	if r.Part() == nil {
		c.print("Everything is here\n")
	}
	return nil
}
