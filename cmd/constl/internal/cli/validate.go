package cli

import (
	"bytes"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/tabular/csv"
	"github.com/urfave/cli/v2"
)

//go:embed recipes
var recipes embed.FS

func (a *app) validateCommand() *cli.Command {
	return &cli.Command{
		Name: "validate", Category: groupCite, ArgsUsage: "[REV] [-- PATH ...], or FILE",
		Usage: "check tables against their types, constraints, keys and rules",
		Description: "What should be is written in datapackage.json: types, formats, missing values, constraints and\n" +
			"keys after Table Schema, and rules of your own in CEL, in the schema as\n" +
			"  \"constl\": {\"rules\": [{\"name\": \"plausible\", \"row\": \"temp_c > -60.0 && (count == 0 || species != '')\"},\n" +
			"    {\"table\": \"sum(count) < 1000\", \"per\": [\"site\"]}, {\"change\": \"change == 'added'\"}]}\n" +
			"or \"change\": \"new.count <= old.count * 2\". Damage by spreadsheet programs is a warning; a field with\n" +
			"\"constl\": {\"allow\": [\"stray-space\"]} has it allowed. internal/validate/RULES.md lists all checks.\n" +
			"Without REV: the folder as it is. A FILE that lies in no dataset is checked with the\n" +
			"datapackage.json beside or above it. Rules about changes compare with the version before.\n" +
			"To check always: constl config validate.on commit,accept,pull (see constl help config).\n" +
			"Exit code 1 if there are errors; warnings do not count.\n" +
			"JSON: {\"valid\",\"errors\",\"warnings\",\"tables\":[{\"path\",\"rows\",\"rows_checked\"}],\n" +
			"\"findings\":[{\"rule\",\"severity\",\"path\",\"field\",\"name\",\"expected\",\"count\",\n" +
			"\"first\":[{\"line\",\"column\",\"row\",\"key\",\"value\",\"message\"}]}],\"notes\"}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "changed-since", Usage: "check only what is not in `REV` alike"},
			&cli.StringFlag{Name: "format", Value: string(validate.FormatText), Usage: "answer as `FORM`: text, github, sarif, junit, gitlab or html"},
			&cli.IntFlag{Name: "limit", Usage: "show the first `N` findings of each kind (default: 20; for sarif and gitlab 5000)"},
			&cli.StringFlag{Name: "summary", Usage: "append a summary in Markdown to `FILE`; with --format github $GITHUB_STEP_SUMMARY"},
			&cli.StringSliceFlag{Name: "renamed", Usage: "say that a column was renamed, as `\"OLD=NEW\"`: datapackage.json follows; then check"},
			&cli.StringFlag{Name: "recipe", Usage: "print how to check contributions with `SYSTEM`: github, gitlab or shell"},
		},
		Action: a.action(runValidate),
	}
}

func runValidate(c *command) error {
	if c.String("recipe") != "" {
		return c.printRecipe(c.String("recipe"))
	}
	if err := c.checkFormat(); err != nil {
		return err
	}
	limit := c.Int("limit")
	if limit < 0 {
		return usage("constl help validate", "--limit is a number of findings, found %d", limit)
	}
	if limit == 0 && !c.asJSON() {
		limit = validate.Format(c.String("format")).Limit()
	}
	words, paths, err := c.revsAndPaths()
	if err != nil {
		return err
	}
	if len(words) > 1 {
		return usage("constl help validate", "expected at most one version or file, found %d; name files of a dataset behind --", len(words))
	}
	if len(words) == 1 && len(paths) == 0 && csv.IsName(words[0]) {
		if info, err := os.Stat(c.env.path(words[0])); err == nil && !info.IsDir() {
			return c.validateFile(words[0], limit)
		}
	}
	return c.open(func(r *repo.Repo) error {
		o := repo.ValidateOptions{Since: c.String("changed-since"), Limit: limit}
		if len(words) > 0 {
			o.Rev = words[0]
		}
		if o.Paths, err = c.paths(r, paths); err != nil {
			return err
		}
		return c.validateIn(r, o)
	})
}

// validateFile checks a file: in its dataset, if it lies in one.
func (c *command) validateFile(name string, limit int) error {
	dir := filepath.Dir(c.env.path(name))
	r, err := repo.Open(c.ctx(), dir, c.options(nil))
	if err == nil {
		rel, rerr := r.Rel(dir, filepath.Base(name))
		if rerr == nil {
			rerr = c.validateIn(r, repo.ValidateOptions{Paths: []string{rel}, Since: c.String("changed-since"), Limit: limit})
		}
		return errors.Join(rerr, r.Close())
	}
	if !errors.Is(err, repo.ErrNotDataset) {
		return err
	}
	if c.String("changed-since") != "" || len(c.StringSlice("renamed")) > 0 {
		return usage("constl validate "+name, "%s lies in no dataset; --changed-since and --renamed are for those", name)
	}
	report, root, err := validate.File(c.ctx(), c.env.path(name), &validate.Options{Limit: limit})
	if err != nil {
		return err
	}
	return c.answerReport(report, root)
}

