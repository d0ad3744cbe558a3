package attacks

import (
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

const (
	logs   = ".constl/refs/logs/"
	proofs = ".constl/refs/proofs/"
	forks  = ".constl/refs/forks/"
)

// historyAttacks replay, withhold and contradict what was truly signed.
func historyAttacks() []attack {
	notTold := not("whoever knows more keeps it: a peer who says nothing has nothing to give")
	return []attack{
		{
			name: "rollback to an older record",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				return &offer{statements: [][]byte{s.known[0].Encode()}}
			},
			in: everywhere(leftOut, cells{
				byTicket: refused(refs.ErrFrozen, "statement 1 of"),
			}),
		},
		{
			name: "replay of the newest record",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				return &offer{statements: [][]byte{s.known[2].Encode()}}
			},
			pair: func(c *wire, p *pairing) error {
				// A number that somebody else has committed to.
				return c.ask(p.request(1, "desk"), frame{frameNonce, append(make([]byte, 31), 1)})
			},
			in: everywhere(leftOut, cells{
				byTicket:  not("the newest record is what a new clone asks for"),
				byPairing: refused(transport.ErrRefused, "changed its mind"),
			}),
		},
		{
			name: "freeze: nothing is said of a log",
			make: func(*testing.T, *world, *speaker) *offer { return &offer{} },
			in: everywhere(notTold, cells{
				byTicket: refused(refs.ErrFrozen, "nothing of what"),
			}),
		},
		{
			name: "freeze: an identity from before a device was taken out",
			make: func(_ *testing.T, w *world, s *speaker) *offer {
				var old [][]byte
				for _, v := range w.chain.Versions()[:2] {
					old = append(old, v.Encode())
				}
				return &offer{identities: old}
			},
			wholeIdentity: true,
			in: everywhere(notTold, cells{
				byTicket: refused(refs.ErrFrozen, "version 2 of the identity"),
			}),
		},
		{
			name: "fork by one device",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				twin := s.forge(s.key, 1, func(st *refs.Statement) { st.Seq, st.Previous = 3, s.known[1].ID() })
				return &offer{statements: [][]byte{twin}}
			},
			in: everywhere(outcome{keeps: []string{proofs}, holds: held}, cells{
				byTicket:  refused(refs.ErrFrozen, "another statement 3"),
				byPropose: {keeps: []string{proofs}, holds: noProposal},
			}),
		},
		{
			name: "fork by one device: a next record after another one",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				after := s.forge(s.key, 1, func(st *refs.Statement) { st.Previous = object.Sum([]byte("another third")) })
				return &offer{statements: [][]byte{after}}
			},
			in: everywhere(outcome{keeps: []string{proofs}, holds: held}, cells{
				byTicket:  not("a new clone knows nothing that this contradicts; whoever does proves it"),
				byPropose: {keeps: []string{proofs}, holds: noProposal},
			}),
		},
		{
			name: "a proof that proves nothing",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				return &offer{proofs: [][]byte{append(s.known[0].Encode(), s.known[1].Encode()...)}}
			},
			in: everywhere(refused(object.ErrCorrupt, "can both be true"), cells{
				byPush: not("a push carries no proofs"), byPropose: not("a push carries no proofs"),
			}),
		},
		{
			name: "a record of another dataset",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				return &offer{statements: [][]byte{s.forge(s.key, 1, func(st *refs.Statement) {
					st.Dataset = object.Sum([]byte("other"))
					st.IdentityVersion, st.Identity = 1, st.Dataset
				})}}
			},
			pair: func(c *wire, p *pairing) error {
				p.dataset = object.Sum([]byte("other"))
				return c.ask(p.request(1, "desk"))
			},
			in: everywhere(refused(refs.ErrWrongDataset, "another dataset"), cells{
				byPairing: refused(transport.ErrRefused, "does not know the secret"),
			}),
		},
		{
			name: "a record under an identity that is none of this dataset's",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				return &offer{statements: [][]byte{s.forge(s.key, 1, func(st *refs.Statement) { st.Identity = object.Sum([]byte("fake")) })}}
			},
			in: everywhere(refused(refs.ErrWrongIdentity, "another identity"), nil),
		},
		{
			name: "a record under an identity that nobody has seen",
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				return &offer{statements: [][]byte{s.forge(s.key, 1, func(st *refs.Statement) { st.IdentityVersion, st.Identity = 9, object.Sum([]byte("fake")) })}}
			},
			in: everywhere(refused(refs.ErrUnknownIdentity, "newer identity"), nil),
		},
		{
			name: "a stranger's record about a branch", besides: true,
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				return &offer{statements: [][]byte{w.fromAStranger(t, "heads/main", w.commits[0])}}
			},
			in: everywhere(outcome{keeps: []string{logs}, holds: noVoiceOfStrangers}, onlyMaintainersPush()),
		},
		{
			name: "a stranger's answer to a proposal", besides: true,
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				p, _ := refs.ProposalOf(w.contributor.known[2].Statement())
				return &offer{statements: [][]byte{w.fromAStranger(t, p.Answer(), w.commits[2])}}
			},
			in: everywhere(outcome{keeps: []string{logs}, holds: noAnswer}, onlyMaintainersPush()),
		},
		{
			name: "a record by a revoked device after its end", besides: true,
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				return &offer{statements: [][]byte{w.fromTheLost(t, w.lost[1], w.lost[1].Statement().Log.Copy)}}
			},
			in: everywhere(outcome{holds: noVoiceOfTheLost}, onlyMaintainersPush()),
		},
		{
			name: "a record by a revoked device up to its end", besides: true,
			make: func(_ *testing.T, w *world, _ *speaker) *offer {
				return &offer{statements: [][]byte{w.lost[1].Encode()}}
			},
			in: everywhere(outcome{keeps: []string{logs}, holds: noVoiceOfTheLost}, onlyMaintainersPush()),
		},
		{
			name: "a record by a revoked device in a new log", besides: true,
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				return &offer{statements: [][]byte{w.fromTheLost(t, nil, refs.CopyID{7})}}
			},
			in: everywhere(outcome{keeps: []string{logs}, holds: noVoiceOfTheLost}, onlyMaintainersPush()),
		},
	}
}

