package transport

import (
	"errors"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// pushed is what the dataset says now, for a peer that knows nothing.
func (d *dataset) pushed() *PushRequest {
	d.t.Helper()
	heads, err := d.Heads(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	identities, err := d.Identities(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return &PushRequest{Dataset: d.id, Identities: identities, Statements: heads}
}

// mirror returns a dataset that holds what d does, on a server.
func mirror(t *testing.T, d *dataset) (*dataset, *Server) {
	t.Helper()
	r := newReplica(t, d.id, testKey(9))
	r.mustSync(dial(t, server(nil, d), r.key))
	m := &dataset{Local: r.local(), t: t, id: d.id}
	return m, server(nil, m)
}

func TestPush(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(20, 4, 500)
	d.commit()
	m, s := mirror(t, d)
	d.change(3, 2, 7)
	d.commit()
	result, err := Push(t.Context(), dial(t, s, d.key), d.pushed(), d.Objects(), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantComplete(t, m.Store, d.head)
	if st := result.Stats; st.Objects != 7 || st.Deltas < 2 || st.Rounds != 2 {
		t.Errorf("the push of one cell moved %+v", st)
	}
	heads, err := m.Heads(t.Context())
	if err != nil || len(heads) != 1 || heads[0].Statement().Refs["heads/main"] != d.head {
		t.Errorf("the peer's refs are %v, %v", heads, err)
	}
	if _, err := Push(t.Context(), dial(t, s, d.key), d.pushed(), d.Objects(), nil); err != nil {
		t.Errorf("pushing again: %v", err)
	}
}

func TestPushRefused(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 10)
	first := d.commit()
	m, s := mirror(t, d)

	t.Run("by a stranger", func(t *testing.T) {
		_, err := Push(t.Context(), dial(t, s, testKey(5)), d.pushed(), d.Objects(), nil)
		var remote *RemoteError
		if !errors.Is(err, ErrNotAllowed) || !errors.As(err, &remote) || remote.Text == "" {
			t.Errorf("%v, want ErrNotAllowed with a reason", err)
		}
	})
	t.Run("another dataset", func(t *testing.T) {
		other := newDataset(t, testKey(1), nil)
		if _, err := Push(t.Context(), dial(t, s, d.key), other.pushed(), other.Objects(), nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v, want ErrNotFound", err)
		}
	})
	t.Run("a statement of another dataset", func(t *testing.T) {
		other := newDataset(t, testKey(1), nil)
		other.fill(1, 1, 5)
		other.commit()
		req := d.pushed()
		req.Statements = other.pushed().Statements
		if _, err := Push(t.Context(), dial(t, s, d.key), req, d.Objects(), nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%v, want ErrRefused", err)
		}
	})
	t.Run("objects missing", func(t *testing.T) {
		d.change(0, 0, 1)
		d.commit()
		empty := newDataset(t, testKey(1), nil)
		if _, err := Push(t.Context(), dial(t, s, d.key), d.pushed(), empty.Objects(), nil); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%v, want ErrIncomplete", err)
		}
	})
	heads, err := m.Heads(t.Context())
	if err != nil || len(heads) != 1 || heads[0].Statement().Refs["heads/main"] != first {
		t.Errorf("the refused pushes left the refs %v, %v", heads, err)
	}
}

func TestPushTooLarge(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 10)
	d.commit()
	m, _ := mirror(t, d)
	s := server(&ServerOptions{MaxPushBytes: 2000}, m)
	d.fill(5, 5, 1000)
	d.commit()
	if _, err := Push(t.Context(), dial(t, s, d.key), d.pushed(), d.Objects(), nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
}

// A push goes on where one was cut.
func TestPushResumes(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(4, 2, 100)
	d.commit()
	m, s := mirror(t, d)
	d.fill(10, 3, 100)
	before := reachable(t, m.Store, d.head)
	d.commit()
	missing := len(reachable(t, d.Store, d.head)) - len(before)
	held := func() (n int) {
		for id := range reachable(t, d.Store, d.head) {
			if ok, _ := m.Store.Has(t.Context(), id); ok && before[id] == nil {
				n++
			}
		}
		return n
	}
	// The offer takes one frame from the peer, its want; a cut of what the pusher
	// writes is one of what the peer reads.
	w := &cutWriter{stream: dial(t, s, d.key), left: 3000}
	if _, err := Push(t.Context(), w, d.pushed(), d.Objects(), nil); err == nil {
		t.Fatal("a push over a cut line succeeded")
	}
	w.wait()
	kept := held()
	if kept == 0 || kept == missing {
		t.Fatalf("the cut push left %d of %d objects", kept, missing)
	}
	result, err := Push(t.Context(), dial(t, s, d.key), d.pushed(), d.Objects(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(result.Stats.Objects); got != missing-kept {
		t.Errorf("%d objects were sent, %d were missing", got, missing-kept)
	}
}

func TestTargets(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	a, b := object.Sum([]byte("a")), object.Sum([]byte("b"))
	one, err := d.Refs.Update(t.Context(), refs.Change{Name: "heads/main", New: a})
	if err != nil {
		t.Fatal(err)
	}
	two, err := d.Refs.Update(t.Context(), refs.Change{Name: "heads/main", Old: a, New: b}, refs.Change{Name: "tags/v1", New: a})
	if err != nil {
		t.Fatal(err)
	}
	all := []*refs.SignedStatement{one, two}
	if got := Targets(all, []refs.Pattern{"heads/*"}); len(got) != 1 || got[0] != b {
		t.Errorf("heads of the newest statement: %v", got)
	}
	if got := Targets(all, []refs.Pattern{"*"}); len(got) != 2 || got[0] != b || got[1] != a {
		t.Errorf("all refs of the newest statement: %v", got)
	}
	if got := Targets(all, nil); got != nil {
		t.Errorf("no patterns: %v", got)
	}
}
