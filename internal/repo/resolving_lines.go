package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
)

// lines applies decisions about stretches of lines to a text of the folder.
func (a *resolving) lines(path string, list []Conflict) error {
	data, err := os.ReadFile(filepath.Join(a.r.Dir, filepath.FromSlash(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the person has decided to do without
	}
	if err != nil {
		return fmt.Errorf("reading what was decided: %w", err)
	}
	text := strings.SplitAfter(string(data), "\n")
	// From the end on, so that the numbers of the lines before stay right.
	for i := len(list) - 1; i >= 0; i-- {
		if text, err = list[i].replaceLines(text); err != nil {
			return err
		}
	}
	merged := strings.Join(text, "")
	if merged == string(data) {
		return nil
	}
	blob, err := object.WriteBlob(a.ctx, a.objects, strings.NewReader(merged))
	if err != nil {
		return err
	}
	file, err := worktree.Look(a.r.Dir, path)
	if err != nil {
		return err
	}
	a.result.files[path] = object.TreeEntry{
		Type: object.TypeFile, ID: blob.ID, Size: blob.Size, Sum: blob.Sum, Executable: executable(file, object.TreeEntry{}),
	}
	a.write = append(a.write, path)
	return nil
}

// replaceLines puts what was decided in the place of our lines. Lines keep the
// ends that the text has.
func (c *Conflict) replaceLines(text []string) ([]string, error) {
	if c.Resolution == "" || c.Resolution == TakeDone || c.Resolution == TakeOurs {
		return text, nil
	}
	ours, from := splitLines(c.Ours.Text, c.Ours.Present), int(c.Row)-1
	to := from + len(ours)
	stand := from >= 0 && to <= len(text)
	for i := from; stand && i < to; i++ {
		stand = strings.TrimRight(text[i], "\r\n") == strings.TrimRight(ours[i-from], "\r")
	}
	if !stand {
		return nil, fmt.Errorf("conflict %d: the lines are not there as they were, so %q can't be applied: edit them as they should be, then write %q",
			c.Number, c.Resolution, TakeDone)
	}
	end := "\n"
	if len(text) > 0 && strings.HasSuffix(text[0], "\r\n") {
		end = "\r\n"
	}
	v, isSide := c.chosen()
	lines := splitLines(c.value(), !isSide || v.Present)
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], "\r") + end
	}
	if to == len(text) && to > 0 && len(lines) > 0 && !strings.HasSuffix(text[to-1], "\n") {
		if from == to {
			text[to-1] += end
		}
		lines[len(lines)-1] = strings.TrimSuffix(lines[len(lines)-1], end)
	}
	return slices.Replace(text, from, to, lines...), nil
}

// splitLines returns the lines of a version; none if it has none.
func splitLines(text string, present bool) []string {
	if !present {
		return nil
	}
	return strings.Split(text, "\n")
}
