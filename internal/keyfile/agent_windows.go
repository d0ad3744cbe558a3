package keyfile

import (
	"context"
	"fmt"
	"io"
	"os"
)

// dialAgent connects to the agent of Windows' own OpenSSH.
func dialAgent(context.Context) (io.ReadWriteCloser, error) {
	f, err := os.OpenFile(`\\.\pipe\openssh-ssh-agent`, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: start the service ssh-agent: %w", ErrNoAgent, err)
	}
	return f, nil
}
