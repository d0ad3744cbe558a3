package pack

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack/internal/vfs"
)

// Names of files that belong to one process: "tmp-HOST-PID-RANDOM" is a pack
// being written, "lock-WHAT" holds "HOST-PID".
const (
	tempPrefix = "tmp-"
	joinLock   = "lock-join"
	dropLock   = "lock-repack"
)

// abandoned is the age beyond which a file is taken to be left over by a
// process on another machine, or by one whose number another process has now.
const abandoned = 24 * time.Hour

// process names a running process in the names and contents of files.
type process struct {
	host string // 8 hexadecimal digits
	pid  int
}

func thisProcess() process {
	name, err := os.Hostname()
	if err != nil {
		name = "" // all such machines count as one, which only means waiting longer
	}
	return process{host: object.Sum([]byte(name)).String()[:8], pid: os.Getpid()}
}

func (p process) String() string { return p.host + "-" + strconv.Itoa(p.pid) }

func parseProcess(s string) (process, bool) {
	host, pid, ok := strings.Cut(s, "-")
	n, err := strconv.Atoi(pid)
	return process{host, n}, ok && err == nil && n > 0
}

func (p process) tempName() string {
	var r [8]byte
	_, _ = rand.Read(r[:]) // never fails (crypto/rand)
	return tempPrefix + p.String() + "-" + hex.EncodeToString(r[:])
}

// running reports whether the owner of a file of that age may still be at work.
func (p process) running(owner process, age time.Duration) bool {
	if age > abandoned {
		return false
	}
	return owner.host != p.host || alive(owner.pid)
}

func alive(pid int) bool {
	proc, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = proc.Release() }()
	if runtime.GOOS == "windows" {
		return true // FindProcess opened it
	}
	err = proc.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}

// lock takes a lock file. It reports false if another process has it. One whose
// owner is gone is taken over.
func (s *Store) lock(name string) (bool, error) {
	for range 2 {
		f, err := s.fs.Create(name)
		if err == nil {
			_, err = f.Write([]byte(s.proc.String()))
			if closeErr := f.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				_ = s.fs.Remove(name) // the first error says more
				return false, fmt.Errorf("object/pack: taking %s: %w", name, err)
			}
			return true, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return false, fmt.Errorf("object/pack: taking %s: %w", name, err)
		}
		held, err := s.locked(name)
		if held || err != nil {
			return false, err
		}
		if err := s.fs.Remove(name); err != nil {
			return false, fmt.Errorf("object/pack: taking %s over: %w", name, err)
		}
	}
	return false, nil
}

func (s *Store) unlock(name string) { _ = s.fs.Remove(name) } // else it is taken over later

// locked reports whether a lock is held by a process that is at work.
func (s *Store) locked(name string) (bool, error) {
	infos, err := s.fs.List()
	if err != nil {
		return false, fmt.Errorf("object/pack: looking for %s: %w", name, err)
	}
	for _, info := range infos {
		if info.Name == name {
			return s.lockHeld(info), nil
		}
	}
	return false, nil
}

func (s *Store) lockHeld(info vfs.Info) bool {
	age := time.Since(info.ModTime)
	f, err := s.fs.Open(info.Name)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	defer f.Close()
	b := make([]byte, min(max(info.Size, 0), 100))
	owner, ok := process{}, false
	if readFull(f, b, 0) == nil {
		owner, ok = parseProcess(string(b))
	}
	if !ok {
		// It was only just made, or its maker crashed at once.
		return age < time.Minute
	}
	return s.proc.running(owner, age)
}

// writers returns the temporary files in the folder, those of processes at work
// apart from those left over.
func (s *Store) writers() (active, left []vfs.Info, err error) {
	infos, err := s.fs.List()
	if err != nil {
		return nil, nil, fmt.Errorf("object/pack: looking for batches: %w", err)
	}
	for _, info := range infos {
		rest, ok := strings.CutPrefix(info.Name, tempPrefix)
		if !ok {
			continue
		}
		name := rest
		if i := strings.LastIndexByte(rest, '-'); i >= 0 {
			name = rest[:i]
		}
		owner, ok := parseProcess(name)
		if !ok && time.Since(info.ModTime) < abandoned || ok && s.proc.running(owner, time.Since(info.ModTime)) {
			active = append(active, info)
		} else {
			left = append(left, info)
		}
	}
	return active, left, nil
}

// sweep removes what crashed processes left over and what is surely not in use.
func (s *Store) sweep() {
	_, left, err := s.writers()
	if err != nil {
		return // it is tidying only: what matters fails elsewhere
	}
	for _, info := range left {
		_ = s.fs.Remove(info.Name)
	}
}
