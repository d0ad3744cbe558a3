package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/constl/constl/object"
)

// journal remembers, apart from any dataset, how far this device has signed each
// of its logs. Where a dataset's folder was copied, or put back from a backup,
// its log ends before that, and signing on would tell two stories under one number.
type journal struct {
	disk disk
}

func openJournal(dir string) (*journal, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("refs: making the folder of signed sequence numbers: %w", err)
	}
	return &journal{disk{dir: dir, private: true}}, nil
}

// record notes that s is about to be signed for good, or returns false if the
// device has signed something else than s's predecessor as the log's last. A nil
// journal remembers nothing and has no objection.
func (j *journal) record(ctx context.Context, s *SignedStatement) (bool, error) {
	if j == nil {
		return true, nil
	}
	unlock, err := j.disk.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	name := s.statement.Log.String()
	seq, id, err := j.read(name)
	if err != nil {
		return false, err
	}
	before := s.statement.Seq - 1
	if seq != before || id != s.statement.Previous {
		return false, nil
	}
	line := fmt.Sprintf("%d %s\n", s.statement.Seq, s.id)
	if err := j.disk.replace(name, []byte(line)); err != nil {
		return false, fmt.Errorf("refs: noting sequence number %d: %w", s.statement.Seq, err)
	}
	return true, nil
}

// read returns what was signed last, or zeros if the log is new to the journal.
func (j *journal) read(name string) (seq uint64, id object.ID, err error) {
	data, err := j.disk.read(name, 128)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, id, nil
	}
	if err != nil {
		return 0, id, fmt.Errorf("refs: reading the last sequence number: %w", err)
	}
	var hex string
	if _, err := fmt.Sscanf(string(data), "%d %64s\n", &seq, &hex); err != nil || seq < 1 || seq > maxSeq {
		return 0, id, corruptf("%s holds no sequence number; remove it, and the dataset starts a new log", j.disk.path(name))
	}
	if id, err = object.ParseID(hex); err != nil {
		return 0, id, corruptf("%s: %v", j.disk.path(name), err)
	}
	return seq, id, nil
}
