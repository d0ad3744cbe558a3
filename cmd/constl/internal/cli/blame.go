package cli

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/urfave/cli/v2"
)

func (a *app) blameCommand() *cli.Command {
	return &cli.Command{
		Name: "blame", Category: groupLook, ArgsUsage: "[REV:]TABLE",
		Usage: "show who last changed each cell of a table, in which commit",
		Description: "constl blame counts.csv                       the last change of every row\n" +
			"constl blame counts.csv --column count        of every cell of a column\n" +
			"constl blame v1.0:counts.csv --key 17         of every cell of a row\n" +
			"Rows are followed by their key, columns and tables through renames. What is in the folder but not\n" +
			"committed is not looked at. --html colours cells by age.\n" +
			"JSON: {\"path\", \"commit\", \"columns\", \"key\", \"commits\":[{\"commit\",\"author\",\"key\",\"time\",\"message\"}],\n" +
			"\"rows\":[{\"row\",\"key\",\"values\",\"last\"}]}; last holds, for each value, its commit's place in commits, from 0",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "column", Aliases: []string{"columns"}, Usage: "only these columns, as `a,b`"},
			&cli.StringFlag{Name: "key", Usage: "only the row with this `KEY`; of several columns, as a,b"},
			&cli.StringFlag{Name: "rows", Usage: "only the rows `A..B`, counted from 1; either may be left out"},
			&cli.BoolFlag{Name: "csv", Usage: "write CSV, a line for each cell"},
			&cli.BoolFlag{Name: "html", Usage: "write a web page that needs nothing else"},
			&cli.BoolFlag{Name: "no-pager", Usage: "write to the terminal at once; else $PAGER, or less, shows what is long"},
		},
		Action: a.action(runBlame),
	}
}

func runBlame(c *command) error {
	args, err := c.arguments(1, 1)
	if err == nil {
		err = c.checkView()
	}
	if err != nil {
		return err
	}
	var o repo.BlameOptions
	if text := c.String("rows"); text != "" {
		if o.From, o.To, err = parseRange(text); err != nil {
			return err
		}
	}
	if text := c.String("column"); text != "" {
		o.Columns = strings.Split(text, ",")
	}
	return c.open(func(r *repo.Repo) error {
		rev, path, err := c.revAndPath(r, args[0])
		if err != nil {
			return err
		}
		if c.IsSet("key") {
			if o.Key, err = splitKey(r, c, rev, path); err != nil {
				return err
			}
		}
		b, err := r.Blame(c.ctx(), rev, path, o)
		if err != nil {
			return err
		}
		switch {
		case c.asJSON():
			return c.blameJSON(b)
		case c.Bool("csv"):
			return c.blameCSV(b)
		case c.Bool("html"):
			return diffview.Blame(c.env.Stdout, blameView(c, b))
		}
		return c.paged(func(c *command, _ bool) error { return c.blameText(b) })
	})
}

// revAndPath parts [REV:]PATH; a path without a revision is as the person sees it
// from here, with one as the dataset has it.
func (c *command) revAndPath(r *repo.Repo, word string) (rev, path string, err error) {
	if rev, path, ok := strings.Cut(word, ":"); ok && rev != "" && path != "" {
		return rev, path, nil
	}
	path, err = r.Rel(c.env.path("."), word)
	return "", path, err
}

// splitKey reads the values of --key: one, or as many as the table's key has columns.
func splitKey(r *repo.Repo, c *command, rev, path string) ([]string, error) {
	key, err := r.KeyOf(c.ctx(), rev, path)
	if err != nil || len(key) < 2 {
		return []string{c.String("key")}, err
	}
	values, err := csv.NewReader(strings.NewReader(c.String("key"))).Read()
	if err != nil || len(values) != len(key) {
		return nil, usage(fmt.Sprintf("constl blame %s --key %s", path, strings.Join(key, ",")),
			"the key of %s has the columns %s: expected a value for each, with commas between, found %q", path, strings.Join(key, ", "), c.String("key"))
	}
	return values, nil
}