func (c *command) validateIn(r *repo.Repo, o repo.ValidateOptions) error {
	for _, pair := range c.StringSlice("renamed") {
		old, now, ok := strings.Cut(pair, "=")
		if !ok || o.Rev != "" {
			return usage("constl validate --renamed OLD=NEW", "--renamed takes the old and the new name of a column of the folder's tables, as OLD=NEW")
		}
		if err := r.RenameField(c.ctx(), old, now); err != nil {
			return err
		}
		c.note("datapackage.json: the field %s is now called %s\n", old, now)
	}
	report, err := r.Validate(c.ctx(), o)
	if err != nil {
		return err
	}
	return c.answerReport(report, r.Dir)
}

func (c *command) checkFormat() error {
	format := validate.Format(c.String("format"))
	if !slices.Contains(validate.Formats(), format) {
		return usage("constl help validate", "there is no form %q of a report; there are text, github, sarif, junit, gitlab and html, and --json", format)
	}
	if c.asJSON() && c.IsSet("format") {
		return usage("constl help validate", "--json and --format are different forms of the same answer: choose one")
	}
	return nil
}

// answerReport writes a report on the tables of the folder dir, as it was asked
// for; one with errors ends the command with exit code 1.
func (c *command) answerReport(report *validate.Report, dir string) error {
	format := validate.Format(c.String("format"))
	var err error
	switch {
	case c.asJSON():
		err = c.printJSON(report)
	case format == validate.FormatText:
		err = c.printReport(report)
	default:
		err = validate.Write(c.env.Stdout, report, format, validate.WriteOptions{Prefix: c.prefix(dir), Version: version, Now: time.Now()})
	}
	summary := c.env.path(c.String("summary"))
	if c.String("summary") == "" {
		summary = ""
		if format == validate.FormatGitHub {
			summary = c.env.variable("GITHUB_STEP_SUMMARY")
		}
	}
	if err == nil && summary != "" {
		err = appendSummary(summary, report)
	}
	return found(err, !report.Valid)
}

// printReport writes a report for people. GitHub Actions takes lines of what a step
// prints for commands; what cells say must not be one.
func (c *command) printReport(report *validate.Report) error {
	if c.env.variable("GITHUB_ACTIONS") == "true" {
		token := rand.Text()
		c.print("::stop-commands::%s\n", token)
		defer c.print("::%s::\n", token)
	}
	return validate.WriteText(c.env.Stdout, report)
}

// prefix leads from the folder that a CI system, or else the person, works in to
// the folder dir.
func (c *command) prefix(dir string) string {
	root := c.env.path(".")
	for _, name := range []string{"GITHUB_WORKSPACE", "CI_PROJECT_DIR"} {
		if at := c.env.variable(name); at != "" {
			root = at
			break
		}
	}
	from, err1 := resolved(root)
	to, err2 := resolved(dir)
	rel, err := filepath.Rel(from, to)
	if err = errors.Join(err1, err2, err); err != nil || rel == "." || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel) + "/"
}

func resolved(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

func appendSummary(name string, report *validate.Report) error {
	used := int64(0)
	if info, err := os.Stat(name); err == nil {
		used = info.Size()
	}
	var b bytes.Buffer
	if err := validate.WriteSummary(&b, report, used); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	_, err = file.Write(b.Bytes())
	return errors.Join(err, file.Close())
}

func (c *command) printRecipe(system string) error {
	for _, name := range []string{"github.yml", "gitlab.yml", "shell.sh"} {
		if strings.HasPrefix(name, system+".") {
			data, err := recipes.ReadFile("recipes/" + name)
			if err == nil {
				_, err = c.env.Stdout.Write(data)
			}
			return err
		}
	}
	return usage("constl validate --recipe github", "there are recipes for github, gitlab and shell, none for %q", system)
}

// reportInvalid prints the report of data that a hook has refused.
func (c *command) reportInvalid(err error) error {
	var invalid *repo.InvalidError
	if errors.As(err, &invalid) && !c.asJSON() {
		if werr := c.printReport(invalid.Report); werr != nil {
			return werr
		}
	}
	return err
}
