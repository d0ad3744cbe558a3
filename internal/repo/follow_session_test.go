package repo

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/constl/constl/refs"
)

// A session ends after some time, and the next hears who else serves the dataset since;
// nobody is told anything of that, and nothing that is committed meanwhile is missed.
func TestFollowBeginsAnew(t *testing.T) {
	a := dataset(t, ticking(t))
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	url, _ := servingAt(t, a, "127.0.0.1:0")
	b, c := cloneOf(t, url, ticking(t)), cloneOf(t, url, ticking(t))
	f := startFollowingWith(t, c, FollowOptions{session: 100 * time.Millisecond})
	f.wait(FollowConnected, nil)

	bURL, _ := servingAt(t, again(t, b), "127.0.0.1:0")
	if err := b.NoteServing(bURL.Peers, false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Fetch(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	key, err := c.signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	knows := func() bool {
		return slices.ContainsFunc(c.met(url, key.PeerID()), func(a refs.Address) bool { return a == bURL.Peers[0] })
	}
	late, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !knows() && pause(late, time.Millisecond) {
	}
	if !knows() {
		t.Error("who follows has not heard of another peer")
	}
	for i := range 3 {
		put(t, a, "t.csv", read(t, a, "t.csv")+fmt.Sprintf("%d,y,y,y\n", 4+i))
		f.until(commit(t, a, "more"))
	}
	f.stop()
	if n, lost := f.times(FollowConnected), f.times(FollowLost); n != 1 || lost != 0 {
		t.Errorf("it was told %d times that a peer is in reach, and %d times that none is", n, lost)
	}
}
