package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
)

// Say makes refs all that a log beside this copy's own says, by a new statement
// that this device signs, and returns it. A zero log, one of another device, and
// one in which this device may not go on stand for a new log. It fails with an
// error that wraps [ErrNoKey], [ErrLocked], [ErrInvalidName] or [ErrInvalidStatement].
func (s *Store) Say(ctx context.Context, log LogID, refs map[Name]object.ID) (*SignedStatement, error) {
	if s.key == nil {
		return nil, ErrNoKey
	}
	unlock, err := s.disk.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	chain, err := s.Chain()
	if err != nil {
		return nil, err
	}
	own, err := s.readOwnID()
	if err != nil {
		return nil, err
	}
	blocked, err := s.blocked(chain, log)
	if err != nil {
		return nil, err
	}
	var r run
	if !blocked && log != own {
		if r, err = s.readRun(log); err != nil && !errors.Is(err, fs.ErrNotExist) && !isDamage(err) {
			return nil, err
		}
	}
	if len(r) > 0 {
		next, ok, err := s.append(ctx, chain, log, r, maps.Clone(refs))
		if err != nil || ok {
			return next, err
		}
	}
	next, ok, err := s.append(ctx, chain, LogID{s.peer, NewCopyID()}, nil, maps.Clone(refs))
	if err == nil && !ok {
		err = corruptf("the device has already signed in a log that was just made up")
	}
	return next, err
}

// Forget removes what is known of the logs, as of proposals that were answered
// long ago. This copy's own log stays, and so do proofs that a log split. It fails
// with an error that wraps [ErrLocked].
func (s *Store) Forget(ctx context.Context, logs ...LogID) error {
	unlock, err := s.disk.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	own, err := s.readOwnID()
	if err != nil {
		return err
	}
	for _, log := range logs {
		if log == own {
			continue
		}
		if err := os.Remove(s.disk.path(logsDir + "/" + log.String())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("refs: forgetting the log %s: %w", log, err)
		}
	}
	return durable.SyncDir(s.disk.path(logsDir))
}
