package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/constl/constl/internal/metadata"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object/durable"
	"github.com/urfave/cli/v2"
)

func (a *app) exportCommand() *cli.Command {
	lines := []string{}
	for _, f := range metadata.Formats() {
		lines = append(lines, fmt.Sprintf("  %-11s %s", f.Name, f.About))
	}
	return &cli.Command{
		Name: "export", Category: groupCite, ArgsUsage: "metadata [REV] --format FORM  or  site [REV] -o DIR",
		Usage: "describe a version in the formats of others, or as a web page",
		Description: "metadata writes one of these, to standard output or -o:\n" + strings.Join(lines, "\n") + "\n" +
			"site writes DIR/index.html: one page that needs nothing else, in five languages.\n" +
			"What is written names the hash of what it describes, so it cannot lie among the dataset's files:\n" +
			"-o must be outside of its folder, or be ignored (.constlignore).\n" +
			"JSON: {\"format\", \"path\", \"bytes\", \"missing\":[…]}, with -o",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "the `FORM`, as above"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to this file or folder"},
		},
		Action: a.action(runExport),
	}
}

func runExport(c *command) error {
	args, err := c.arguments(1, 2)
	if err != nil {
		return err
	}
	rev := ""
	if len(args) == 2 {
		rev = args[1]
	}
	out := c.String("output")
	switch args[0] {
	case "metadata":
		format, ok := metadata.FindFormat(c.String("format"))
		if !ok {
			return usage("constl help export", "there is no format %q; there are %s", c.String("format"), formatNames())
		}
		return c.open(func(r *repo.Repo) error { return c.exportMetadata(r, rev, format, out) })
	case "site":
		if out == "" || c.String("format") != "" {
			return usage("constl export site -o FOLDER", "expected a folder with -o, and no --format")
		}
		return c.open(func(r *repo.Repo) error { return c.exportSite(r, rev, out) })
	}
	return usage("constl help export", "expected metadata or site, found %q", args[0])
}

func formatNames() string {
	var names []string
	for _, f := range metadata.Formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

func (c *command) exportMetadata(r *repo.Repo, rev string, format metadata.Format, out string) error {
	if out == "" && (c.asJSON() || format.Name == "dwca" && c.env.Terminal) {
		return usage("constl export metadata --format "+format.Name+" -o "+format.File, "expected a file with -o to write to")
	}
	if out != "" {
		if info, err := os.Stat(c.env.path(out)); err == nil && info.IsDir() {
			out = filepath.Join(out, format.File)
		}
		if err := c.outside(r, out); err != nil {
			return err
		}
	}
	doc, err := r.Documentation(c.ctx(), rev)
	if err != nil {
		return err
	}
	st, err := r.State(c.ctx(), rev, repo.StateOptions{})
	if err != nil {
		return err
	}
	var data bytes.Buffer
	err = format.Write(&data, doc, func(w io.Writer, path string) error { return st.WriteFile(c.ctx(), w, path) })
	if err != nil {
		return err
	}
	if out == "" {
		_, err := c.env.Stdout.Write(data.Bytes())
		c.noteMissing(doc)
		return err
	}
	if err := durable.WriteFile(c.env.path(out), data.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", out, err)
	}
	return c.exported(doc, format.Name, out, data.Len())
}

// exported says what was written.
func (c *command) exported(doc *metadata.Dataset, format, out string, n int) error {
	if c.asJSON() {
		return c.printJSON(struct {
			Format  string   `json:"format"`
			Path    string   `json:"path"`
			Bytes   int      `json:"bytes"`
			Missing []string `json:"missing"`
		}{format, out, n, notNil(metadata.Missing(doc))})
	}
	c.print("Wrote %s (%s) of version %s\n", out, bytesText(int64(n)), doc.Commit[:10])
	c.noteMissing(doc)
	return nil
}

// noteMissing says what readers will look for and not find.
func (c *command) noteMissing(doc *metadata.Dataset) {
	if missing := metadata.Missing(doc); len(missing) > 0 {
		c.note("Nobody has stated yet: %s. To say it: constl describe --%s …\n", strings.Join(missing, ", "), missing[0])
	}
}

// outside fails unless the file is to lie outside of what a commit records.
func (c *command) outside(r *repo.Repo, out string) error {
	name, err := r.Rel(c.env.path("."), out)
	if errors.Is(err, repo.ErrNotFile) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ignored, err := r.Ignored(name)
	if err != nil || ignored {
		return err
	}
	return usage("write it elsewhere, as -o ../"+filepath.Base(out)+", or enter "+name+" in .constlignore",
		"%s would become a part of the dataset, whose hash it names", out)
}
