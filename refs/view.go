package refs

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/constl/constl/object"
)

// Log is what is known of one log.
type Log struct {
	ID LogID
	// Head is the newest statement, nil if the file is damaged.
	Head *SignedStatement
	// Counts is the statement whose refs count: Head as a rule, an earlier one if
	// the identity closed the log there, nil if none counts.
	Counts *SignedStatement
	// Ended reports that the identity closed the log.
	Ended bool
	// Held reports that the log split and no identity has settled that yet, or that this
	// is so of another log of the same listed device (FORMAT.md §5.3).
	Held bool
	// Proof shows how the log split; nil if it did not.
	Proof *Equivocation
	// Damaged says why the log's file cannot be read; nil if it can. The next
	// import of the log replaces the file.
	Damaged error
}

// View is the state of a store at one moment. It never changes and is safe for
// use by several goroutines; callers must not write to what its methods return.
type View struct {
	chain *Chain
	own   LogID
	logs  []Log
}

// View reads the state of the store. One damaged log does not keep the others
// from being seen; the error is in its [Log].
func (s *Store) View(ctx context.Context) (*View, error) {
	// The logs come first: whatever they were signed under is then in the chain.
	ids, err := s.listLogs(logsDir)
	if err != nil {
		return nil, err
	}
	proofs, err := s.listLogs(proofsDir)
	if err != nil {
		return nil, err
	}
	for _, log := range proofs {
		if !slices.Contains(ids, log) {
			ids = append(ids, log)
		}
	}
	v := &View{logs: make([]Log, 0, len(ids))}
	if v.own, err = s.readOwnID(); err != nil {
		return nil, err
	}
	runs := make([]run, len(ids))
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l := Log{ID: id}
		var perr error
		runs[i], l.Damaged = s.seeRun(id)
		if errors.Is(l.Damaged, fs.ErrNotExist) {
			l.Damaged = nil // known by a proof alone
		} else if l.Damaged != nil && !isDamage(l.Damaged) {
			return nil, l.Damaged
		}
		if l.Proof, perr = s.readProof(id); perr != nil && !isDamage(perr) {
			return nil, perr
		} else if perr != nil {
			l.Held, l.Damaged = true, perr
		}
		l.Head = runs[i].head()
		v.logs = append(v.logs, l)
	}
	if v.chain, err = s.Chain(); err != nil {
		return nil, err
	}
	for i := range v.logs {
		v.logs[i].judge(v.chain.Current(), runs[i])
	}
	v.holdDevices()
	slices.SortFunc(v.logs, func(a, b Log) int { return a.ID.Compare(b.ID) })
	return v, nil
}

// judge decides which statement of the log counts (FORMAT.md §5.4).
func (l *Log) judge(id *Identity, r run) {
	c, closed := id.closing(l.ID)
	l.Ended = closed
	if !closed {
		l.Held = l.Held || l.Proof != nil
		if !l.Held {
			l.Counts = l.Head
		}
		return
	}
	if c.Seq == 0 {
		l.Held = false
		return
	}
	known := []*SignedStatement{r.at(c.Seq)}
	if l.Proof != nil {
		known = append(known, l.Proof.A, l.Proof.B)
	}
	for _, s := range known {
		if s != nil && s.id == c.Statement {
			l.Counts, l.Held = s, false
			return
		}
	}
	if l.Head != nil && l.Head.statement.Seq < c.Seq && l.Proof == nil {
		l.Counts = l.Head
	}
	l.Held = l.Held || l.Proof != nil
}

// holdDevices takes their voice from the listed devices of which a log split: whoever
// has such a key uses it in two places. A stranger's device has none, and its
// proposals stand each for itself.
func (v *View) holdDevices() {
	split := make(map[PeerID]bool)
	for _, l := range v.logs {
		if _, listed := v.chain.Current().Person(l.ID.Signer); listed && l.Held {
			split[l.ID.Signer] = true
		}
	}
	for i := range v.logs {
		if l := &v.logs[i]; split[l.ID.Signer] {
			l.Held, l.Counts = true, nil
		}
	}
}

