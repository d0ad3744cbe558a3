package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/refs"
)

// tour plays a story with two people, through the same command line that they
// would type at.
type tour struct {
	c        *command
	dir      string
	ana, ben *person
	// version is what the citation of the story names, as constl:DATASET@COMMIT.
	version string
	record  tourRecord
	out     io.Writer
	told    bool // what was said last is what a person does to a table
	enter   <-chan struct{}
	cancel  context.CancelFunc
	ctx     context.Context
	serving sync.WaitGroup
}

// person is somebody with a home, and so a key, and a folder of their own.
type person struct {
	name string
	home string
	dir  string // where this person types
	// url and listen are the addresses under which this person's dataset is served.
	url, listen string
}

type tourRecord struct {
	Dir   string     `json:"dir"`
	Steps []tourStep `json:"steps"`
}

type tourStep struct {
	Title    string        `json:"title"`
	Commands []tourCommand `json:"commands"`
}

type tourCommand struct {
	Who    string   `json:"who"`
	Args   []string `json:"args"`
	Exit   int      `json:"exit"`
	Output string   `json:"output"`
}

func newTour(c *command, dir string) *tour {
	t := &tour{c: c, dir: dir, out: c.env.Stdout, record: tourRecord{Dir: dir}}
	if c.asJSON() {
		t.out = io.Discard
	}
	t.ctx, t.cancel = context.WithCancel(c.ctx())
	for _, p := range []struct {
		name string
		to   **person
	}{{"Ana", &t.ana}, {"Ben", &t.ben}} {
		folder := filepath.Join(dir, strings.ToLower(p.name))
		*p.to = &person{name: p.name, home: filepath.Join(folder, "home"), dir: folder}
	}
	if c.Bool("step") {
		t.enter = lines(t.ctx, c.env.Stdin)
	}
	return t
}

// close stops what is served, and waits until it has ended.
func (t *tour) close() {
	t.cancel()
	t.serving.Wait()
}

