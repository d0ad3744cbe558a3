package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/constl/constl/cmd/constl/internal/cli"
	"github.com/constl/constl/refs"
	"github.com/rogpeppe/go-internal/testscript"
)

// script is what one script has besides its folder.
type script struct {
	work    string
	code    int // of the constl that ran last
	servers map[string]*served
	follows map[string]*served
}

type scriptKey struct{}

// scriptCommands are what scripts can say besides what testscript has.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"constl":    cmdConstl,
		"code":      cmdCode,
		"sethome":   cmdSetHome,
		"serve":     cmdServe,
		"stopserve": cmdStopServe,
		"waitshare": cmdWaitShare,
		"follow":    cmdFollow,
		"unfollow":  cmdUnfollow,
		"hears":     cmdHears,
		"same":      cmdSame,
		"jsonget":   cmdJSONGet,
		"jsoneq":    cmdJSONEqual,
		"editcell":  cmdEditCell,
		"appendrow": cmdAppendRow,
		"replace":   cmdReplace,
		"damage":    cmdDamage,
		"copytree":  cmdCopyTree,
		"linktree":  cmdLinkTree,
		"compact":   cmdCompact,
		"fits":      cmdFits,
		"latin1":    cmdLatin1,
		"utf16":     cmdUTF16,
		"crlf":      cmdCRLF,
		"prefix":    cmdPrefix,
		"mixurl":    cmdMixURL,
		"web":       cmdWeb,
		"shorten":   cmdShorten,
	}
}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// result is what a command line answered.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command line in this process.
func run(ctx context.Context, dir, home string, args ...string) result {
	return runIn(ctx, cli.Env{Dir: dir, Home: home}, args...)
}

func runIn(ctx context.Context, env cli.Env, args ...string) result {
	var out, errs bytes.Buffer
	env.Stdin, env.Stdout, env.Stderr = strings.NewReader(""), &out, &errs
	code := cli.Main(ctx, env, append([]string{"constl"}, args...))
	return result{code, out.String(), errs.String()}
}

// home returns the folder of a person's key and settings, made with that name.
func (s *script) home(name string) (string, error) {
	dir := filepath.Join(s.work, ".home-"+name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if res := run(context.Background(), s.work, dir, "config", "--global", "user.name", name); res.code != 0 {
		return "", fmt.Errorf("naming %s: %s", name, res.stderr)
	}
	return dir, nil
}

// cmdConstl runs the command line; with "!" it must fail (see code). $PATIENCE is
// how long it waits for a peer that may not be there.
func cmdConstl(ts *testscript.TestScript, neg bool, args []string) {
	env := cli.Env{Dir: ts.MkAbs("."), Home: ts.Getenv("CONSTL_HOME"), Variable: ts.Getenv}
	if text := ts.Getenv("PATIENCE"); text != "" {
		var err error
		env.Patience, err = time.ParseDuration(text)
		ts.Check(err)
	}
	res := runIn(context.Background(), env, args...)
	_, _ = io.WriteString(ts.Stdout(), res.stdout)
	_, _ = io.WriteString(ts.Stderr(), res.stderr)
	scriptOf(ts).code = res.code
	if neg == (res.code == 0) {
		ts.Fatalf("constl %s: exit code %d\n%s%s", strings.Join(args, " "), res.code, res.stdout, res.stderr)
	}
}

// cmdCode: code N asserts the exit code of the last constl.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if got := fmt.Sprint(scriptOf(ts).code); len(args) != 1 || got != args[0] {
		ts.Fatalf("exit code %s, expected %v", got, args)
	}
}

// cmdSetHome: sethome NAME goes on as the person of that name.
func cmdSetHome(ts *testscript.TestScript, neg bool, args []string) {
	home, err := scriptOf(ts).home(args[0])
	ts.Check(err)
	ts.Setenv("CONSTL_HOME", home)
}

// served is a server under way in this process, or somebody who follows.
type served struct {
	cancel context.CancelFunc
	done   chan struct{}
	code   int
	stderr bytes.Buffer // not to be read before done
	out    lines        // of who follows
}

