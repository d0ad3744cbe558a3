package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// paged runs write with a command whose answers go through a pager if standard
// output is a terminal, and as they are if not. Whoever leaves the pager early
// ends write without an error.
func (c *command) paged(write func(c *command, paged bool) error) error {
	pager := c.pager()
	if pager == nil {
		return write(c, false)
	}
	pager.Stdout, pager.Stderr = c.env.Stdout, c.env.Stderr
	pager.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		// Leave at once if it fits on one screen, take colours, leave it on the screen.
		pager.Env = append(pager.Env, "LESS=FRX")
	}
	in, err := pager.StdinPipe()
	if err != nil {
		return err
	}
	if err := pager.Start(); err != nil {
		return write(c, false)
	}
	through := *c
	through.env.Stdout = in
	err = write(&through, true)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed) {
		err = nil
	}
	closed := in.Close()
	if errors.Is(closed, os.ErrClosed) {
		closed = nil
	}
	var status *exec.ExitError
	if waited := pager.Wait(); waited != nil && !errors.As(waited, &status) {
		err = errors.Join(err, waited)
	}
	return errors.Join(err, closed)
}

// pager returns the command that shows what is long, or nil if there is none or
// it is of no use.
func (c *command) pager() *exec.Cmd {
	if !c.env.Terminal || c.Bool("no-pager") {
		return nil
	}
	words := []string{"less"}
	if set, ok := os.LookupEnv("PAGER"); ok {
		words = strings.Fields(set)
	}
	if len(words) == 0 || len(words) == 1 && words[0] == "cat" {
		return nil
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil
	}
	return exec.CommandContext(c.ctx(), path, words[1:]...)
}
