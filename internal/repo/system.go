package repo

import (
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

var errNotDir = syscall.ENOTDIR

// systemUser returns the person's name as the system has it.
func systemUser() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	if name := strings.TrimSpace(strings.Trim(u.Name, ",")); name != "" {
		return name
	}
	if u.Username != "" {
		return filepath.Base(filepath.FromSlash(strings.ReplaceAll(u.Username, `\`, "/")))
	}
	return "unknown"
}
