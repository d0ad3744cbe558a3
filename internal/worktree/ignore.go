package worktree

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// IgnoreFile is the file in the dataset's folder that names what is not part of
// the dataset: one pattern a line, # begins a comment. A pattern with a slash
// is matched against the whole path, one without against every name; one that
// ends in a slash matches folders only; * and ? stay within a name.
const IgnoreFile = ".constlignore"

// usual are the names that office programs and systems leave behind.
var usual = []string{
	".git/", ".DS_Store", "Thumbs.db", "desktop.ini", "~$*", ".~lock.*#", "*.swp", "*~",
	"*" + ConflictsSuffix, ".Rproj.user/", "__pycache__/", ".ipynb_checkpoints/",
}

// ConflictsSuffix ends the name of the file that lists a table's conflicts
// beside it. Such files help to resolve a merge and are never committed.
const ConflictsSuffix = ".conflicts.csv"

// Ignore decides which paths are not part of the dataset. A nil Ignore ignores
// the store alone. It is safe for use by several goroutines at once.
type Ignore struct{ patterns []pattern }

type pattern struct {
	glob    string
	whole   bool
	folders bool
	// Most patterns are a text with at most one star at an end, which needs no
	// search: the text, and where the star stands.
	text string
	star byte // 0 none, 'a' after the text, 'b' before it, '?' anything else
}

// simplify sets text and star.
func (p *pattern) simplify() {
	p.text, p.star = p.glob, 0
	if before, ok := strings.CutPrefix(p.text, "*"); ok {
		p.text, p.star = before, 'b'
	} else if after, ok := strings.CutSuffix(p.text, "*"); ok {
		p.text, p.star = after, 'a'
	}
	if strings.ContainsAny(p.text, "*?[\\") || p.star != 0 && p.whole {
		p.star = '?'
	}
}

func (p *pattern) match(subject string) bool {
	switch p.star {
	case 0:
		return subject == p.text
	case 'a':
		return strings.HasPrefix(subject, p.text)
	case 'b':
		return strings.HasSuffix(subject, p.text)
	}
	ok, _ := path.Match(p.glob, subject)
	return ok
}

// ReadIgnore returns the rules of the folder root: the usual leavings of office
// programs and what [IgnoreFile] names, if it is there. A malformed pattern is an
// error that names its line.
func ReadIgnore(root string) (*Ignore, error) {
	ig := &Ignore{}
	for _, p := range usual {
		ig.add(p)
	}
	f, err := os.Open(filepath.Join(root, IgnoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return ig, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", IgnoreFile, err)
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := path.Match(line, ""); err != nil {
			return nil, fmt.Errorf("%s, line %d: the pattern %q is malformed: %w", IgnoreFile, n, line, err)
		}
		ig.add(line)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", IgnoreFile, err)
	}
	return ig, nil
}

func (ig *Ignore) add(line string) {
	p := pattern{glob: line}
	p.glob, p.folders = strings.CutSuffix(p.glob, "/")
	p.whole = strings.Contains(p.glob, "/")
	p.glob = strings.TrimPrefix(p.glob, "/")
	p.simplify()
	ig.patterns = append(ig.patterns, p)
}

// Match reports whether the file or folder at name (relative, with slashes) is
// ignored. What lies in an ignored folder is ignored too, but Match does not
// look at the folders above name.
func (ig *Ignore) Match(name string, folder bool) bool {
	if strings.EqualFold(name, StoreDir) {
		return true
	}
	if ig == nil {
		return false
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	for i := range ig.patterns {
		p := &ig.patterns[i]
		if p.folders && !folder {
			continue
		}
		subject := base
		if p.whole {
			subject = name
		}
		if p.match(subject) {
			return true
		}
	}
	return false
}
