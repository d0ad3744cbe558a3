//go:build unix

package sdnotify

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

func TestMessages(t *testing.T) {
	// Names of sockets are short.
	dir, err := os.MkdirTemp("", "sd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "s")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	reloading := `^RELOADING=1$`
	if runtime.GOOS == "linux" {
		reloading = `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+$`
	}
	m := To(name)
	for _, c := range []struct {
		send func() error
		want string
	}{{m.Ready, `^READY=1$`}, {m.Reloading, reloading}, {m.Stopping, `^STOPPING=1$`}} {
		if err := c.send(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := socket.Read(buf)
		if err != nil || !regexp.MustCompile(c.want).Match(buf[:n]) {
			t.Errorf("%q came, want %s: %v", buf[:n], c.want, err)
		}
	}
	if err := To("").Ready(); err != nil {
		t.Errorf("telling nobody: %v", err)
	}
	if err := To(filepath.Join(dir, "none")).Ready(); err == nil {
		t.Error("a socket that is not there was written to")
	}
}
