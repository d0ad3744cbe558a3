// Package settings keeps a person's settings: those for every dataset in the
// person's own folder, and those for one dataset in its store, which win.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/constl/constl/internal/bounds"
)

// File is the name of the settings file in either folder.
const File = "config.json"

// The settings that constl knows, besides those of the bounds of a service ([bounds.All]).
const (
	UserName  = "user.name"
	UserORCID = "user.orcid"
	// SigningKey is the id of the key in an ssh-agent that signs in the place of the
	// device's own.
	SigningKey = "user.signing-key"
	// ValidateOn says when tables are validated by themselves: a list of the words of
	// [ValidateWords], with commas between them.
	ValidateOn = "validate.on"
	// AcceptProposals says what serve does with the proposals of others: one of
	// [ProposalWords].
	AcceptProposals = bounds.Prefix + "accept-proposals"
	// Remote names the address of a peer: remote.NAME.url.
	remotePrefix = "remote."
	remoteSuffix = ".url"
)

// ErrUnknown says that there is no setting of that name.
var ErrUnknown = errors.New("settings: unknown name")

// ErrInvalid says that a value does not fit its setting.
var ErrInvalid = errors.New("settings: invalid value")

// Settings are the values of one dataset and of the person who works in it. They
// are for one goroutine.
type Settings struct {
	own, local file
}

type file struct {
	path   string
	values map[string]string
}

// Open reads the settings in the person's folder own and the dataset's store
// local; either may be "" or hold none yet. A file that is no JSON object of
// texts is an error that names it.
func Open(own, local string) (*Settings, error) {
	s := &Settings{}
	for _, f := range []struct {
		to  *file
		dir string
	}{{&s.own, own}, {&s.local, local}} {
		if f.dir == "" {
			continue
		}
		f.to.path = filepath.Join(f.dir, File)
		if err := f.to.read(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (f *file) read() error {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	if err := json.Unmarshal(data, &f.values); err != nil {
		return fmt.Errorf("reading settings: %s should be one JSON object of texts: %w", f.path, err)
	}
	return nil
}

// Get returns the value of a setting and whether it is set. The dataset's own
// value comes first.
func (s *Settings) Get(name string) (string, bool) {
	if v, ok := s.local.values[name]; ok {
		return v, true
	}
	v, ok := s.own.values[name]
	return v, ok
}

// All returns every setting that has a value, sorted by name.
func (s *Settings) All() [][2]string {
	var names []string
	for _, f := range []file{s.own, s.local} {
		for name := range f.values {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all [][2]string
	for _, name := range slices.Compact(names) {
		v, _ := s.Get(name)
		all = append(all, [2]string{name, v})
	}
	return all
}

// SetLocal sets a value for this dataset alone; "" unsets it. It fails with
// [ErrUnknown], [ErrInvalid], or if the file can't be written.
func (s *Settings) SetLocal(name, value string) error { return s.local.set(name, value) }

// SetOwn sets a value for every dataset of this person. It fails as SetLocal does.
func (s *Settings) SetOwn(name, value string) error { return s.own.set(name, value) }

func (f *file) set(name, value string) error {
	if f.path == "" {
		return fmt.Errorf("setting %s: there is no dataset here to set it for", name)
	}
	if err := check(name, value); err != nil {
		return err
	}
	if f.values == nil {
		f.values = make(map[string]string)
	}
	if value == "" {
		delete(f.values, name)
	} else {
		f.values[name] = value
	}
	return f.write()
}

func (f *file) write() error {
	data, err := json.MarshalIndent(f.values, "", "  ")
	if err != nil {
		return fmt.Errorf("writing settings: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("writing settings: %w", err)
	}
	tmp := f.path + ".tmp"
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing settings: %w", err)
	}
	if err := os.Rename(tmp, f.path); err != nil {
		return fmt.Errorf("writing settings: %w", err)
	}
	return nil
}

var (
	orcid      = regexp.MustCompile(`^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$`)
	peerID     = regexp.MustCompile(`^[a-z2-7]{52}$`)
	remoteName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

func check(name, value string) error {
	switch {
	case name == UserName:
		if len(value) > 1<<10 || strings.ContainsAny(value, "\n\r\x00") {
			return fmt.Errorf("%w: %s should be one line of at most 1024 bytes", ErrInvalid, name)
		}
	case name == UserORCID:
		if value != "" && !orcid.MatchString(value) {
			return fmt.Errorf("%w: %s should look like 0000-0002-1825-0097, found %q", ErrInvalid, name, value)
		}
	case name == SigningKey:
		if value != "" && !peerID.MatchString(value) {
			return fmt.Errorf("%w: %s should be the 52 characters of a key, found %q; set it with: constl key use", ErrInvalid, name, value)
		}
	case name == ValidateOn:
		for word := range strings.SplitSeq(value, ",") {
			if value != "" && !slices.Contains(ValidateWords(), strings.TrimSpace(word)) {
				return fmt.Errorf("%w: %s should be some of %s, with commas between them, found %q", ErrInvalid, name, strings.Join(ValidateWords(), ", "), value)
			}
		}
	case name == AcceptProposals:
		if value != "" && !slices.Contains(ProposalWords(), value) {
			return fmt.Errorf("%w: %s should be one of %s, found %q", ErrInvalid, name, strings.Join(ProposalWords(), ", "), value)
		}
	default:
		if b, ok := bounds.ForSetting(name); ok {
			return checkBound(b, value)
		}
		remote, ok := RemoteName(name)
		if !ok {
			return fmt.Errorf("%w %q; there are %s, %s, %s, %s, remote.NAME.url, and those that constl help config lists",
				ErrUnknown, name, UserName, UserORCID, SigningKey, ValidateOn)
		}
		if !remoteName.MatchString(remote) {
			return fmt.Errorf("%w: a remote's name is made of letters, digits, dots, hyphens and underscores, found %q", ErrInvalid, remote)
		}
	}
	return nil
}

func checkBound(b bounds.Bound, value string) error {
	if value == "" {
		return nil
	}
	if _, err := b.Parse(value); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, b.Setting, err)
	}
	return nil
}

// ProposalWords returns what [AcceptProposals] can be.
func ProposalWords() []string { return []string{"ask", "valid", "append-only", "none"} }

// ValidateWords returns what [ValidateOn] can name: before any commit; before the
// commit that takes a proposal whose conflicts a person has resolved (others are
// validated in any case); and before what was pulled is taken into the folder, or
// committed if it has conflicts.
func ValidateWords() []string { return []string{"commit", "accept", "pull"} }

// Validates reports whether tables are to be validated by themselves at the given
// one of [ValidateWords].
func (s *Settings) Validates(word string) bool {
	value, _ := s.Get(ValidateOn)
	for w := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(w) == word {
			return true
		}
	}
	return false
}

// Remote returns the name of the setting that holds the address of a remote.
func Remote(name string) string { return remotePrefix + name + remoteSuffix }

// RemoteName returns the remote's name within the name of a setting, if it is
// one for a remote's address.
func RemoteName(setting string) (string, bool) {
	name, ok := strings.CutPrefix(setting, remotePrefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, remoteSuffix)
}
