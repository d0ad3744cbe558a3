package refs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/constl/constl/object"
)

func identityFile(version int) string { return fmt.Sprintf("%s/%04d", identityDir, version) }

func (s *Store) readIdentity(version int) (*SignedIdentity, error) {
	data, err := s.disk.readSealed(identityFile(version), MaxSignedIdentity)
	if err != nil {
		return nil, err
	}
	return DecodeSignedIdentity(data)
}

// writeIdentities stores the versions after the first known ones.
func (s *Store) writeIdentities(chain *Chain, known int) error {
	for i := known; i < chain.Len(); i++ {
		if err := s.disk.replaceSealed(identityFile(i+1), chain.versions[i].Encode()); err != nil {
			return fmt.Errorf("refs: storing version %d of the identity: %w", i+1, err)
		}
	}
	return nil
}

func (s *Store) writeOwn(log LogID) error {
	if err := s.disk.replace(ownFile, []byte(log.String()+"\n")); err != nil {
		return fmt.Errorf("refs: storing which log is this copy's: %w", err)
	}
	return nil
}

// readOwnID returns the log to which this copy adds, zero if it has none yet.
func (s *Store) readOwnID() (LogID, error) {
	data, err := s.disk.read(ownFile, 256)
	if errors.Is(err, fs.ErrNotExist) {
		return LogID{}, nil
	}
	if err != nil {
		return LogID{}, fmt.Errorf("refs: reading which log is this copy's: %w", err)
	}
	text, ok := strings.CutSuffix(string(data), "\n")
	log, err := ParseLogID(text)
	if err != nil || !ok {
		return LogID{}, corruptf("%s names no log", s.disk.path(ownFile))
	}
	return log, nil
}

// readOwn returns this copy's log, empty if it has said nothing yet.
func (s *Store) readOwn() (LogID, run, error) {
	log, err := s.readOwnID()
	if err != nil || log == (LogID{}) {
		return log, nil, err
	}
	r, err := s.readRun(log)
	if errors.Is(err, fs.ErrNotExist) {
		return log, nil, nil
	}
	return log, r, err
}

// readRun returns what is kept of a log, its head's signature verified. A log
// that is not there wraps [fs.ErrNotExist].
func (s *Store) readRun(log LogID) (run, error) {
	data, err := s.disk.readSealed(logsDir+"/"+log.String(), maxLogFile)
	if err != nil {
		return nil, fmt.Errorf("refs: reading the log %s: %w", log, err)
	}
	r, err := decodeRun(data, log)
	if err != nil {
		return nil, fmt.Errorf("refs: reading the log %s: %w", log, err)
	}
	head := r.head()
	seal := headSeal{head.id, head.signature.Value}
	s.mu.Lock()
	known := s.verified[log] == seal && head.statement.Dataset == s.chain.Dataset()
	s.mu.Unlock()
	if known {
		return r, nil
	}
	chain, err := s.Chain()
	if err != nil {
		return nil, err
	}
	if head.statement.Dataset != chain.Dataset() {
		return nil, fmt.Errorf("refs: reading the log %s: %w: of %s", log, ErrWrongDataset, head.statement.Dataset.Short())
	}
	if err := head.verify(); err != nil {
		return nil, fmt.Errorf("refs: reading the log %s: %w", log, err)
	}
	s.mu.Lock()
	s.verified[log] = seal
	s.mu.Unlock()
	return r, nil
}

func (s *Store) writeRun(log LogID, r run) error {
	if err := s.disk.replaceSealed(logsDir+"/"+log.String(), r.encode()); err != nil {
		return fmt.Errorf("refs: storing the log %s: %w", log, err)
	}
	return nil
}

// readProof returns the proof that a log split, or nil if there is none.
func (s *Store) readProof(log LogID) (*Equivocation, error) {
	data, err := s.disk.readSealed(proofsDir+"/"+log.String(), 2*MaxSignedStatement)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("refs: reading the proof against the log %s: %w", log, err)
	}
	e, err := DecodeEquivocation(data)
	if err != nil {
		return nil, fmt.Errorf("refs: reading the proof against the log %s: %w", log, err)
	}
	if e.Log() != log {
		return nil, corruptf("the proof against the log %s is about %s", log, e.Log())
	}
	return &e, nil
}

func (s *Store) writeProof(e Equivocation) error {
	if err := s.disk.replaceSealed(proofsDir+"/"+e.Log().String(), e.Encode()); err != nil {
		return fmt.Errorf("refs: storing the proof against the log %s: %w", e.Log(), err)
	}
	return nil
}

// listLogs names the logs that have a file in the folder, in order.
func (s *Store) listLogs(dir string) ([]LogID, error) {
	names, err := s.disk.names(dir)
	if err != nil {
		return nil, fmt.Errorf("refs: listing %s: %w", dir, err)
	}
	logs := make([]LogID, 0, len(names))
	for _, name := range names {
		log, err := ParseLogID(name)
		if err != nil {
			// Not ours: file managers and sync tools leave files of their own.
			continue
		}
		logs = append(logs, log)
	}
	return logs, nil
}

// isDamage reports whether a log's file is of no use, so that it may be replaced
// by what a peer gives.
func isDamage(err error) bool {
	return errors.Is(err, object.ErrCorrupt) || errors.Is(err, ErrUntrusted)
}