// Chain returns the identity.
func (v *View) Chain() *Chain { return v.chain }

// Logs returns all logs in the order of their ids.
func (v *View) Logs() []Log { return v.logs }

// Own returns the log to which this copy adds, and its newest statement, which is
// nil while it has said nothing.
func (v *View) Own() (LogID, *SignedStatement) {
	for _, l := range v.logs {
		if l.ID == v.own {
			return l.ID, l.Head
		}
	}
	return v.own, nil
}

// Peer is what one device says.
type Peer struct {
	ID     PeerID
	Person Person // zero if the identity does not list the device
	Listed bool
	Logs   []Log
}

// Peer returns what the device's own logs say, whether or not its word counts.
func (v *View) Peer(id PeerID) Peer {
	p := Peer{ID: id}
	p.Person, p.Listed = v.chain.Current().Person(id)
	for _, l := range v.logs {
		if l.ID.Signer == id {
			p.Logs = append(p.Logs, l)
		}
	}
	return p
}

// Equivocations returns the proofs of all logs that split, settled or not.
func (v *View) Equivocations() []Equivocation {
	var all []Equivocation
	for _, l := range v.logs {
		if l.Proof != nil {
			all = append(all, *l.Proof)
		}
	}
	return all
}

// Names returns the names of which some log speaks that counts for them, sorted.
func (v *View) Names() []Name {
	seen := make(map[Name]bool)
	var names []Name
	for _, l := range v.logs {
		if l.Counts == nil {
			continue
		}
		for name := range l.Counts.statement.Refs {
			if !seen[name] && v.maySign(l.ID.Signer, name) {
				names = append(names, name)
			}
			seen[name] = seen[name] || v.maySign(l.ID.Signer, name)
		}
	}
	slices.Sort(names)
	return names
}

func (v *View) maySign(device PeerID, name Name) bool {
	id := v.chain.Current()
	p, ok := id.Person(device)
	return ok && id.Rule(name).MaySign(p)
}

// Statements returns what is kept of the log after the sequence number, oldest
// first and without gaps, to be given to a peer. The slice is the caller's. It
// fails as [Store.Own] does, or with an error that wraps [object.ErrNotFound] if
// there is no such log.
func (s *Store) Statements(_ context.Context, log LogID, after uint64) ([]*SignedStatement, error) {
	r, err := s.seeRun(log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(object.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	for len(r) > 0 && r[0].statement.Seq <= after {
		r = r[1:]
	}
	return slices.Clone(r), nil
}

// Check verifies everything that is stored, each signature included, and returns
// what is damaged or untrusted, nothing if all is well.
func (s *Store) Check(ctx context.Context) []error {
	var problems []error
	chain, err := s.Chain()
	if err != nil {
		return []error{err}
	}
	fresh := &Store{disk: disk{dir: s.disk.dir}, verified: make(map[LogID]headSeal)}
	if _, err := fresh.Chain(); err != nil {
		problems = append(problems, err)
		fresh.chain = chain
	}
	if _, err := fresh.readOwnID(); err != nil {
		problems = append(problems, err)
	}
	for _, dir := range []string{logsDir, proofsDir} {
		logs, err := fresh.listLogs(dir)
		if err != nil {
			return append(problems, err)
		}
		for _, log := range logs {
			if err := ctx.Err(); err != nil {
				return append(problems, err)
			}
			if err := fresh.checkLog(chain, dir, log); err != nil {
				problems = append(problems, err)
			}
		}
	}
	return problems
}

func (s *Store) checkLog(chain *Chain, dir string, log LogID) error {
	if dir == proofsDir {
		_, err := s.readProof(log)
		return err
	}
	r, err := s.readRun(log)
	if err != nil {
		return err
	}
	for _, st := range r {
		if err := st.verify(); err != nil {
			return err
		}
		if err := st.check(chain); err != nil {
			return err
		}
	}
	return nil
}
