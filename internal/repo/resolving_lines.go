package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/constl/constl/merge"
)

// lines applies decisions about stretches of lines to a text of the folder.
func (a *resolving) lines(path string, list []Conflict) error {
	data, err := a.bytesOf(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the person has decided to do without
	}
	if err != nil {
		return err
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
	return a.putBytes(path, []byte(merged))
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

// members applies decisions about members of a JSON document, the last first, so
// that the numbers of elements before stay right.
func (a *resolving) members(path string, list []Conflict) error {
	data, err := a.bytesOf(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the person has decided to do without
	}
	if err != nil {
		return err
	}
	doc := data
	for _, c := range slices.Backward(list) {
		v, isSide := c.chosen()
		switch {
		case c.Resolution == "", c.Resolution == TakeDone, c.Resolution == TakeOurs && c.Ours.Present:
			continue
		case !isSide:
			v = merge.Version{Present: true, Text: jsonText(c.value())}
		}
		if doc, err = merge.ResolveJSON(doc, &c.Conflict, v); err != nil {
			return fmt.Errorf("conflict %d: %w: make %s as it should be, then write %q", c.Number, err, path, TakeDone)
		}
	}
	if bytes.Equal(doc, data) {
		return nil
	}
	return a.putBytes(path, doc)
}

// jsonText returns a text that a person wrote as JSON: what is none is taken for a
// string.
func jsonText(text string) string {
	if json.Valid([]byte(text)) {
		return text
	}
	quoted, _ := json.Marshal(text) // a string always has a form in JSON
	return string(quoted)
}

// splitLines returns the lines of a version; none if it has none.
func splitLines(text string, present bool) []string {
	if !present {
		return nil
	}
	return strings.Split(text, "\n")
}
