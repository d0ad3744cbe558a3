// Package vfstest is a folder in memory whose disk can fail at any step and whose
// power can be cut at any step.
package vfstest

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/constl/constl/object/pack/internal/vfs"
)

// ErrPower is what everything fails with once the power is cut.
var ErrPower = errors.New("vfstest: power is cut")

// Mem is a [vfs.FS] in memory. It counts the steps that change something, from 1.
type Mem struct {
	mu      sync.Mutex
	names   map[string]*node
	durable map[string]*node // names as the last Sync left them
	changed time.Time
	steps   int
	fail    func(step int) error
	cut     bool
}

type node struct {
	data, durable []byte
	mod           time.Time
	held          bool
}

// New returns an empty folder.
func New() *Mem {
	return &Mem{names: make(map[string]*node), durable: make(map[string]*node), changed: time.Now()}
}

// Steps returns the number of steps so far.
func (m *Mem) Steps() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.steps
}

// FailWith makes each step fail with what fail returns for its number, unless
// that is nil. A write that fails has written half. If the error is [ErrPower], so
// fails everything after.
func (m *Mem) FailWith(fail func(step int) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

// Loss says what a power cut takes of what was not made durable.
type Loss struct{ Names, Data bool }

// Losses are all that a power cut may do.
func Losses() []Loss { return []Loss{{}, {Names: true}, {Data: true}, {Names: true, Data: true}} }

// Reboot returns the folder as it is after a power cut.
func (m *Mem) Reboot(loss Loss) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := m.names
	if loss.Names {
		names = m.durable
	}
	next := New()
	old := time.Now().Add(-time.Hour)
	for name, n := range names {
		data := n.data
		if loss.Data {
			data = n.durable
		}
		next.names[name] = &node{data: bytes.Clone(data), durable: bytes.Clone(data), mod: old}
	}
	next.durable = maps.Clone(next.names)
	return next
}

// step counts a step that changes something. It is called with m.mu held.
func (m *Mem) step() error {
	if m.cut {
		return ErrPower
	}
	m.steps++
	if m.fail == nil {
		return nil
	}
	err := m.fail(m.steps)
	m.cut = errors.Is(err, ErrPower)
	return err
}

func (m *Mem) touch() { m.changed = time.Now() }

// Create implements [vfs.FS].
func (m *Mem) Create(name string) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return nil, err
	}
	if m.names[name] != nil {
		return nil, fs.ErrExist
	}
	n := &node{mod: time.Now(), held: true}
	m.names[name] = n
	m.touch()
	return &file{m: m, n: n, made: true}, nil
}

// Held implements [vfs.FS].
func (m *Mem) Held(name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[name]
	return n != nil && n.held, nil
}

// Open implements [vfs.FS].
func (m *Mem) Open(name string) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[name]
	switch {
	case m.cut:
		return nil, ErrPower
	case n == nil:
		return nil, fs.ErrNotExist
	}
	return &file{m: m, n: n}, nil
}

// Rename implements [vfs.FS].
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	n := m.names[from]
	if n == nil {
		return fs.ErrNotExist
	}
	delete(m.names, from)
	m.names[to] = n
	m.touch()
	return nil
}

// Remove implements [vfs.FS].
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names[name] == nil {
		return nil
	}
	if err := m.step(); err != nil {
		return err
	}
	delete(m.names, name)
	m.touch()
	return nil
}

// List implements [vfs.FS].
func (m *Mem) List() ([]vfs.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut {
		return nil, ErrPower
	}
	var infos []vfs.Info
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		n := m.names[name]
		infos = append(infos, vfs.Info{Name: name, Size: int64(len(n.data)), ModTime: n.mod})
	}
	return infos, nil
}

// ModTime implements [vfs.FS].
func (m *Mem) ModTime() (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut {
		return time.Time{}, ErrPower
	}
	return m.changed, nil
}

// Sync implements [vfs.FS].
func (m *Mem) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	m.durable = maps.Clone(m.names)
	return nil
}

type file struct {
	m    *Mem
	n    *node
	made bool
}

func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.m.cut {
		return 0, ErrPower
	}
	return bytes.NewReader(f.n.data).ReadAt(b, offset)
}

func (f *file) Write(b []byte) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.m.step(); err != nil {
		half := len(b) / 2
		f.n.data = append(f.n.data, b[:half]...)
		return half, err
	}
	f.n.data = append(f.n.data, b...)
	f.n.mod = time.Now()
	return len(b), nil
}

func (f *file) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.n.data)), nil
}

func (f *file) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.m.step(); err != nil {
		return err
	}
	f.n.durable = bytes.Clone(f.n.data)
	return nil
}

func (f *file) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.made {
		f.n.held = false
	}
	return nil
}
