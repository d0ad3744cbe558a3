//go:build !windows

package keyfile

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
)

// dialAgent connects to the agent that $SSH_AUTH_SOCK names.
func dialAgent(ctx context.Context) (io.ReadWriteCloser, error) {
	path := os.Getenv("SSH_AUTH_SOCK")
	if path == "" {
		return nil, fmt.Errorf("%w: SSH_AUTH_SOCK is not set; start one with: eval $(ssh-agent)", ErrNoAgent)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAgent, err)
	}
	return conn, nil
}
