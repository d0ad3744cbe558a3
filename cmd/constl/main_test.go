package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// asProgram, set in the environment, makes the test binary be the program itself,
// for tests that need a process of its own.
const asProgram = "CONSTL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// TestScripts runs the command line scripts. In them, constl is the command line in
// this process; see scriptCommands for the others.
func TestScripts(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "script")
	if found, err := filepath.Glob(filepath.Join(dir, "*.txtar")); err != nil || len(found) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		Cmds:                scriptCommands(),
		Setup:               setupScript,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

func setupScript(env *testscript.Env) error {
	data, err := filepath.Abs(filepath.Join("..", "..", "testdata"))
	if err != nil {
		return err
	}
	env.Setenv("TESTDATA", data)
	env.Setenv("NO_COLOR", "1")
	s := &script{work: env.WorkDir, servers: make(map[string]*served), follows: make(map[string]*served)}
	env.Values[scriptKey{}] = s
	env.Defer(s.stopAll)
	home, err := s.home("alice")
	env.Setenv("CONSTL_HOME", home)
	return err
}

// program returns the command line as a process of its own.
func program(t testing.TB, home, dir string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "CONSTL_HOME="+home)
	cmd.Dir = dir
	return cmd
}

func TestServeIsEndedByAnInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send")
	}
	home, dir := t.TempDir(), t.TempDir()
	for _, args := range [][]string{{"init", "--name", "moon"}, {"commit", "--allow-empty", "-m", "first"}} {
		if out, err := program(t, home, dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("constl %s: %v\n%s", args, err, out)
		}
	}
	serve := program(t, home, dir, "serve", "--listen", "127.0.0.1:0")
	stdout, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &strings.Builder{}
	serve.Stderr = stderr
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(30*time.Second, func() { _ = serve.Process.Kill() })
	defer kill.Stop()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatalf("serve printed nothing: %s", stderr)
	}
	url := lines.Text()
	if !strings.HasPrefix(url, "constl://") || !strings.Contains(url, "?peer=") || !strings.Contains(url, "@127.0.0.1:") {
		t.Errorf("serve printed %q", url)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	if out, err := program(t, t.TempDir(), dir, "clone", url, clone).CombinedOutput(); err != nil {
		t.Errorf("clone: %v\n%s", err, out)
	}
	if err := serve.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("serve ended with %v: %s", err, stderr)
	}
}

// TestInterruptedBeforeItBegan asserts that a command that is cut short says so and
// leaves nothing behind.
func TestInterruptedCommandsSaySo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	res := run(ctx, dir, filepath.Join(dir, "home"), "init", "d", "--name", "d")
	if res.code == 0 || !strings.Contains(res.stderr, "interrupted") {
		t.Errorf("exit code %d: %s", res.code, res.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "d")); err == nil {
		t.Error("a folder is left behind")
	}
}
