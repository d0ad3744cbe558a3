package repo

import (
	"crypto/tls"
	"encoding/binary"
	"os"
	"path/filepath"
	"time"

	"github.com/constl/constl/refs"
)

// Sessions with peers are kept for as long as TLS lets one be resumed.
const (
	sessionsDir = "sessions"
	sessionLife = 7 * 24 * time.Hour
	maxSession  = 64 << 10 // bytes of a file
)

// sessions keeps the last session of one device of this person with one peer in a
// file of the person's own. It is a saving of one round trip: what cannot be read is
// none. It implements [tls.ClientSessionCache].
type sessions struct{ path string }

// sessionsWith returns nil if there is no home to keep sessions in, or no peer to
// keep them for.
func sessionsWith(home string, device, peer refs.PeerID) tls.ClientSessionCache {
	if home == "" || peer.IsZero() {
		return nil
	}
	return &sessions{filepath.Join(home, sessionsDir, device.String()+"-"+peer.String())}
}

// Get implements [tls.ClientSessionCache]. The file is a ticket behind its length in
// two bytes, and the state.
func (s *sessions) Get(string) (*tls.ClientSessionState, bool) {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() > maxSession || time.Since(info.ModTime()) > sessionLife {
		return nil, false
	}
	data, err := os.ReadFile(s.path)
	if err != nil || len(data) < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(data))
	if data = data[2:]; len(data) < n {
		return nil, false
	}
	state, err := tls.ParseSessionState(data[n:])
	if err != nil {
		return nil, false
	}
	session, err := tls.NewResumptionState(data[:n], state)
	return session, err == nil
}

// Put implements [tls.ClientSessionCache].
func (s *sessions) Put(_ string, session *tls.ClientSessionState) {
	if session == nil {
		_ = os.Remove(s.path) // a session that is no use costs a try
		return
	}
	ticket, state, err := session.ResumptionState()
	if err != nil || len(ticket) > 1<<16-1 {
		return
	}
	data, err := state.Bytes()
	if err != nil || os.MkdirAll(filepath.Dir(s.path), 0o700) != nil {
		return
	}
	s.sweep()
	file := append(binary.BigEndian.AppendUint16(nil, uint16(len(ticket))), ticket...)
	_ = writeSecret(s.path, append(file, data...)) // the next connection does without
}

// writeSecret puts a file in place that nobody else can read.
func writeSecret(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // only its owner can read it
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// sweep removes what no peer takes any more.
func (s *sessions) sweep() {
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > sessionLife {
			_ = os.Remove(filepath.Join(filepath.Dir(s.path), e.Name()))
		}
	}
}
