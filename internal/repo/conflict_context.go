package repo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Side is one side of a merge: the commit that it brings in.
type Side struct {
	Commit  object.ID // zero if there is none, as of the first commit taken back
	Author  string
	Time    time.Time
	Message string
}

// Sides returns both sides of the merge that is going on. It fails with
// [ErrNotMerging].
func (r *Repo) Sides(ctx context.Context) (ours, theirs Side, err error) {
	state, err := r.readMerge()
	if err != nil {
		return ours, theirs, err
	}
	if state == nil {
		return ours, theirs, ErrNotMerging
	}
	if ours, err = r.side(ctx, state.Ours); err != nil {
		return ours, theirs, err
	}
	theirs, err = r.side(ctx, state.Theirs)
	return ours, theirs, err
}

func (r *Repo) side(ctx context.Context, id object.ID) (Side, error) {
	if id.IsZero() {
		return Side{}, nil
	}
	c, err := object.ReadCommit(ctx, r.store, id)
	if err != nil {
		return Side{}, err
	}
	subject, _, _ := strings.Cut(c.Message, "\n")
	return Side{Commit: id, Author: c.Author, Time: c.Time.Time(), Message: subject}, nil
}

// Near is something that stands beside a conflict: a cell of its row by the
// column's name, or a line of its text by the number.
type Near struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Nearby returns what stands beside a conflict in the merged file: the other cells
// of its row, or the lines above and below. There is nothing for conflicts about
// more than that. It fails with [ErrNotMerging].
func (r *Repo) Nearby(ctx context.Context, c *Conflict) ([]Near, error) {
	if c.Row < 1 || !c.aboutRow() && c.Kind != merge.KindLines && c.Kind != merge.KindViolation {
		return nil, nil
	}
	state, err := r.readMerge()
	if err != nil {
		return nil, err
	}
	if state == nil {
		return nil, ErrNotMerging
	}
	files, err := readFiles(ctx, r.store, state.Tree)
	if err != nil {
		return nil, err
	}
	e := files.files[c.Path]
	switch {
	case e.Type == object.TypeTable && !c.wholeRow():
		return r.nearbyCells(ctx, e.ID, c)
	case e.Type == object.TypeFile && c.Kind == merge.KindLines:
		return r.nearbyLines(ctx, e.ID, c)
	}
	return nil, nil
}

func (r *Repo) nearbyCells(ctx context.Context, id object.ID, c *Conflict) ([]Near, error) {
	t, err := tabular.Open(ctx, r.store, id)
	if err != nil {
		return nil, err
	}
	cells, err := rowAt(ctx, t, c.Row-1)
	if err != nil {
		return nil, err
	}
	var near []Near
	for i, text := range cells {
		if name := columnName(t.Schema, i); name != c.Column {
			near = append(near, Near{name, text})
		}
	}
	return near, nil
}

// linesAround is how many lines above and below a conflict are shown.
const linesAround = 2

func (r *Repo) nearbyLines(ctx context.Context, id object.ID, c *Conflict) ([]Near, error) {
	blob, err := object.OpenBlob(ctx, r.store, id)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(blob)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", c.Path, err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	from := int(c.Row) - 1
	to := from + len(splitLines(c.Ours.Text, c.Ours.Present))
	var near []Near
	for i := max(0, from-linesAround); i < min(len(lines), to+linesAround); i++ {
		if i < from || i >= to {
			near = append(near, Near{strconv.Itoa(i + 1), strings.TrimSuffix(lines[i], "\r")})
		}
	}
	return slices.Clip(near), nil
}
