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

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/tabular/csv"
	"github.com/urfave/cli/v2"
)

//go:embed recipes
var recipes embed.FS

func (a *app) validateCommand() *cli.Command {
	return &cli.Command{
		Name: "validate", Category: groupCite, ArgsUsage: "[REV|PATH] [-- PATH ...]",
		Usage: "check tables against their types, constraints, keys and rules",
		Description: "What should be is written in datapackage.json: types, formats, missing values, constraints and\n" +
			"keys after Table Schema, and rules of your own in CEL, in the schema as\n" +
			"  \"constl\": {\"rules\": [{\"name\": \"plausible\", \"row\": \"temp_c > -60.0 && (count == 0 || species != '')\"},\n" +
			"    {\"table\": \"sum(count) < 1000\", \"per\": [\"site\"]}, {\"change\": \"change == 'added'\"}]}\n" +
			"or \"change\": \"new.count <= old.count * 2\". Damage by spreadsheet programs is a warning; a field with\n" +
			"\"constl\": {\"allow\": [\"stray-space\"]} has it allowed. internal/validate/RULES.md lists all checks.\n" +
			"Without REV: the folder as it is. A file that lies in no dataset is checked with the datapackage.json\n" +
			"beside or above it, a folder with its own; --changed-since then takes an earlier copy of the file\n" +
			"or folder. Rules about changes compare with the version before.\n" +
			"To check always: constl config validate.on commit,accept,pull (see constl help config).\n" +
			"Exit code 1 if there are errors; warnings do not count.\n" +
			"JSON: {\"valid\",\"errors\",\"warnings\",\"tables\":[{\"path\",\"rows\",\"rows_checked\"}],\n" +
			"\"findings\":[{\"rule\",\"severity\",\"path\",\"field\",\"name\",\"expected\",\"count\",\n" +
			"\"first\":[{\"line\",\"column\",\"row\",\"key\",\"value\",\"message\"}]}],\"notes\"}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "changed-since", Usage: "check only what is not in `REV` alike; of what lies in no dataset, in an earlier copy"},
			&cli.StringFlag{Name: "format", Value: string(validate.FormatText), Usage: "answer as `FORM`: text, github, sarif, junit, gitlab or html"},
			&cli.IntFlag{Name: "limit", Usage: "show the first `N` findings of each kind (default: 20; for sarif and gitlab 5000)"},
			&cli.StringFlag{Name: "summary", Usage: "append a summary in Markdown to `FILE`; with --format github $GITHUB_STEP_SUMMARY"},
			&cli.StringSliceFlag{Name: "renamed", Usage: "say that a column was renamed, as `\"OLD=NEW\"`: datapackage.json follows; then check"},
			&cli.StringFlag{Name: "recipe", Usage: "print how to check contributions with `SYSTEM`: github, github-forks, gitlab or shell"},
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
	o := repo.ValidateOptions{Since: c.String("changed-since"), Limit: limit}
	r, err := repo.Open(c.ctx(), c.place(words), c.options(nil))
	if errors.Is(err, repo.ErrNotDataset) && len(words) == 1 && len(paths) == 0 {
		if _, serr := os.Stat(c.env.path(words[0])); serr != nil {
			return usage("constl validate FILE", "there is no file or folder %s, and no dataset here that could have such a version", words[0])
		}
		return c.validateLoose(words[0], o)
	}
	if err != nil {
		return err
	}
	if len(words) == 1 && c.isPath(r, words[0], len(paths) > 0) {
		words, paths = nil, words
	}
	if len(words) > 0 {
		o.Rev = words[0]
	}
	if o.Paths, err = c.paths(r, paths); err == nil {
		err = c.validateIn(r, o)
	}
	return errors.Join(err, r.Close())
}

// place is the folder from which the dataset is looked for: that of a file or folder
// that a person names, or the one they are in.
func (c *command) place(words []string) string {
	if len(words) != 1 {
		return c.env.path(".")
	}
	name := c.env.path(words[0])
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return c.env.path(".")
	case info.IsDir():
		return name
	}
	return filepath.Dir(name)
}

// isPath reports whether a word is a file or folder, and not a version.
func (c *command) isPath(r *repo.Repo, word string, others bool) bool {
	if _, err := os.Stat(c.env.path(word)); err != nil || others {
		return false
	}
	_, err := r.Resolve(c.ctx(), word)
	return err != nil || csv.IsName(word)
}

// validateLoose checks a file or folder that lies in no dataset.
func (c *command) validateLoose(name string, o repo.ValidateOptions) error {
	if len(c.StringSlice("renamed")) > 0 {
		return usage("constl validate "+name, "%s lies in no dataset; --renamed is for those", name)
	}
	base := ""
	if o.Since != "" {
		base = c.env.path(o.Since)
		if _, err := os.Stat(base); err != nil {
			return usage("constl validate "+name+" --changed-since OLD",
				"%s lies in no dataset, so --changed-since takes an earlier copy of it; there is no %s", name, o.Since)
		}
	}
	name = c.env.path(name)
	if filepath.Base(name) == datapackage.FileName {
		name = filepath.Dir(name)
	}
	report, root, err := validate.Loose(c.ctx(), name, base, &validate.Options{Limit: o.Limit})
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
	for _, name := range []string{"github.yml", "github-forks.yml", "gitlab.yml", "shell.sh"} {
		if strings.HasPrefix(name, system+".") {
			data, err := recipes.ReadFile("recipes/" + name)
			if err == nil {
				_, err = c.env.Stdout.Write(data)
			}
			return err
		}
	}
	return usage("constl validate --recipe github", "there are recipes for github, github-forks, gitlab and shell, none for %q", system)
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
