package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"
)

// Env is what a command sees of the system around it. Tests and the tour give
// their own.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Dir is the working directory; "" is the process's own.
	Dir string
	// Home is the folder of the person's key and settings.
	Home string
	// Colour says whether standard output takes colours.
	Colour bool
	// Live says whether standard error is a terminal, on which a line can be
	// rewritten to show progress.
	Live bool
	// Patience is how long a peer may take to answer a first call; 0 is the default.
	Patience time.Duration
	// Terminal says whether standard output is a terminal.
	Terminal bool
	// Interactive says whether a person sits at the terminal and can be asked: standard
	// input is one, too.
	Interactive bool
	// Password asks for a secret without showing it; nil if there is no terminal.
	Password func(prompt string) (string, error)
	// Variable returns a variable of the system's environment, "" if it is not set;
	// nil has none set.
	Variable func(name string) string
	// Hangups returns a channel that gets the signals on which serve reads its settings
	// again, until stop is called; nil has none. HungUp reports whether such a signal says that
	// the terminal is gone; nil is never.
	Hangups func() (signals <-chan os.Signal, stop func())
	HungUp  func() bool
	// Width is the width of the terminal in columns, or 0 if there is none.
	Width int
}

// System returns the environment of this process.
func System() Env {
	env := Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Home: home(), Variable: os.Getenv}
	live := term.IsTerminal(int(os.Stderr.Fd()))
	env.Live = live
	env.Hangups = hangups
	env.HungUp = func() bool { return live && !term.IsTerminal(int(os.Stderr.Fd())) }
	if out := int(os.Stdout.Fd()); term.IsTerminal(out) {
		env.Terminal = true
		env.Interactive = term.IsTerminal(int(os.Stdin.Fd())) && os.Getenv("TERM") != "dumb"
		env.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(out); err == nil {
			env.Width = width
		}
	}
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		env.Password = func(prompt string) (string, error) {
			fmt.Fprint(os.Stderr, prompt)
			word, err := term.ReadPassword(in)
			fmt.Fprintln(os.Stderr)
			return string(word), err
		}
	}
	return env
}

// home returns $CONSTL_HOME or, without it, a folder of our own among the
// user's settings.
func home() string {
	if dir := os.Getenv("CONSTL_HOME"); dir != "" {
		return dir
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return filepath.Join(".", ".constl-home")
	}
	return filepath.Join(dir, "constl")
}

// variable returns a variable of the environment.
func (env Env) variable(name string) string {
	if env.Variable == nil {
		return ""
	}
	return env.Variable(name)
}

// path makes a path that a person wrote absolute within the environment's folder.
func (env Env) path(p string) string {
	if env.Dir == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(env.Dir, p)
}
