package refs

import (
	"io/fs"
	"os"
	"time"
)

// maxSeen bounds how many logs are kept in memory as they were read.
const maxSeen = 256

// seenRun is a log as it was read, and the file that it was read from. Files are replaced
// whole, never changed.
type seenRun struct {
	file fs.FileInfo
	run  run
}

// seeRun is readRun for those who look at the store again and again, and can do with what
// was read before of a file that is still there.
func (s *Store) seeRun(log LogID) (run, error) {
	file, err := os.Stat(s.disk.path(logsDir + "/" + log.String()))
	if err != nil {
		return s.readRun(log)
	}
	s.mu.Lock()
	seen, ok := s.seen[log]
	s.mu.Unlock()
	if ok && os.SameFile(seen.file, file) && seen.file.ModTime().Equal(file.ModTime()) && seen.file.Size() == file.Size() {
		return seen.run, nil
	}
	r, err := s.readRun(log)
	if err != nil || !settledAt(file.ModTime(), time.Now()) {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) >= maxSeen {
		clear(s.seen)
	}
	s.seen[log] = seenRun{file, r}
	return r, nil
}

// settledAt reports whether a file or folder that changed at one time can no longer be
// changed without its time showing it: file systems count time in ticks, some of them as
// coarse as two seconds.
func settledAt(changed, now time.Time) bool {
	tick := 50 * time.Millisecond
	if changed.Nanosecond() == 0 {
		tick = 2500 * time.Millisecond
	}
	return now.Sub(changed).Abs() >= tick
}