// onlyMaintainersPush is what a server says of the records of who is none.
func onlyMaintainersPush() cells {
	return cells{byPush: refused(transport.ErrNotAllowed, "only maintainers' refs"), byPropose: refused(transport.ErrNotAllowed, "only maintainers may push")}
}

// fromTheLost is what the thief of the lost laptop says after the record, in that copy.
func (w *world) fromTheLost(t *testing.T, before *refs.SignedStatement, copyID refs.CopyID) []byte {
	t.Helper()
	log := refs.LogID{Signer: lost.PeerID(), Copy: copyID}
	return signed(t, lost, statement(w.chain, log, before, map[refs.Name]object.ID{"heads/main": w.commits[0]})).Encode()
}

// fromAStranger is what somebody says whom the identity does not list.
func (w *world) fromAStranger(t *testing.T, name refs.Name, at object.ID) []byte {
	t.Helper()
	log := refs.LogID{Signer: mallory.PeerID(), Copy: refs.CopyID{8}}
	return signed(t, mallory, statement(w.chain, log, nil, map[refs.Name]object.ID{name: at})).Encode()
}

func noVoiceOfStrangers(t *testing.T, _ *world, v *refs.View) {
	t.Helper()
	for _, c := range candidates(t, v, "heads/main") {
		if c.Log.Signer == mallory.PeerID() {
			t.Errorf("a stranger speaks of heads/main: %+v", c)
		}
	}
}

func noAnswer(t *testing.T, w *world, v *refs.View) {
	t.Helper()
	if p, _ := refs.ProposalOf(w.contributor.known[2].Statement()); len(v.Answers(p)) != 0 {
		t.Errorf("the proposal was answered: %+v", v.Answers(p))
	}
}

func candidates(t *testing.T, v *refs.View, name refs.Name) []refs.Candidate {
	t.Helper()
	c, err := v.Canonical(name, func(a, b object.ID) (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	return c.Candidates
}

// noVoiceOfTheLost asserts that nobody listens to the thief.
func noVoiceOfTheLost(t *testing.T, _ *world, v *refs.View) {
	t.Helper()
	for _, c := range candidates(t, v, "heads/main") {
		if c.Log.Signer == lost.PeerID() {
			t.Errorf("the lost laptop speaks of heads/main: %+v", c)
		}
	}
}

// held asserts that nothing counts that the maintainer's device says, and why.
func held(t *testing.T, w *world, v *refs.View) {
	t.Helper()
	if len(v.Equivocations()) != 1 {
		t.Errorf("%d proofs", len(v.Equivocations()))
	}
	for _, log := range v.Peer(bo.PeerID()).Logs {
		if !log.Held || log.Counts != nil {
			t.Errorf("the log counts: %+v", log)
		}
	}
	for _, c := range candidates(t, v, "heads/main") {
		if c.Log.Signer == bo.PeerID() {
			t.Errorf("the device speaks of heads/main: %+v", c)
		}
	}
}

// noProposal asserts that the proposal that contradicts itself is none.
func noProposal(t *testing.T, w *world, v *refs.View) {
	t.Helper()
	if list := v.Proposals(); len(list) != 0 || len(v.Equivocations()) != 1 {
		t.Errorf("proposals %v, %d proofs", list, len(v.Equivocations()))
	}
}
