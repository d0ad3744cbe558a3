package transport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/refs"
)

// contributor is somebody with a clone who proposes.
type contributor struct {
	*replica
	d *dataset
}

func newContributor(t *testing.T, d *dataset, s *Server, key *refs.Key) *contributor {
	t.Helper()
	r := newReplica(t, d.id, key)
	r.mustSync(dial(t, s, key))
	return &contributor{replica: r, d: d}
}

func (c *contributor) put(o object.Object) object.ID {
	c.t.Helper()
	id, err := c.store.(*mem.Store).Put(context.Background(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

// commit makes a commit on top of the dataset's, with a file of some bytes.
func (c *contributor) commit(bytes int, sign bool) object.ID {
	c.t.Helper()
	var tree object.Encoder
	tree.Link(c.put(object.New(object.KindChunk, make([]byte, bytes))))
	cm := object.Commit{Tree: c.put(tree.Object(object.KindTree)), Parents: []object.ID{c.d.head}, Author: "Eve", Time: object.Moment{Unix: testTime.Unix()}}
	if sign {
		if err := cm.Sign(c.key); err != nil {
			c.t.Fatal(err)
		}
	}
	o, err := cm.Object()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.put(o)
}

func (c *contributor) tag(target object.ID) object.ID {
	c.t.Helper()
	t := &object.Tag{Target: target, Name: "proposal", Tagger: "Eve", Time: object.Moment{Unix: testTime.Unix()}, Message: "please"}
	if err := t.Sign(c.key); err != nil {
		c.t.Fatal(err)
	}
	o, err := t.Object()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.put(o)
}

// say signs the next statement of a log beside the copy's own.
func (c *contributor) say(log refs.LogID, said map[refs.Name]object.ID) *refs.SignedStatement {
	c.t.Helper()
	st, err := c.refs.Say(context.Background(), log, said)
	if err != nil {
		c.t.Fatal(err)
	}
	return st
}

func (c *contributor) propose(bytes int) *refs.SignedStatement {
	c.t.Helper()
	return c.say(refs.LogID{}, map[refs.Name]object.ID{"proposals/main": c.tag(c.commit(bytes, true))})
}

func (c *contributor) push(s *Server, as *refs.Key, statements ...*refs.SignedStatement) (*PushResult, error) {
	c.t.Helper()
	identities, err := c.local().Identities(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	req := &PushRequest{Dataset: c.id, Identities: identities, Statements: statements}
	return Push(context.Background(), dial(c.t, s, as), req, c.store, nil)
}

// state is all that a dataset holds and believes.
func (d *dataset) state() string {
	d.t.Helper()
	heads, err := d.Heads(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	text := fmt.Sprintln(d.Store.(*mem.Store).Len(), "objects")
	for _, h := range heads {
		text += fmt.Sprintln(h.Statement().Log, h.ID())
	}
	proofs, err := d.Proofs(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	return text + fmt.Sprintln(len(proofs), "proofs")
}

func takingProposals(t *testing.T, o *Proposals, change func(*refs.Identity)) (*dataset, *Server) {
	d := newDataset(t, testKey(1), change)
	d.fill(2, 2, 20)
	d.commit()
	d.Proposals = o
	return d, server(nil, d)
}

// A proposal is stored whole, its revision replaces it, and it is gone when it is
// withdrawn. Only who decides and who made it are shown it.
func TestProposal(t *testing.T) {
	var taken int64
	d, s := takingProposals(t, &Proposals{Taken: func(_ context.Context, _ refs.Proposal, n int64) (string, error) {
		taken += n
		return "thank\x1b you", nil
	}}, nil)
	eve := newContributor(t, d, s, testKey(5))
	first := eve.propose(100)
	res, err := eve.push(s, eve.key, first)
	if err != nil || res.Statements != 1 || res.Remark != "thank  you" {
		t.Fatalf("%+v, %v", res, err)
	}
	if taken < 100 || taken > 1000 {
		t.Errorf("the proposal brought %d bytes", taken)
	}
	reachable(t, d.Store, first.Statement().Refs["proposals/main"])
	if res, err := eve.push(s, eve.key, first); err != nil || res.Statements != 0 {
		t.Errorf("pushed again: %+v, %v", res, err)
	}
	log := first.Statement().Log
	second := eve.say(log, map[refs.Name]object.ID{"proposals/main": eve.tag(eve.commit(200, true))})
	if _, err := eve.push(s, eve.key, second); err != nil {
		t.Fatal(err)
	}
	shows := func(key *refs.Key) bool {
		t.Helper()
		r := newReplica(t, d.id, key)
		for _, st := range r.mustSync(dial(t, s, key)).Offer.Statements {
			if st.Statement().Log == log {
				return st.ID() == second.ID()
			}
		}
		return false
	}
	for key, want := range map[byte]bool{1: true, 5: true, 6: false} {
		if shows(testKey(key)) != want {
			t.Errorf("key %d is shown the newest proposal: %v", key, !want)
		}
	}
	if _, err := eve.push(s, eve.key, eve.say(log, nil)); err != nil {
		t.Fatal(err)
	}
	view, err := d.Refs.View(t.Context())
	if err != nil || len(view.Proposals()) != 0 {
		t.Errorf("after it was withdrawn there are %v, %v", view.Proposals(), err)
	}
}

// Whatever is wrong with a proposal: it is refused with its own reason, and nothing
// of it is kept.
func TestProposalAttacks(t *testing.T) {
	sentinel := errors.New("not this one")
	d, s := takingProposals(t, &Proposals{MaxBytes: 50_000, Check: func(ctx context.Context, objects object.ReadWriter, p refs.Proposal) error {
		tag, err := object.ReadTag(ctx, objects, p.Tag)
		if err == nil && tag.Target.IsZero() {
			err = sentinel
		}
		if err == nil {
			var c *object.Commit
			if c, err = object.ReadCommit(ctx, objects, tag.Target); err == nil {
				err = c.Verify()
			}
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return nil
	}}, nil)
	eve := newContributor(t, d, s, testKey(5))
	mallory := newContributor(t, d, s, testKey(6))
	good := eve.propose(10)
	tag := good.Statement().Refs["proposals/main"]
	other := newDataset(t, testKey(1), nil)
	other.commits = 7
	foreign := *good.Statement()
	foreign.Dataset, foreign.Identity = other.id, other.id
	ofOther, err := refs.SignStatement(&foreign, eve.key)
	if err != nil {
		t.Fatal(err)
	}
	wrongIdentity := *good.Statement()
	wrongIdentity.IdentityVersion, wrongIdentity.Identity = 2, other.id
	unknown, err := refs.SignStatement(&wrongIdentity, eve.key)
	if err != nil {
		t.Fatal(err)
	}
	missing := eve.say(refs.LogID{}, map[refs.Name]object.ID{"proposals/main": object.Sum([]byte("nothing"))})
	for _, test := range []struct {
		name       string
		as         *refs.Key
		statements []*refs.SignedStatement
		want       error
	}{
		{"signed by another device", mallory.key, []*refs.SignedStatement{good}, ErrNotAllowed},
		{"two at once", eve.key, []*refs.SignedStatement{good, eve.propose(11)}, ErrNotAllowed},
		{"with a branch beside it", eve.key, []*refs.SignedStatement{good, eve.say(refs.LogID{}, map[refs.Name]object.ID{"heads/main": d.head})}, ErrNotAllowed},
		{"a branch in its place", eve.key, []*refs.SignedStatement{eve.say(refs.LogID{}, map[refs.Name]object.ID{"heads/main": tag})}, ErrNotAllowed},
		{"a branch and a proposal in one", eve.key, []*refs.SignedStatement{eve.say(refs.LogID{}, map[refs.Name]object.ID{"heads/main": d.head, "proposals/main": tag})}, ErrNotAllowed},
		{"an answer", eve.key, []*refs.SignedStatement{eve.say(refs.LogID{}, map[refs.Name]object.ID{refs.Name("answers/" + tag.String()): tag})}, ErrNotAllowed},
		{"to withdraw what was never proposed", eve.key, []*refs.SignedStatement{eve.say(refs.LogID{}, nil)}, ErrNotAllowed},
		{"of another dataset", eve.key, []*refs.SignedStatement{ofOther}, ErrRefused},
		{"under an identity that is not known", eve.key, []*refs.SignedStatement{unknown}, ErrRefused},
		{"a commit that is no tag", eve.key, []*refs.SignedStatement{eve.say(refs.LogID{}, map[refs.Name]object.ID{"proposals/main": d.head})}, ErrRefused},
		{"of a commit that nobody signed", eve.key, []*refs.SignedStatement{eve.say(refs.LogID{}, map[refs.Name]object.ID{"proposals/main": eve.tag(eve.commit(12, false))})}, ErrRefused},
		{"of more bytes than are taken", eve.key, []*refs.SignedStatement{eve.propose(60_000)}, ErrTooLarge},
		{"without its objects", eve.key, []*refs.SignedStatement{missing}, ErrIncomplete},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := d.state()
			_, err := eve.push(s, test.as, test.statements...)
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if after := d.state(); after != before {
				t.Errorf("something was kept:\n%s\nbefore:\n%s", after, before)
			}
		})
	}

	// What was taken cannot be rolled back, nor withdrawn by another, and a fork is kept as proof alone.
	if _, err := eve.push(s, eve.key, good); err != nil {
		t.Fatal(err)
	}
	second := eve.say(good.Statement().Log, map[refs.Name]object.ID{"proposals/main": eve.tag(eve.commit(13, true))})
	if _, err := eve.push(s, eve.key, second); err != nil {
		t.Fatal(err)
	}
	before := d.state()
	if res, err := eve.push(s, eve.key, good); err != nil || res.Statements != 0 || d.state() != before {
		t.Errorf("the replay of an old proposal: %+v, %v", res, err)
	}
	if _, err := eve.push(s, mallory.key, eve.say(good.Statement().Log, nil)); !errors.Is(err, ErrNotAllowed) || d.state() != before {
		t.Errorf("withdrawn by another: %v", err)
	}
	fork := *second.Statement()
	fork.Refs = map[refs.Name]object.ID{"proposals/main": tag}
	forked, err := refs.SignStatement(&fork, eve.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eve.push(s, eve.key, forked); err != nil {
		t.Fatal(err)
	}
	view, err := d.Refs.View(t.Context())
	if err != nil || len(view.Equivocations()) != 1 || len(view.Proposals()) != 0 {
		t.Errorf("after a fork there are %v, %v, %v", view.Equivocations(), view.Proposals(), err)
	}
}

// An answer counts only if somebody gave it whose word counts for the branch.
func TestAnswersOfStrangersDoNotCount(t *testing.T) {
	d, s := takingProposals(t, &Proposals{}, nil)
	eve := newContributor(t, d, s, testKey(5))
	st := eve.propose(10)
	if _, err := eve.push(s, eve.key, st); err != nil {
		t.Fatal(err)
	}
	p, _ := refs.ProposalOf(st.Statement())
	forged := eve.say(refs.LogID{}, map[refs.Name]object.ID{p.Answer(): eve.tag(d.head)})
	if _, err := d.Refs.Import(t.Context(), refs.Incoming{Statements: []*refs.SignedStatement{forged}}); err != nil {
		t.Fatal(err)
	}
	answers := func() int {
		view, err := d.Refs.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(view.Answers(p))
	}
	if n := answers(); n != 0 {
		t.Errorf("%d answers", n)
	}
	if _, err := d.Refs.Say(t.Context(), refs.LogID{}, maps.Clone(forged.Statement().Refs)); err != nil {
		t.Fatal(err)
	}
	if n := answers(); n != 1 {
		t.Errorf("%d answers", n)
	}
	if _, err := eve.push(s, eve.key, eve.say(p.Log, st.Statement().Refs)); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("proposed again after the answer: %v", err)
	}
}

func TestProposalLimits(t *testing.T) {
	sizes := make(map[refs.LogID]int64)
	o := &Proposals{MaxOpen: 2, MaxAllOpen: 3, MaxBytes: 10_000,
		Sizes: func() (map[refs.LogID]int64, error) { return sizes, nil },
		Taken: func(_ context.Context, p refs.Proposal, n int64) (string, error) {
			sizes[p.Log] += n
			return "", nil
		}}
	d, s := takingProposals(t, o, nil)
	eve, mallory := newContributor(t, d, s, testKey(5)), newContributor(t, d, s, testKey(6))
	check := func(c *contributor, bytes int, limit string) {
		t.Helper()
		before := d.state()
		_, err := c.push(s, c.key, c.propose(bytes))
		var remote *RemoteError
		if limit == "" && err != nil {
			t.Error(err)
		} else if limit != "" && (!errors.Is(err, ErrTooLarge) || !errors.As(err, &remote) || d.state() != before) {
			t.Errorf("%v, want one that names %s", err, limit)
		} else if limit != "" && !containsLimit(remote.Text, limit) {
			t.Errorf("%q does not name %s", remote.Text, limit)
		}
	}
	check(eve, 6_000, "")
	check(eve, 6_001, "max-proposal-bytes") // both together
	check(eve, 1_000, "")
	check(eve, 10, "max-proposals")
	check(mallory, 10, "")
	check(mallory, 11, "max-proposals-total")
	check(newContributor(t, d, s, testKey(7)), 12, "max-proposals-total")
}

func containsLimit(text, limit string) bool {
	var found string
	for i := range text {
		if _, err := fmt.Sscanf(text[i:], "(limit %s", &found); err == nil {
			return len(found) > len(limit) && found[:len(limit)] == limit && found[len(limit)] == ')'
		}
	}
	return false
}

func TestWhoMayPropose(t *testing.T) {
	for who, allowed := range map[refs.Proposers]map[byte]bool{
		refs.ProposeAnyone: {1: true, 2: true, 3: true, 5: true},
		refs.ProposePeople: {1: true, 2: true, 3: false, 5: false},
		refs.ProposeNobody: {1: false, 2: false, 3: false, 5: false},
	} {
		d, s := takingProposals(t, &Proposals{}, func(id *refs.Identity) {
			id.Proposers = who
			for name, role := range map[string]refs.Role{"Ben": refs.Contributor, "Rea": refs.Reader} {
				key := testKey(2)
				if role == refs.Reader {
					key = testKey(3)
				}
				id.People = append(id.People, refs.Person{Name: name, Role: role, Devices: []refs.Device{{Key: key.PeerID()}}})
			}
		})
		for key, want := range allowed {
			c := newContributor(t, d, s, testKey(key))
			if _, err := c.push(s, c.key, c.propose(int(key))); (err == nil) != want || err != nil && !errors.Is(err, ErrNotAllowed) {
				t.Errorf("proposers %d, key %d: %v", who, key, err)
			}
		}
		d.Proposals = nil
		c := newContributor(t, d, s, testKey(1))
		if _, err := c.push(s, c.key, c.propose(99)); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("where none are taken: %v", err)
		}
	}
}

// A dataset that a peer may not see and one that is not there are answered with the
// same bytes, not before the same time, whatever is asked.
func TestHiddenDatasetsAreAnsweredLikeNone(t *testing.T) {
	d := newDataset(t, testKey(1), func(id *refs.Identity) { id.Audience = refs.PeopleOnly })
	d.fill(2, 2, 20)
	d.commit()
	d.Proposals = &Proposals{}
	s := server(nil, d)
	none := object.Sum([]byte("no dataset"))
	ask := func(frame frameType, body []byte) (answer []byte, took time.Duration) {
		t.Helper()
		c := newConn(dial(t, s, testKey(5)))
		defer c.abandon()
		began := time.Now()
		if err := errors.Join(c.writeFrame(frame, body), c.flush()); err != nil {
			t.Fatal(err)
		}
		ft, got, err := c.next()
		if err != nil || ft != frameError {
			t.Fatalf("%v, %v", ft, err)
		}
		return append([]byte(nil), got...), time.Since(began)
	}
	for name, request := range map[string]func(object.ID) (frameType, []byte){
		"sync": func(id object.ID) (frameType, []byte) {
			return frameSync, (&syncMessage{version: Version, dataset: id}).encode()
		},
		"what is new": func(id object.ID) (frameType, []byte) {
			return frameSync, (&syncMessage{version: Version, dataset: id, wants: []object.ID{d.head}}).encode()
		},
		"push": func(id object.ID) (frameType, []byte) {
			return framePush, (&pushMessage{version: Version, dataset: id, statements: 1}).encode()
		},
	} {
		hidden, tookHidden := ask(request(d.id))
		absent, tookAbsent := ask(request(none))
		if string(hidden) != string(absent) {
			t.Errorf("%s: %x is answered to a hidden one, %x to none", name, hidden, absent)
		}
		if tookHidden < hushTime || tookAbsent < hushTime {
			t.Errorf("%s: answered after %v and %v", name, tookHidden, tookAbsent)
		}
	}
}
