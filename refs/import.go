package refs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/constl/constl/object"
)

// maxLogsPerSigner bounds how many logs of one device are kept.
const maxLogsPerSigner = 256

// Incoming is what a peer gave, in any order.
type Incoming struct {
	Identities    []*SignedIdentity
	Statements    []*SignedStatement
	Equivocations []Equivocation
	// Drafts are next versions that others are to sign. One becomes a version when,
	// with the signatures known already, enough have.
	Drafts []*SignedIdentity
	// AllowGaps takes a newer statement of a known log although those between
	// are missing. Set it when the peer was asked for them and no longer has them.
	AllowGaps bool
}

// Gap tells which statements of a log are missing between what is known and what came.
type Gap struct {
	Log   LogID
	Known uint64 // the newest sequence number known here
	Found uint64 // the one that came
}

// Report tells what became of an [Incoming].
type Report struct {
	Identities    int            // new versions of the identity
	Drafts        int            // drafts that are new or have new signatures
	New           []LogID        // logs with new statements
	Ignored       int            // statements that were known, older than what is known, or after a log's end
	Ended         []LogID        // logs that went on after the end that the identity sets them
	Gaps          []Gap          // logs left as they were, for the statements between are missing
	Refused       []LogID        // logs left out, for there are too many of their kind
	Equivocations []Equivocation // proofs that were new
	Forks         []object.ID    // versions that newly prove that the identity has two histories
	// Restarted reports that a peer had later statements of this very copy: the
	// folder was restored or copied. It keeps its refs and goes on in a new log.
	Restarted bool
}

// Import verifies all that came against the identity and then stores what is new.
// If anything breaks a rule of trust nothing is stored, and the error wraps
// [ErrUntrusted] (among it [ErrWrongDataset], [ErrThreshold]) or [ErrUnknownIdentity];
// of a [*ForkError] the proof alone is kept (see [Store.Forks]). After a crash, any part of what came may be stored;
// importing it again completes it.
func (s *Store) Import(ctx context.Context, in Incoming) (*Report, error) {
	unlock, err := s.disk.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, err := s.Chain()
	if err != nil {
		return nil, err
	}
	chain, err := old.Merge(in.Identities)
	if err != nil {
		var fork *ForkError
		if errors.As(err, &fork) {
			_, kerr := s.keepForks([]*SignedIdentity{fork.Other})
			err = errors.Join(err, kerr)
		}
		return nil, err
	}
	drafts, err := s.uniteDrafts(ctx, chain, in.Drafts)
	if err != nil {
		return nil, err
	}
	chain = drafts.chain
	for _, st := range in.Statements {
		if err := st.check(chain); err != nil {
			return nil, fmt.Errorf("statement %d of %s: %w", st.statement.Seq, st.statement.Log.Signer.Short(), err)
		}
	}
	for _, e := range in.Equivocations {
		if e.A.statement.Dataset != chain.Dataset() {
			return nil, fmt.Errorf("%w: a proof about %s", ErrWrongDataset, e.A.statement.Dataset.Short())
		}
	}
	im, err := s.newImport(chain, in.AllowGaps)
	if err != nil {
		return nil, err
	}
	if err := im.sort(ctx, in); err != nil {
		return nil, err
	}
	im.report.Identities, im.report.Drafts = chain.Len()-old.Len(), len(drafts.changed)
	if err := im.write(ctx, old.Len()); err != nil {
		return nil, err
	}
	if err := s.writeDrafts(drafts); err != nil {
		return nil, err
	}
	// Who follows one history hands on the other in the place of a draft.
	if im.report.Forks, err = s.keepForks(chain.forked(in.Drafts)); err != nil {
		return nil, err
	}
	return &im.report, nil
}

// importing is an Import on its way from verified to stored.
type importing struct {
	store     *Store
	chain     *Chain
	allowGaps bool
	own       LogID
	logs      map[LogID]bool // those in the store
	strangers int
	perSigner map[PeerID]int
	restart   bool // a peer had later statements of this copy
	renew     bool // the identity ends this copy's log
	changed   []LogID
	runs      map[LogID]run // of the changed logs
	proofs    []Equivocation
	report    Report
}

func (s *Store) newImport(chain *Chain, allowGaps bool) (*importing, error) {
	logs, err := s.listLogs(logsDir)
	if err != nil {
		return nil, err
	}
	im := &importing{
		store: s, chain: chain, allowGaps: allowGaps, logs: make(map[LogID]bool),
		perSigner: make(map[PeerID]int), runs: make(map[LogID]run),
	}
	if im.own, err = s.readOwnID(); err != nil {
		return nil, err
	}
	for _, log := range logs {
		im.count(log)
	}
	return im, nil
}

func (im *importing) count(log LogID) {
	im.logs[log] = true
	im.perSigner[log.Signer]++
	if _, listed := im.chain.Current().Person(log.Signer); !listed {
		im.strangers++
	}
}

