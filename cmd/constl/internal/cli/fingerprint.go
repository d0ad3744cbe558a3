package cli

import (
	"errors"
	"os"
	"strings"

	"github.com/constl/constl/internal/fingerprint"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/tabular"
	"github.com/urfave/cli/v2"
)

func (a *app) fingerprintCommand() *cli.Command {
	return &cli.Command{
		Name: "fingerprint", Category: groupCite, ArgsUsage: "[FILE or REV:TABLE ...]",
		Usage: "tell whether two tables hold the same data, whatever their format",
		Description: "The fingerprint of a table does not depend on the order of its rows and columns, nor on the file's\n" +
			"format: .csv, .tsv and .csv.gz, .parquet, .xlsx. Numbers, dates and truth values count by value, so\n" +
			"1.0 and 1.00 are the same. Without arguments: all tables of what is checked out.\n" +
			"constl fingerprint counts.csv export.parquet\n" +
			"constl fingerprint export.xlsx --check fp1:5c0e…   (as a citation names it)\n" +
			"What a datapackage.json beside a text file says of decimal commas and the like is heeded.\n" +
			"Exit code 1 if --check finds another fingerprint.\n" +
			"JSON: [{\"path\", \"fingerprint\", \"unf\", \"rows\", \"columns\":[{\"name\",\"kind\"}]}]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "check", Usage: "compare with this `FINGERPRINT`"},
			&cli.StringFlag{Name: "sheet", Usage: "the `NAME` of a workbook's sheet; else the first"},
			&cli.BoolFlag{Name: "unf", Usage: "print the UNF version 6, as Dataverse has it, too; rows then count in their order"},
			&cli.BoolFlag{Name: "no-schema", Usage: "heed no datapackage.json beside the files"},
		},
		Action: a.action(runFingerprint),
	}
}

// printed is what was found of one table.
type printed struct {
	Path        string              `json:"path"`
	Fingerprint tabular.Fingerprint `json:"fingerprint"`
	UNF         string              `json:"unf,omitempty"`
	Rows        int64               `json:"rows"`
	Columns     []printedColumn     `json:"columns"`
}

type printedColumn struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func runFingerprint(c *command) error {
	args, err := c.arguments(0, -1)
	if err != nil {
		return err
	}
	var want tabular.Fingerprint
	if c.IsSet("check") {
		if want, err = tabular.ParseFingerprint(strings.TrimSpace(c.String("check"))); err != nil {
			return usage("constl help fingerprint", "--check: %s", strings.TrimPrefix(err.Error(), "tabular: "))
		}
	}
	list, err := c.fingerprints(args)
	if err != nil {
		return err
	}
	differ := false
	for _, p := range list {
		differ = differ || c.IsSet("check") && p.Fingerprint != want
	}
	if c.asJSON() {
		if err := c.printJSON(notNil(list)); err != nil {
			return err
		}
	} else {
		c.printFingerprints(list, want)
	}
	if differ {
		return errFound
	}
	return nil
}

func (c *command) printFingerprints(list []printed, want tabular.Fingerprint) {
	for _, p := range list {
		verdict := ""
		switch {
		case !c.IsSet("check"):
		case p.Fingerprint == want:
			verdict = "  " + c.style(green, "the same data")
		default:
			verdict = "  " + c.style(red, "other data")
		}
		c.print("%s  %s%s\n", p.Fingerprint, p.Path, verdict)
		if p.UNF != "" {
			c.print("%s  %s\n", p.UNF, p.Path)
		}
	}
}

// fingerprints takes the fingerprints of files, tables of the dataset, or all tables.
func (c *command) fingerprints(args []string) ([]printed, error) {
	var list []printed
	var r *repo.Repo
	defer func() {
		if r != nil {
			_ = r.Close()
		}
	}()
	dataset := func() (err error) {
		if r == nil {
			r, err = repo.Open(c.ctx(), c.env.path("."), c.options(nil))
		}
		return err
	}
	if len(args) == 0 {
		if err := dataset(); err != nil {
			return nil, err
		}
		paths, err := r.TablePaths(c.ctx(), "")
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			args = append(args, "HEAD:"+path)
		}
	}
	for _, arg := range args {
		info, err := os.Stat(c.env.path(arg))
		var p printed
		if err == nil && !info.IsDir() {
			p, err = c.fileFingerprint(arg)
		} else if rev, path, ok := strings.Cut(arg, ":"); ok && rev != "" && path != "" {
			if err = dataset(); err == nil {
				var texts tabular.Texts
				if texts, err = r.Texts(c.ctx(), rev, path); err == nil {
					p, err = c.fingerprintOf(arg, texts)
				}
			}
		} else {
			return nil, usage("constl help fingerprint", "there is no file %s; a table of a version is named REV:TABLE", arg)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (c *command) fileFingerprint(name string) (p printed, err error) {
	f, err := fingerprint.OpenFile(c.ctx(), c.env.path(name), &fingerprint.FileOptions{Sheet: c.String("sheet"), NoSchema: c.Bool("no-schema")})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Note != "" {
		c.note("note: %s: %s\n", name, f.Note)
	}
	return c.fingerprintOf(name, f)
}

func (c *command) fingerprintOf(path string, t tabular.Texts) (printed, error) {
	report, done := c.progress()
	defer done()
	found, err := tabular.FingerprintOf(c.ctx(), t, &tabular.FingerprintOptions{Progress: func(rows int64) { report("hashing rows", rows, 0) }})
	if err != nil {
		return printed{}, err
	}
	p := printed{Path: path, Fingerprint: found.Fingerprint, Rows: found.Rows, Columns: []printedColumn{}}
	for _, col := range found.Columns {
		p.Columns = append(p.Columns, printedColumn{col.Name, col.Kind.String()})
	}
	if c.Bool("unf") {
		p.UNF, err = tabular.UNFOf(c.ctx(), t, 0)
	}
	return p, err
}