// lines is what a command has written so far. It is safe for use by several goroutines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns it.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (s *served) stop() error {
	s.cancel()
	<-s.done
	if s.code != 0 {
		return fmt.Errorf("serve ended with %d: %s", s.code, s.stderr.String())
	}
	return nil
}

func (s *script) stopAll() {
	for _, running := range []map[string]*served{s.servers, s.follows} {
		for _, srv := range running {
			_ = srv.stop()
		}
	}
}

// startServer serves as a person would, and returns the lines that it prints first.
func startServer(dir, home string, lines int, args ...string) (*served, []string, error) {
	ctx, cancel := context.WithCancel(context.Background())
	srv := &served{cancel: cancel, done: make(chan struct{})}
	r, w := io.Pipe()
	go func() {
		defer close(srv.done)
		env := cli.Env{Stdin: strings.NewReader(""), Stdout: w, Stderr: &srv.stderr, Dir: dir, Home: home}
		srv.code = cli.Main(ctx, env, append([]string{"constl", "serve", "--listen", "127.0.0.1:0"}, args...))
		_ = w.Close()
	}()
	var urls []string
	for range lines {
		var line string
		if _, err := fmt.Fscanln(r, &line); err != nil {
			cancel()
			<-srv.done
			return nil, nil, fmt.Errorf("serve printed no address: %s", srv.stderr.String())
		}
		urls = append(urls, line)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }() // until serve ends
	return srv, urls, nil
}

// cmdServe: serve NAME [--FLAG=VALUE…] DIR… serves datasets as the current person until
// stopserve NAME, and sets $URL to the address of the last. --datasets=DIR counts those
// that are there.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	var flags []string
	dirs := 0
	for _, arg := range args[1:] {
		if !strings.HasPrefix(arg, "--") {
			arg = "--dataset=" + arg
			dirs++
		}
		if root, ok := strings.CutPrefix(arg, "--datasets="); ok {
			found, err := filepath.Glob(filepath.Join(ts.MkAbs(root), "*", ".constl", "format"))
			ts.Check(err)
			dirs += len(found)
		}
		flags = append(flags, arg)
	}
	srv, urls, err := startServer(ts.MkAbs("."), ts.Getenv("CONSTL_HOME"), dirs, flags...)
	ts.Check(err)
	s.servers[args[0]] = srv
	ts.Setenv("URL", urls[len(urls)-1])
}

func cmdStopServe(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	ts.Check(s.servers[args[0]].stop())
	delete(s.servers, args[0])
}

// cmdWaitShare: waitshare DIR waits until the dataset is noted as one that is served.
func cmdWaitShare(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res := run(context.Background(), ts.MkAbs(args[0]), ts.Getenv("CONSTL_HOME"), "share", "--json")
		if strings.Contains(res.stdout, `"serving": true`) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not served", args[0])
		}
	}
}

// cmdFollow: follow NAME DIR [ARGS…] pulls in the folder as the current person, and stays,
// until unfollow NAME.
func cmdFollow(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	f := &served{cancel: cancel, done: make(chan struct{})}
	scriptOf(ts).follows[args[0]] = f
	env := cli.Env{Stdin: strings.NewReader(""), Stdout: &f.out, Stderr: &f.out, Dir: ts.MkAbs(args[1]), Home: ts.Getenv("CONSTL_HOME"), Patience: time.Second}
	go func() {
		defer close(f.done)
		f.code = cli.Main(ctx, env, append([]string{"constl", "pull", "--follow"}, args[2:]...))
	}()
}

// cmdUnfollow: unfollow NAME ends that, and gives what it has written as standard output.
func cmdUnfollow(ts *testscript.TestScript, neg bool, args []string) {
	f := scriptOf(ts).follows[args[0]]
	delete(scriptOf(ts).follows, args[0])
	ts.Check(f.stop())
	_, _ = io.WriteString(ts.Stdout(), f.out.String())
}

