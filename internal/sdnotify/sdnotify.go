// Package sdnotify tells systemd, or whatever speaks its protocol, how a service fares:
// that it is ready, reads its settings again, or stops (sd_notify(3)).
package sdnotify

import (
	"fmt"
	"net"
	"strings"
)

// Variable names the variable of the environment that holds the socket.
const Variable = "NOTIFY_SOCKET"

// Manager is whom the service tells. It is safe for use by several goroutines at once.
type Manager struct{ socket string }

// To returns the manager at the socket: a path, or a name of Linux's abstract ones after
// "@". With "" there is none, and nothing is told.
func To(socket string) *Manager { return &Manager{socket} }

// Ready tells that the service serves, after its start or a reload. Like the others it
// fails if the socket cannot be written to.
func (m *Manager) Ready() error { return m.send("READY=1") }

// Reloading tells that the service reads its settings again; Ready follows.
func (m *Manager) Reloading() error {
	lines := []string{"RELOADING=1"}
	if now, ok := monotonic(); ok {
		lines = append(lines, fmt.Sprintf("MONOTONIC_USEC=%d", now))
	}
	return m.send(lines...)
}

// Stopping tells that the service ends.
func (m *Manager) Stopping() error { return m.send("STOPPING=1") }

func (m *Manager) send(lines ...string) error {
	if m.socket == "" {
		return nil
	}
	// The package net writes "@" for the zero byte with which abstract names begin, too.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	return err
}
