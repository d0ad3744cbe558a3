package transport

import (
	"context"
	"runtime"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// turns lets so many objects be read at once on behalf of peers: how large one is, is known and
// counted only when it has been read.
type turns chan struct{}

func newTurns() turns { return make(turns, max(4, 2*runtime.GOMAXPROCS(0))) }

func (t turns) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turns) giveBack() { <-t }

// reader returns a reader of the same objects that waits for its turns. It is an [entry.Getter]
// if r is.
func (t turns) reader(r object.Reader) object.Reader {
	if g, ok := r.(entry.Getter); ok {
		return turnedGetter{turned{r, t}, g}
	}
	return turned{r, t}
}

type turned struct {
	object.Reader
	turns turns
}

// Get implements [object.Reader].
func (r turned) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if err := r.turns.take(ctx); err != nil {
		return nil, err
	}
	defer r.turns.giveBack()
	return r.Reader.Get(ctx, id)
}

type turnedGetter struct {
	turned
	getter entry.Getter
}

// GetEntry implements [entry.Getter].
func (r turnedGetter) GetEntry(ctx context.Context, id object.ID) (entry.Entry, error) {
	if err := r.turns.take(ctx); err != nil {
		return entry.Entry{}, err
	}
	defer r.turns.giveBack()
	return r.getter.GetEntry(ctx, id)
}
