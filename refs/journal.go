package refs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
)

// journal remembers, apart from any dataset, how far this device has signed each
// of its logs. Where a dataset's folder was copied, or put back from a backup,
// its log ends before that, and signing on would tell two stories under one number.
type journal struct {
	disk disk
}

// entry is what a journal says of a log: the last number that the device signed
// there, and the statement. Both are zero if it signed nothing.
type entry struct {
	seq       uint64
	statement object.ID
	// restored says that the entry itself was put back from a backup, or copied from
	// another computer: the device may have signed more since.
	restored bool
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
// device has signed something else than s's predecessor as the log's last, or may
// have. A nil journal remembers nothing and has no objection.
func (j *journal) record(ctx context.Context, s *SignedStatement) (bool, error) {
	before := entry{seq: s.statement.Seq - 1, statement: s.statement.Previous}
	return j.note(ctx, s.statement.Log.String(), entry{seq: s.statement.Seq, statement: s.id}, func(last entry) bool { return last == before })
}

// note puts an entry in the place of the last one of that name unless allows objects.
func (j *journal) note(ctx context.Context, name string, next entry, allows func(last entry) bool) (bool, error) {
	if j == nil {
		return true, nil
	}
	unlock, err := j.disk.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	last, err := j.read(name)
	if err != nil || !allows(last) {
		return false, err
	}
	err = j.disk.replaceWith(name, func(f *os.File) ([]byte, error) {
		number, err := durable.FileNumber(f)
		return []byte(next.text(number)), err
	})
	if err != nil {
		return false, fmt.Errorf("refs: noting sequence number %d: %w", next.seq, err)
	}
	return true, nil
}

// read returns what was signed last, or a zero entry if the log is new to the journal.
func (j *journal) read(name string) (entry, error) {
	f, err := os.Open(j.disk.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return entry{}, nil
	}
	if err != nil {
		return entry{}, fmt.Errorf("refs: reading the last sequence number: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return entry{}, fmt.Errorf("refs: reading the last sequence number: %w", err)
	}
	last, written, err := parseEntry(string(data))
	if err != nil {
		return entry{}, fmt.Errorf("%s: %w; remove it, and the dataset starts a new log", f.Name(), err)
	}
	number, err := durable.FileNumber(f)
	if err != nil {
		return entry{}, fmt.Errorf("refs: reading the last sequence number: %w", err)
	}
	last.restored = number != written
	return last, nil
}

// text writes an entry as it stands in its file, which the system knows by number.
func (e entry) text(number uint64) string {
	return fmt.Sprintf("%d %s %d\n", e.seq, e.statement, number)
}

// parseEntry reads what text writes, and nothing else.
func parseEntry(text string) (e entry, number uint64, err error) {
	var hex string
	_, err = fmt.Sscanf(text, "%d %64s %d\n", &e.seq, &hex, &number)
	if err == nil {
		e.statement, err = object.ParseID(hex)
	}
	if err != nil || e.text(number) != text || e.seq < 1 || e.seq > maxSeq {
		return entry{}, 0, corruptf("it holds no sequence number")
	}
	return e, number, nil
}

// Restored reports whether this copy, or the device's memory of what it has signed,
// was put back from a backup or copied, so that the device may have said more in
// this copy's log than is known here. The next [Store.Update] then goes on in a new
// log; whoever can should ask peers first. It fails with an error that wraps
// [object.ErrCorrupt] or [ErrUntrusted] if the log or the memory is damaged.
func (s *Store) Restored(_ context.Context) (bool, error) {
	if s.journal == nil {
		return false, nil
	}
	log, r, err := s.readOwn()
	if err != nil {
		return false, err
	}
	head := r.head()
	if head == nil || log.Signer != s.peer {
		return false, nil
	}
	last, err := s.journal.read(log.String())
	return last != entry{seq: head.statement.Seq, statement: head.id}, err
}

// identityPrefix begins the name of the entry that says which version of a dataset's
// identity the device signed last.
const identityPrefix = "identity-"

// LostVersion returns the id of the version of the identity that this device signed
// last if it is not known here, since the folder was put back from a backup, or
// copied; zero if there is none. To sign another one could give the identity two histories.
func (s *Store) LostVersion(_ context.Context) (object.ID, error) {
	if s.journal == nil {
		return object.ID{}, nil
	}
	chain, err := s.Chain()
	if err != nil {
		return object.ID{}, err
	}
	last, err := s.journal.read(identityPrefix + chain.Dataset().String())
	if err != nil || last.seq == 0 {
		return object.ID{}, err
	}
	if known, err := s.knowsVersion(chain, last); known || err != nil {
		return object.ID{}, err
	}
	return last.statement, nil
}

// knowsVersion reports whether a version that the device has signed is known here, as a
// draft, a second history, or one that was declined, or is over since its number is used.
func (s *Store) knowsVersion(chain *Chain, e entry) (bool, error) {
	if e.seq <= uint64(chain.Len()) {
		return true, nil
	}
	for _, dir := range []string{draftsDir, declinedDir, forksDir} {
		_, err := os.Stat(s.disk.path(dir + "/" + e.statement.String()))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	return false, nil
}

// noteVersion notes that the device has signed a version of the identity.
func (s *Store) noteVersion(ctx context.Context, chain *Chain, v *SignedIdentity) error {
	next := entry{seq: uint64(v.identity.Version), statement: v.id}
	_, err := s.journal.note(ctx, identityPrefix+chain.Dataset().String(), next, func(entry) bool { return true })
	return err
}