// lines tells of every line read, and is closed at the end of the input.
func lines(ctx context.Context, r io.Reader) <-chan struct{} {
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(r); s.Scan(); {
			select {
			case read <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return read
}

// wait waits for Enter if the tour goes step by step.
func (t *tour) wait() error {
	if t.enter != nil {
		fmt.Fprint(t.out, t.c.style(faint, "Enter goes on "))
		select {
		case _, more := <-t.enter:
			if !more {
				t.enter = nil
				fmt.Fprintln(t.out)
			}
		case <-t.ctx.Done():
			fmt.Fprintln(t.out)
		}
	}
	return t.ctx.Err()
}

// step begins a step of the story.
func (t *tour) step(title, text string) error {
	n := len(t.record.Steps) + 1
	if n > 1 {
		if err := t.wait(); err != nil {
			return err
		}
	}
	t.record.Steps = append(t.record.Steps, tourStep{Title: title, Commands: []tourCommand{}})
	fmt.Fprintf(t.out, "\n%s\n", t.c.style(bold, fmt.Sprintf("%d. %s", n, title)))
	t.say(text)
	t.told = false
	return t.ctx.Err()
}

// say tells the story, broken into lines that are easy to read.
func (t *tour) say(text string) {
	width := 80
	if w := t.c.env.Width; w > 0 {
		width = min(max(w-2, 40), 92)
	}
	fmt.Fprintf(t.out, "%s\n", wrap(text, width))
}

func wrap(text string, width int) string {
	var b strings.Builder
	at := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case at == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// types runs a command as a person would, shows it with its output, and wants it
// to end with the exit code.
func (t *tour) types(p *person, exit int, args ...string) (output string, err error) {
	var both bytes.Buffer
	show := &indenter{to: io.MultiWriter(t.out, &both)}
	t.prompt(p, commandLine(args))
	env := t.env(p)
	env.Stdout, env.Stderr = show, show
	found := Main(t.ctx, env, append([]string{"constl"}, args...))
	t.keep(p, args, found, both.String())
	if found != exit {
		return "", fmt.Errorf("the tour ends here: %s: expected exit code %d, found %d", commandLine(args), exit, found)
	}
	return both.String(), t.ctx.Err()
}

func (t *tour) keep(p *person, args []string, exit int, output string) {
	step := &t.record.Steps[len(t.record.Steps)-1]
	step.Commands = append(step.Commands, tourCommand{Who: p.name, Args: args, Exit: exit, Output: unindent(output)})
}

// env is what a command sees that a person types.
func (t *tour) env(p *person) Env {
	env := t.c.env
	env.Stdin, env.Dir, env.Home, env.Live = strings.NewReader(""), p.dir, p.home, false
	if env.Width > 0 {
		env.Width = max(env.Width-len(indentation), 20)
	}
	if t.c.asJSON() {
		env.Colour = false
	}
	return env
}

func (t *tour) prompt(p *person, line string) {
	t.told = false
	where, err := filepath.Rel(t.dir, p.dir)
	if err != nil {
		where = p.dir
	}
	fmt.Fprintf(t.out, "\n%s %s\n", t.c.style(faint, filepath.ToSlash(where)+" $"), t.c.style(bold, line))
}

// commandLine writes a command as it is typed in a shell.
func commandLine(args []string) string {
	words := []string{"constl"}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " ?*&;|<>()$`'\"\\") {
			a = `"` + a + `"`
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// rewrite changes a person's table, as a spreadsheet does.
func (t *tour) rewrite(p *person, how func(rows []string) ([]string, error)) error {
	path := filepath.Join(p.dir, "plants.csv")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	end := "\n"
	if strings.Contains(string(data), "\r\n") {
		end = "\r\n"
	}
	rows, err := how(strings.Split(string(data), end))
	if err != nil {
		return fmt.Errorf("the tour ends here: %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(strings.Join(rows, end)), 0o666)
}

// edit changes one cell of a person's table.
func (t *tour) edit(p *person, key, column, value string) error {
	return t.rewrite(p, func(rows []string) ([]string, error) {
		n := slices.Index(strings.Split(rows[0], ","), column)
		for i, row := range rows {
			cells := strings.Split(row, ",")
			if cells[0] != key || n < 0 || n >= len(cells) {
				continue
			}
			t.tell(p, fmt.Sprintf("%s, %s: %s → %s", key, column, diffview.Cell(cells[n]), value))
			cells[n] = value
			rows[i] = strings.Join(cells, ",")
			return rows, nil
		}
		return nil, fmt.Errorf("there is no cell %s of %s any more", column, key)
	})
}

// add inserts a row behind the one with the key.
func (t *tour) add(p *person, behind, row string) error {
	return t.rewrite(p, func(rows []string) ([]string, error) {
		for i, r := range rows {
			if strings.HasPrefix(r, behind+",") {
				t.tell(p, "new row: "+row)
				return slices.Insert(rows, i+1, row), nil
			}
		}
		return nil, fmt.Errorf("there is no row %s any more", behind)
	})
}

// tell says what a person does to a table outside of constl.
func (t *tour) tell(p *person, what string) {
	if !t.told {
		fmt.Fprintln(t.out)
	}
	t.told = true
	fmt.Fprintf(t.out, "%s\n", t.c.style(yellow, p.name+" edits plants.csv: "+what))
}

// serve serves a person's dataset beside the story, until it ends.
func (t *tour) serve(p *person) error {
	args := []string{"serve", "--listen", "127.0.0.1:0"}
	t.prompt(p, commandLine(args)+" &")
	env := t.env(p)
	first := &greeting{ready: make(chan struct{})}
	env.Stdout, env.Stderr = first, &ending{first}
	over := make(chan int, 1)
	t.serving.Go(func() { over <- Main(t.ctx, env, append([]string{"constl"}, args...)) })
	select {
	case <-first.ready:
	case code := <-over:
		fmt.Fprint(t.out, first.text())
		if err := t.ctx.Err(); err != nil {
			return err
		}
		return fmt.Errorf("the tour ends here: %s ended with exit code %d", commandLine(args), code)
	}
	text := first.text()
	fmt.Fprint(&indenter{to: t.out}, text)
	t.keep(p, args, exitDone, text)
	p.url, _, _ = strings.Cut(text, "\n")
	if p.url == "" {
		return errors.New("the tour ends here: constl serve has printed no address")
	}
	u, err := refs.ParseURL(p.url)
	if err != nil {
		return err
	}
	if len(u.Peers) > 0 {
		p.listen = net.JoinHostPort(u.Peers[0].Host, strconv.Itoa(int(u.Peers[0].Port)))
	}
	return nil
}

// greeting keeps what a server says until it is ready, and drops the rest.
type greeting struct {
	mu    sync.Mutex
	said  bytes.Buffer
	over  bool
	ready chan struct{}
}

// Write implements [io.Writer].
func (g *greeting) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.said.Write(p)
	}
	return len(p), nil
}

func (g *greeting) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.said.String()
}

// ending is where a server says, after its addresses, that it serves.
type ending struct{ *greeting }

// Write implements [io.Writer].
func (e *ending) Write(p []byte) (int, error) {
	n, err := e.greeting.Write(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.over && bytes.HasPrefix(p, []byte("Serving")) {
		e.over = true
		close(e.ready)
	}
	return n, err
}

const indentation = "  "

// indenter sets what a command prints off from the story.
type indenter struct {
	to     io.Writer
	inLine bool
	mu     sync.Mutex
}

// Write implements [io.Writer].
func (w *indenter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b bytes.Buffer
	for line := range bytes.Lines(p) {
		if !w.inLine && len(bytes.TrimSpace(line)) > 0 {
			b.WriteString(indentation)
		}
		b.Write(line)
		w.inLine = line[len(line)-1] != '\n'
	}
	if _, err := w.to.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func unindent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(line, indentation))
	}
	return b.String()
}