// blameText writes a line for each cell, or, of whole tables, for each row.
func (c *command) blameText(b *repo.Blame) error {
	w := bufio.NewWriter(c.env.Stdout)
	author := 0
	for _, cm := range b.Commits {
		author = max(author, len([]rune(cm.Author)))
	}
	name := 0
	for _, column := range b.Columns {
		name = max(name, len([]rune(column)))
	}
	byCell := c.String("column") != "" || c.IsSet("key") || len(b.Columns) == 1
	for row, err := range b.Rows(c.ctx()) {
		if err != nil {
			return err
		}
		line := func(last int, text string) {
			cm := b.Commits[last]
			fmt.Fprintf(w, "%s  %s  %-*s  %s\n", c.style(yellow, cm.ID.Short()), cm.Time.Time().Format(time.DateOnly), author, diffview.Cell(cm.Author), text)
		}
		if !byCell {
			last, columns := newest(b, &row)
			line(last, rowName(b, &row)+"  "+columns)
			continue
		}
		for i, value := range row.Values {
			line(row.Last[i], fmt.Sprintf("%s  %-*s  %s", rowName(b, &row), name, diffview.Cell(b.Columns[i]), diffview.Cell(value)))
		}
	}
	return w.Flush()
}

// newest returns the commit that changed a row last, and the columns that it changed.
func newest(b *repo.Blame, row *repo.BlamedRow) (last int, columns string) {
	last = slices.Min(row.Last)
	var names []string
	for i, l := range row.Last {
		if l == last {
			names = append(names, diffview.Cell(b.Columns[i]))
		}
	}
	if len(names) == len(b.Columns) {
		return last, "whole row"
	}
	return last, strings.Join(names, ", ")
}

func rowName(b *repo.Blame, row *repo.BlamedRow) string {
	if len(row.Key) == 0 {
		return fmt.Sprintf("row %d", row.Row)
	}
	parts := make([]string, len(row.Key))
	for i, k := range row.Key {
		parts[i] = diffview.Cell(b.Key[i]) + "=" + diffview.Cell(k)
	}
	return strings.Join(parts, " ")
}

func (c *command) blameCSV(b *repo.Blame) error {
	w := csv.NewWriter(c.env.Stdout)
	_ = w.Write(append(append([]string{"row"}, b.Key...), "column", "value", "commit", "author", "time"))
	for row, err := range b.Rows(c.ctx()) {
		if err != nil {
			return err
		}
		for i, value := range row.Values {
			cm := b.Commits[row.Last[i]]
			_ = w.Write(append(append([]string{fmt.Sprint(row.Row)}, row.Key...),
				b.Columns[i], value, cm.ID.String(), cm.Author, cm.Time.Time().Format(time.RFC3339)))
		}
	}
	w.Flush()
	return w.Error()
}

// blameJSON writes a line for each row, so that large tables need no memory.
func (c *command) blameJSON(b *repo.Blame) error {
	w := bufio.NewWriter(c.env.Stdout)
	put := func(before string, v any) error {
		data, err := json.Marshal(v)
		if err == nil {
			_, err = w.WriteString(before + string(data))
		}
		return err
	}
	commits := make([]commitEntry, len(b.Commits))
	for i, cm := range b.Commits {
		commits[i] = entryOf(cm.ID, cm.Commit)
	}
	err := errors.Join(put("{\n  \"path\": ", b.Path), put(",\n  \"commit\": ", b.Commit), put(",\n  \"columns\": ", b.Columns),
		put(",\n  \"key\": ", notNil(b.Key)), put(",\n  \"commits\": ", commits))
	if err != nil {
		return err
	}
	before := ",\n  \"rows\": [\n    "
	for row, err := range b.Rows(c.ctx()) {
		if err == nil {
			err = put(before, blamedRowJSON{row.Row, notNil(row.Key), row.Values, row.Last})
		}
		if err != nil {
			return err
		}
		before = ",\n    "
	}
	if len(before) > 6 {
		_, _ = w.WriteString(before)
	}
	_, _ = w.WriteString("\n  ]\n}\n")
	return w.Flush()
}

type blamedRowJSON struct {
	Row    int64    `json:"row"`
	Key    []string `json:"key"`
	Values []string `json:"values"`
	Last   []int    `json:"last"`
}

// blameView turns what was found into what a page shows.
func blameView(c *command, b *repo.Blame) *diffview.Blamed {
	v := &diffview.Blamed{Title: b.Path + " at " + b.Commit.Short(), Columns: b.Columns, Key: b.Key}
	for _, cm := range b.Commits {
		first, _, _ := strings.Cut(cm.Message, "\n")
		v.Commits = append(v.Commits, diffview.BlamedCommit{ID: cm.ID.Short(), Author: cm.Author, Time: cm.Time.Time(), Message: first})
	}
	v.Rows = func(yield func(diffview.BlamedRow, error) bool) {
		for row, err := range b.Rows(c.ctx()) {
			if !yield(diffview.BlamedRow{Number: row.Row, Key: row.Key, Values: row.Values, Last: row.Last}, err) || err != nil {
				return
			}
		}
	}
	return v
}
