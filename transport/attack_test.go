package transport

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// sent is a frame that an attacker sends as a part of an offer.
type sent struct {
	t    frameType
	body []byte
}

// door is a way in which an offer comes to somebody who holds the dataset already.
// It returns what the victim says of the frames.
type door struct {
	name string
	try  func(t *testing.T, d *dataset, victim *replica, frames []sent) error
}

// doors are the ways in: what a server answers to a sync, and what a client pushes.
// The one who pushes is a maintainer, so that nothing is refused for who sends it.
var doors = []door{
	{"sync", func(t *testing.T, _ *dataset, victim *replica, frames []sent) error {
		stream := liar(t, func(c *conn) {
			for _, f := range frames {
				c.writeFrame(f.t, f.body)
			}
			c.writeFrame(frameEnd, (&endMessage{}).encode())
			c.flush()
			c.next()
		})
		_, err := Sync(context.Background(), stream, victim.request(), victim.sink(), &SyncOptions{Stall: 2 * time.Second})
		return err
	}},
	{"push", func(t *testing.T, d *dataset, victim *replica, frames []sent) error {
		var told error
		s := NewServer(func(context.Context, refs.PeerID, object.ID) (Dataset, error) { return victim.local(), nil }, &ServerOptions{
			Stall: 2 * time.Second, Done: func(r Served) { told = r.Err },
		})
		stream := dial(t, s, d.key)
		c := newConn(stream)
		m := pushMessage{version: Version, dataset: d.id}
		for _, f := range frames {
			switch f.t {
			case frameIdentity:
				m.identities++
			case frameStatement:
				m.statements++
			}
		}
		if m.identities+m.statements == 0 {
			// Drafts stand before something that is counted.
			first, err := victim.local().Identities(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			m.identities, frames = 1, append(frames, sent{frameIdentity, first[0].Encode()})
		}
		c.writeFrame(framePush, m.encode())
		for _, f := range frames {
			c.writeFrame(f.t, f.body)
		}
		c.flush()
		for {
			if _, _, err := c.next(); err != nil {
				if !errors.Is(err, io.EOF) {
					t.Logf("the server ended with %v", err)
				}
				break
			}
		}
		c.abandon()
		stream.(*testStream).served.Wait()
		return told
	}},
}

// statement makes what a peer may say, without any store.
func statement(t *testing.T, k *refs.Key, s refs.Statement) *refs.SignedStatement {
	t.Helper()
	s.Log, s.Time = refs.LogID{Signer: k.PeerID(), Copy: refs.CopyID{9}}, testTime.Unix()
	signed, err := refs.SignStatement(&s, k)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Every attack at every door: nothing is stored or believed, and the victim knows why.
func TestAttacksAtEveryDoor(t *testing.T) {
	ana, eve := testKey(1), testKey(9)
	for _, attack := range []struct {
		name   string
		frames func(t *testing.T, d *dataset) []sent
		want   error
	}{
		{"arbitrary data", func(*testing.T, *dataset) []sent {
			return []sent{{frameStatement, []byte("junk, and more of it")}}
		}, object.ErrCorrupt},
		{"a record of another dataset", func(t *testing.T, _ *dataset) []sent {
			other := object.Sum([]byte("other"))
			s := statement(t, ana, refs.Statement{Dataset: other, IdentityVersion: 1, Identity: other, Seq: 1})
			return []sent{{frameStatement, s.Encode()}}
		}, refs.ErrWrongDataset},
		{"a record in another signer's name", func(t *testing.T, d *dataset) []sent {
			evil := statement(t, eve, refs.Statement{Dataset: d.id, IdentityVersion: 1, Identity: d.id, Seq: 1}).Encode()
			real := d.pushed().Statements[0].Encode()
			return []sent{{frameStatement, append(real[:len(real)-64], evil[len(evil)-64:]...)}}
		}, refs.ErrSignature},
		{"a record under an identity that nobody has seen", func(t *testing.T, d *dataset) []sent {
			s := statement(t, ana, refs.Statement{Dataset: d.id, IdentityVersion: 7, Identity: object.Sum([]byte("x")), Seq: 1})
			return []sent{{frameStatement, s.Encode()}}
		}, refs.ErrUnknownIdentity},
		{"an identity update short of the threshold", func(t *testing.T, d *dataset) []sent {
			return []sent{{frameIdentity, nextVersion(t, d, func(id *refs.Identity) {
				id.People = []refs.Person{{Name: "Eve", Role: refs.Maintainer, Devices: []refs.Device{{Key: eve.PeerID()}}}}
			}, eve).Encode()}}
		}, refs.ErrThreshold},
		{"a draft of a stranger's own", func(t *testing.T, d *dataset) []sent {
			return []sent{{frameDraft, nextVersion(t, d, func(id *refs.Identity) {
				id.People = append(id.People, refs.Person{Name: "Eve", Role: refs.Maintainer, Devices: []refs.Device{{Key: eve.PeerID()}}})
				id.Threshold = 2
			}, eve).Encode()}}
		}, refs.ErrIdentityChain},
		{"more drafts than are allowed", func(t *testing.T, d *dataset) []sent {
			var frames []sent
			for i := range refs.MaxDrafts + 1 {
				frames = append(frames, sent{frameDraft, nextVersion(t, d, func(id *refs.Identity) {
					id.Name, id.Time = "x", id.Time+int64(i)
				}, ana).Encode()})
			}
			return frames
		}, ErrProtocol},
		{"a draft over its size", func(*testing.T, *dataset) []sent {
			return []sent{{frameDraft, make([]byte, refs.MaxDraftSize+1)}}
		}, ErrProtocol},
	} {
		for _, door := range doors {
			t.Run(attack.name+"/"+door.name, func(t *testing.T) {
				d := newDataset(t, ana, nil)
				d.fill(1, 1, 5)
				d.commit()
				victim := newReplica(t, d.id, testKey(2))
				victim.mustSync(dial(t, server(nil, d), victim.key))
				before, objects := victim.said(), victim.store.(interface{ Len() int }).Len()
				frames := attack.frames(t, d)
				if err := door.try(t, d, victim, frames); !errors.Is(err, attack.want) {
					t.Errorf("expected %v, found: %v", attack.want, err)
				}
				if after := victim.said(); after != before {
					t.Errorf("what is believed has changed:\n%s\n%s", before, after)
				}
				if n := victim.store.(interface{ Len() int }).Len(); n != objects {
					t.Errorf("%d objects were stored", n-objects)
				}
			})
		}
	}
}

// nextVersion returns a next version of the dataset's identity, signed by the keys.
func nextVersion(t *testing.T, d *dataset, change func(*refs.Identity), keys ...*refs.Key) *refs.SignedIdentity {
	t.Helper()
	chain, err := d.Refs.Chain()
	if err != nil {
		t.Fatal(err)
	}
	next, err := chain.Current().Next(testTime)
	if err != nil {
		t.Fatal(err)
	}
	change(next)
	signed, err := refs.SignIdentity(next)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if signed, err = signed.Sign(k); err != nil {
			t.Fatal(err)
		}
	}
	return signed
}

// said returns all that the replica believes, as text.
func (r *replica) said() string {
	r.t.Helper()
	view, err := r.refs.View(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	text := view.Chain().CurrentID().String()
	for _, log := range view.Logs() {
		text += "\n" + log.ID.String() + " " + log.Head.ID().String()
	}
	drafts, err := r.refs.Drafts(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range drafts {
		text += "\ndraft " + d.ID().String()
	}
	return text
}