// cmdHears: hears NAME N PATTERN waits until who follows has written N lines that match.
func cmdHears(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	pattern := regexp.MustCompile("(?m)^.*" + args[2] + ".*$")
	f := scriptOf(ts).follows[args[0]]
	untilHolds(ts, func() string {
		if text := f.out.String(); len(pattern.FindAllString(text, -1)) < n {
			return text
		}
		return ""
	})
}

// cmdSame: same FILE OTHER waits until the two files hold the same.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	untilHolds(ts, func() string {
		a, _ := os.ReadFile(ts.MkAbs(args[0]))
		b, err := os.ReadFile(ts.MkAbs(args[1]))
		if err != nil || !bytes.Equal(a, b) {
			return fmt.Sprintf("%s:\n%s\n%s:\n%s", args[0], a, args[1], b)
		}
		return ""
	})
}

// untilHolds waits until a condition holds; until then it says why it does not.
func untilHolds(ts *testscript.TestScript, why func() string) {
	for late := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		text := why()
		if text == "" {
			return
		}
		if time.Now().After(late) {
			ts.Fatalf("waited in vain:\n%s", text)
		}
	}
}

// field finds what a path as .tables[0].added leads to in a JSON file; .list.#
// is the list's length. Strings are returned as they are, all else as JSON.
func field(ts *testscript.TestScript, file, path string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	d.UseNumber()
	ts.Check(d.Decode(&v))
	path = strings.NewReplacer("[", ".", "]", "").Replace(path)
	for _, name := range strings.Split(strings.Trim(path, "."), ".") {
		switch x := v.(type) {
		case map[string]any:
			found, ok := x[name]
			if !ok {
				ts.Fatalf("%s: there is no %s", file, path)
			}
			v = found
		case []any:
			if name == "length" {
				return fmt.Sprint(len(x))
			}
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(x) {
				ts.Fatalf("%s: there is no %s among %d", file, path, len(x))
			}
			v = x[n]
		default:
			ts.Fatalf("%s: %s leads nowhere", file, path)
		}
	}
	if text, ok := v.(string); ok {
		return text
	}
	data, err := json.Marshal(v)
	ts.Check(err)
	return string(data)
}

// cmdJSONGet: jsonget FILE PATH VAR sets a variable to what stands there.
func cmdJSONGet(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[2], field(ts, args[0], args[1]))
}

// cmdJSONEqual: jsoneq FILE PATH VALUE asserts what stands there.
func cmdJSONEqual(ts *testscript.TestScript, neg bool, args []string) {
	if got := field(ts, args[0], args[1]); (got == args[2]) == neg {
		ts.Fatalf("%s is %q, expected (not: %v) %q", args[1], got, neg, args[2])
	}
}

// cmdEditCell: editcell FILE ROW COLUMN VALUE changes a cell of a plain table without
// quotes, as a spreadsheet would; rows count from 1.
func cmdEditCell(ts *testscript.TestScript, neg bool, args []string) {
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	ts.Check(err)
	row, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(file, []byte(editCell(string(data), row, args[2], args[3])), 0o644))
}

func editCell(table string, row int, column, value string) string {
	lines := strings.SplitAfter(table, "\n")
	for i, name := range strings.Split(strings.TrimRight(lines[0], "\r\n"), ",") {
		if name != column {
			continue
		}
		text := strings.TrimRight(lines[row], "\r\n")
		end := lines[row][len(text):]
		cells := strings.Split(text, ",")
		cells[i] = value
		lines[row] = strings.Join(cells, ",") + end
	}
	return strings.Join(lines, "")
}

// cmdAppendRow: appendrow FILE TEXT adds a line.
func cmdAppendRow(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	ts.Check(err)
	_, err = f.WriteString(args[1] + "\n")
	ts.Check(err)
	ts.Check(f.Close())
}

// cmdReplace: replace FILE OLD NEW changes a text that must stand there once.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%q stands %d times in %s:\n%s", args[1], n, args[0], text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

// cmdLatin1: latin1 FROM TO copies a text in UTF-8 as ISO 8859-1.
func cmdLatin1(ts *testscript.TestScript, neg bool, args []string) {
	var data []byte
	for _, r := range ts.ReadFile(args[0]) {
		data = append(data, byte(r))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o644))
}

