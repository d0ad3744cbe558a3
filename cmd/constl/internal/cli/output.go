package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/progress"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/transport"
	"github.com/urfave/cli/v2"
)

// command is one invocation: what was asked for, and where answers go.
type command struct {
	*cli.Context
	env Env
}

// action adapts a command's function to the library.
func (a *app) action(run func(*command) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		env := a.env
		if dir := c.String("directory"); dir != "" {
			env.Dir = env.path(dir)
		}
		if c.Bool("no-color") {
			env.Colour = false
		}
		return run(&command{Context: c, env: env})
	}
}

// asJSON reports whether a script is to read the answer.
func (c *command) asJSON() bool { return c.Bool("json") }

// printJSON writes a value as one indented JSON document.
func (c *command) printJSON(v any) error {
	e := json.NewEncoder(c.env.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// print writes to standard output.
func (c *command) print(format string, args ...any) {
	fmt.Fprintf(c.env.Stdout, format, args...)
}

// note writes what a person should know, but no script reads, to standard error.
func (c *command) note(format string, args ...any) {
	if !c.Bool("quiet") {
		fmt.Fprintf(c.env.Stderr, format, args...)
	}
}

// progress returns what a room tells of its progress, shown on standard error.
// The caller calls done.
func (c *command) progress() (report repo.Progress, done func()) {
	p := &progressTasks{meter: progress.New(c.env.Stderr, c.env.Live, c.Bool("quiet")), tasks: make(map[string]*shown)}
	return p.report, p.done
}

// progressTasks shows what rooms report, one task for each thing they do.
type progressTasks struct {
	meter *progress.Meter
	mu    sync.Mutex
	tasks map[string]*shown
}

type shown struct {
	task *progress.Task
	at   int64
}

func (p *progressTasks) report(what string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tasks[what]
	if t == nil {
		unit := progress.Unit("objects")
		switch what {
		case "reading files", "writing files", "receiving objects", "writing the bundle":
			unit = progress.Bytes
		case "comparing files":
			unit = "files"
		case "checking rows":
			unit = "rows"
		case "hashing rows":
			unit = "rows"
		case "looking through commits":
			unit = "commits"
		case "describing rows":
			unit = "rows"
		}
		t = &shown{task: p.meter.Start(what, total, unit)}
		p.tasks[what] = t
	}
	if done > t.at {
		t.task.Add(done - t.at)
		t.at = done
	}
}

func (p *progressTasks) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tasks {
		t.task.Done()
	}
}

// open opens the dataset of the environment's folder, runs use, and closes it.
func (c *command) open(use func(*repo.Repo) error) error {
	report, done := c.progress()
	defer done()
	r, err := repo.Open(c.Context.Context, c.env.path("."), c.options(report))
	if err != nil {
		return err
	}
	err = use(r)
	c.noteRestored(r)
	return errors.Join(err, r.Close())
}

// lockWait is how long a command waits for another that changes the same folder: one that
// follows others does so at any time, for a moment.
const lockWait = 5 * time.Second

func (c *command) options(report repo.Progress) *repo.Options {
	return &repo.Options{Home: c.env.Home, Progress: report, Patience: c.env.Patience, Busy: c.busy, LockWait: lockWait}
}

// busy tells that a peer is busy and will be asked again.
func (c *command) busy(b repo.Busy) {
	c.note("The peer is busy%s; asking again in %s (try %d of %d; Ctrl-C gives up)\n",
		limitText(b.Err), max(b.Wait.Round(100*time.Millisecond), 100*time.Millisecond), b.Try, b.Most)
}

// limitText names the bound that was hit, "" if the peer did not say.
func limitText(err error) string {
	var remote *transport.RemoteError
	if errors.As(err, &remote) && remote.Limit() != "" {
		return " (limit " + safe(remote.Limit()) + ")"
	}
	return ""
}

// ctx is the context of the invocation.
func (c *command) ctx() context.Context { return c.Context.Context }

// style wraps text in a colour if the output takes colours.
func (c *command) style(code, text string) string {
	if !c.env.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// The colours of the field: what goes, what comes, what is changed, what leads.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

// plural counts things in words: 1 row, 2 rows.
func plural(n int64, one string) string { return diffview.Plural(n, one) }

// shared returns a writer that several goroutines may use, as progress and messages do:
// files are that already.
func shared(w io.Writer) io.Writer {
	if _, ok := w.(*os.File); ok {
		return w
	}
	return &lockedWriter{w: w}
}

// lockedWriter lets several goroutines write whole lines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements [io.Writer].
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