// admits reports whether there is room for the log.
func (im *importing) admits(log LogID) bool {
	if im.logs[log] {
		return true
	}
	_, listed := im.chain.Current().Person(log.Signer)
	return im.perSigner[log.Signer] < maxLogsPerSigner && (listed || im.strangers < im.store.maxStrangers)
}

// sort decides what becomes of everything, log by log.
func (im *importing) sort(ctx context.Context, in Incoming) error {
	statements := slices.Clone(in.Statements)
	slices.SortStableFunc(statements, func(a, b *SignedStatement) int {
		if c := a.statement.Log.Compare(b.statement.Log); c != 0 {
			return c
		}
		if c := cmp.Compare(a.statement.Seq, b.statement.Seq); c != 0 {
			return c
		}
		return a.id.Compare(b.id)
	})
	for len(statements) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		log, n := statements[0].statement.Log, 1
		for n < len(statements) && statements[n].statement.Log == log {
			n++
		}
		if !im.admits(log) {
			im.report.Refused = append(im.report.Refused, log)
		} else if err := im.sortLog(log, statements[:n]); err != nil {
			return err
		}
		statements = statements[n:]
	}
	for _, e := range in.Equivocations {
		_, listed := im.chain.Current().Person(e.Log().Signer)
		if !listed && !im.logs[e.Log()] {
			continue
		}
		if err := im.prove(e); err != nil {
			return err
		}
	}
	return nil
}

// sortLog decides what becomes of statements of one log, in order of sequence.
func (im *importing) sortLog(log LogID, statements []*SignedStatement) error {
	r, err := im.store.readRun(log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isDamage(err) {
		return err
	}
	healthy := err == nil || errors.Is(err, fs.ErrNotExist)
	end, closed := im.chain.Current().closing(log)
	changed := false
	for _, st := range statements {
		seq := st.statement.Seq
		if closed && (seq > end.Seq || seq == end.Seq && st.id != end.Statement) {
			im.report.Ignored++
			if !slices.Contains(im.report.Ended, log) {
				im.report.Ended = append(im.report.Ended, log)
			}
			continue
		}
		rel, other := r.relate(st)
		if closed && seq == end.Seq && rel != relKnown {
			// The maintainers have decided for this one, whatever was held before.
			rel = relNext
		}
		switch {
		case rel == relKnown || rel == relOld:
			im.report.Ignored++
		case rel == relConflict:
			e, err := NewEquivocation(other, st)
			if err != nil {
				return err
			}
			if err := im.prove(e); err != nil {
				return err
			}
		case rel == relGap && !im.allowGaps:
			im.report.Gaps = append(im.report.Gaps, Gap{Log: log, Known: r.head().statement.Seq, Found: seq})
		case log == im.own && healthy && im.store.key == nil:
			im.report.Ignored++
		default:
			im.restart = im.restart || log == im.own && healthy
			r, changed = r.add(st), true
		}
	}
	if changed {
		if !im.logs[log] {
			im.count(log)
		}
		im.runs[log] = r
		im.changed = append(im.changed, log)
	}
	return nil
}

// prove notes an equivocation unless one of the log is known.
func (im *importing) prove(e Equivocation) error {
	same := func(known Equivocation) bool { return known.Log() == e.Log() }
	if slices.ContainsFunc(im.proofs, same) {
		return nil
	}
	known, err := im.store.readProof(e.Log())
	if err != nil && !errors.Is(err, object.ErrCorrupt) {
		return err
	}
	if known == nil {
		im.proofs = append(im.proofs, e)
	}
	return nil
}

// checkOwn finds out whether a new version of the identity ends this copy's log,
// as it does when the device has a new key: its refs then go on in a new one.
func (im *importing) checkOwn(known int) error {
	if im.chain.Len() == known || im.store.key == nil || im.own == (LogID{}) {
		return nil
	}
	blocked, err := im.store.blocked(im.chain, im.own)
	if err != nil || !blocked {
		return err
	}
	if _, _, err := im.store.readOwn(); isDamage(err) {
		return nil // what it said is not known; the next update finds out
	}
	im.renew = true
	return nil
}

// write stores what was decided, each part after those on which it rests.
func (im *importing) write(ctx context.Context, known int) error {
	s := im.store
	if err := s.writeIdentities(im.chain, known); err != nil {
		return err
	}
	if err := im.checkOwn(known); err != nil {
		return err
	}
	if im.restart || im.renew {
		// While the old log still says what this copy said last.
		_, r, err := s.readOwn()
		if err != nil {
			return err
		}
		if _, _, err := s.restart(ctx, im.chain, r); err != nil {
			return err
		}
		im.report.Restarted = im.restart
	}
	for _, e := range im.proofs {
		if err := s.writeProof(e); err != nil {
			return err
		}
		im.report.Equivocations = append(im.report.Equivocations, e)
	}
	for _, log := range im.changed {
		if err := s.writeRun(log, im.runs[log]); err != nil {
			return err
		}
		im.report.New = append(im.report.New, log)
	}
	return nil
}
