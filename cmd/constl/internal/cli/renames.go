package cli

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
)

// noneRenamed is what --renamed says if nothing was.
const noneRenamed = "none"

// renamesOf reads the values of --renamed.
func renamesOf(texts []string) (list []repo.Rename, none bool, err error) {
	for _, text := range texts {
		if text == noneRenamed {
			none = true
			continue
		}
		from, to, ok := strings.Cut(text, "=")
		if !ok || from == "" || to == "" {
			return nil, false, usage(`constl commit --renamed "mass=weight" -m MESSAGE`, "--renamed takes a column's old and new name as OLD=NEW, or %s; found %q", noneRenamed, text)
		}
		list = append(list, repo.Rename{From: from, To: to})
	}
	return list, none, nil
}

// askRenames asks of every column that is gone which of the new ones it is, and returns
// the answers with those that were given before.
func (c *command) askRenames(unclear *repo.RenameError, list []repo.Rename) ([]repo.Rename, error) {
	in := bufio.NewScanner(c.env.Stdin)
	for _, t := range unclear.Tables {
		left := t.New
		for _, gone := range t.Gone {
			if len(left) == 0 {
				break
			}
			fmt.Fprintf(c.env.Stderr, "%s: datapackage.json describes %q, which the file does not have. Which of its new columns is it?\n", diffview.Line(t.Path), gone)
			for i, name := range left {
				fmt.Fprintf(c.env.Stderr, "  %d  %s\n", i+1, diffview.Line(name))
			}
			fmt.Fprint(c.env.Stderr, "  0  none of them\n> ")
			n, err := choose(in, c.env.Stderr, len(left))
			if err != nil {
				return nil, err
			}
			if n > 0 {
				list = append(list, repo.Rename{Table: t.Path, From: gone, To: left[n-1]})
				left = append(append([]string{}, left[:n-1]...), left[n:]...)
			}
		}
	}
	return list, nil
}

// choose reads a number from 0 to most, and asks until it gets one.
func choose(in *bufio.Scanner, out io.Writer, most int) (int, error) {
	for in.Scan() {
		n, err := strconv.Atoi(strings.TrimSpace(in.Text()))
		if err == nil && n >= 0 && n <= most {
			return n, nil
		}
		fmt.Fprintf(out, "  a number from 0 to %d\n> ", most)
	}
	if err := in.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("no answer: nothing was recorded and nothing is lost; %w", repo.ErrRenamed)
}