// cmdUTF16: utf16 FROM TO copies a text in UTF-8 as UTF-16 with CRLF, as spreadsheets
// save "Unicode text".
func cmdUTF16(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n")
	data := []byte("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(text)) {
		data = append(data, byte(unit), byte(unit>>8))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o644))
}

// cmdCRLF: crlf FILE gives a text a byte order mark and CRLF line ends.
func cmdCRLF(ts *testscript.TestScript, neg bool, args []string) {
	text := "\ufeff" + strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// cmdPrefix: prefix TEXT N VAR sets a variable to the first N characters.
func cmdPrefix(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Setenv(args[2], args[0][:n])
}

// cmdMixURL: mixurl VAR A B C sets a variable to an address with the dataset and state of
// A, the peer of B, and the host and port of C.
func cmdMixURL(ts *testscript.TestScript, neg bool, args []string) {
	var urls [3]refs.URL
	for i, text := range args[1:] {
		var err error
		urls[i], err = refs.ParseURL(text)
		ts.Check(err)
	}
	place := urls[2].Peers[0]
	place.Peer = urls[1].Peers[0].Peer
	ts.Setenv(args[0], refs.URL{Dataset: urls[0].Dataset, State: urls[0].State, Peers: []refs.Address{place}}.String())
}

// cmdCopyTree: copytree FROM TO copies a folder with all that is in it, into one that is not there.
func cmdCopyTree(ts *testscript.TestScript, neg bool, args []string) {
	from, to := os.DirFS(ts.MkAbs(args[0])), ts.MkAbs(args[1])
	ts.Check(os.CopyFS(to, from))
	ts.Check(fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, filepath.FromSlash(path)), info.Mode().Perm())
	}))
}

// cmdLinkTree: linktree FROM TO makes a folder with the very files of another, as a disk
// is that was set back as a whole: whatever replaces a file in one leaves it in the other.
func cmdLinkTree(ts *testscript.TestScript, neg bool, args []string) {
	from, to := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	ts.Check(filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		return os.Link(path, filepath.Join(to, rel))
	}))
}

// cmdCompact: compact URL VAR sets a variable to an address as a QR code has it.
func cmdCompact(ts *testscript.TestScript, neg bool, args []string) {
	url, err := refs.ParseURL(args[0])
	ts.Check(err)
	ts.Setenv(args[1], url.Compact())
}

// cmdFits: fits FILE LINES COLUMNS asserts that a text takes no more than that.
func cmdFits(ts *testscript.TestScript, neg bool, args []string) {
	var most [2]int
	for i, text := range args[1:] {
		var err error
		most[i], err = strconv.Atoi(text)
		ts.Check(err)
	}
	lines, columns := 0, 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		lines++
		columns = max(columns, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	if fits := lines <= most[0] && columns <= most[1]; fits == neg {
		ts.Fatalf("%d lines and %d columns", lines, columns)
	}
}

// cmdDamage: damage PATTERN OFFSET flips a bit of the largest file that matches; a
// negative offset counts from the end.
func cmdDamage(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(damage(found, offset))
}

func damage(files []string, offset int) error {
	var file string
	var largest []byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if len(data) > len(largest) {
			file, largest = name, data
		}
	}
	if offset < 0 {
		offset += len(largest)
	}
	if offset < 0 || offset >= len(largest) {
		return fmt.Errorf("no byte %d in the %d bytes of %q", offset, len(largest), file)
	}
	largest[offset] ^= 0x10
	if runtime.GOOS == "windows" {
		if err := os.Chmod(file, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(file, largest, 0o644)
}

// cmdWeb: web DIR serves a folder's files as any web server would until the
// script ends, and sets $WEB to its address.
func cmdWeb(ts *testscript.TestScript, neg bool, args []string) {
	site := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(site.Close)
	ts.Setenv("WEB", site.URL)
}

// cmdShorten: shorten FILE N leaves the first N bytes of a file.
func cmdShorten(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}
