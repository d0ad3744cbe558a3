package worktree

import (
	"os"
	"path"
	"path/filepath"
)

// OpenElsewhere returns those of the names (relative to root, with slashes) beside
// which an office program has left the sign that it has the file open: what a person
// sees there is about to be saved over whatever is put in its place.
func OpenElsewhere(root string, names []string) []string {
	var open []string
	for _, name := range names {
		dir, base := path.Split(name)
		for _, sign := range []string{".~lock." + base + "#", "~$" + base} { // LibreOffice, Excel
			if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(dir+sign))); err == nil {
				open = append(open, name)
				break
			}
		}
	}
	return open
}
