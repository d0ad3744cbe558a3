package repo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// minPrefix is how many digits of an id name a commit, at least.
const minPrefix = 6

// Resolve returns the commit that a text names: a full id, a unique prefix of at
// least 6 digits, a branch, a tag, REMOTE/BRANCH as last seen, HEAD or "" for what
// is checked out; behind any of these ~N for the Nth first parent, and @{DATE}
// for the state at that time. It fails with [ErrUnknownRevision],
// [ErrAmbiguous], or [ErrUnborn] if nothing was committed yet.
func (r *Repo) Resolve(ctx context.Context, rev string) (object.ID, error) {
	base, steps, err := splitRev(rev)
	if err != nil {
		return object.ID{}, err
	}
	id, err := r.resolveBase(ctx, base)
	if err != nil {
		return object.ID{}, err
	}
	for _, step := range steps {
		if id, err = step.from(ctx, r, id); err != nil {
			return object.ID{}, fmt.Errorf("%q: %w", rev, err)
		}
	}
	return id, nil
}

// step is one suffix of a revision: ~N, or @{DATE}.
type step struct {
	back int
	at   time.Time
}

func (s step) from(ctx context.Context, r *Repo, id object.ID) (object.ID, error) {
	for n := 0; ; n++ {
		c, err := object.ReadCommit(ctx, r.store, id)
		if err != nil {
			return id, err
		}
		if s.at.IsZero() && n == s.back || !s.at.IsZero() && c.Time.Unix <= s.at.Unix() {
			return id, nil
		}
		if len(c.Parents) == 0 {
			if s.at.IsZero() {
				return id, fmt.Errorf("%w: %s before it", ErrUnknownRevision, onlyCommits(n))
			}
			return id, fmt.Errorf("%w: the first commit was made on %s", ErrUnknownRevision, c.Time.Time().Format(time.RFC3339))
		}
		id = c.Parents[0]
	}
}

func onlyCommits(n int) string {
	switch n {
	case 0:
		return "there is no commit"
	case 1:
		return "there is only 1 commit"
	}
	return fmt.Sprintf("there are only %d commits", n)
}

// splitRev takes the suffixes off a revision.
func splitRev(rev string) (base string, steps []step, err error) {
	base = rev
	if i := strings.IndexAny(rev, "~"); i >= 0 {
		base = rev[:i]
	}
	if i := strings.Index(base, "@{"); i >= 0 {
		base = base[:i]
	}
	for rest := rev[len(base):]; rest != ""; {
		var s step
		if rest, s, err = takeStep(rest); err != nil {
			return "", nil, fmt.Errorf("%w %q: %w", ErrUnknownRevision, rev, err)
		}
		steps = append(steps, s)
	}
	return base, steps, nil
}

func takeStep(text string) (rest string, s step, err error) {
	if inner, ok := strings.CutPrefix(text, "@{"); ok {
		date, rest, closed := strings.Cut(inner, "}")
		if !closed {
			return "", s, errors.New("expected a closing brace behind the date")
		}
		s.at, err = parseDate(date)
		return rest, s, err
	}
	digits, ok := strings.CutPrefix(text, "~")
	if !ok {
		return "", s, fmt.Errorf("expected ~N or @{DATE}, found %q", text)
	}
	end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(digits)
	}
	s.back = 1
	if end > 0 {
		s.back, err = strconv.Atoi(digits[:end])
	}
	return digits[end:], s, err
}

// parseDate reads a date or a time; a date alone means its end, in local time.
func parseDate(text string) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("expected a date as 2026-11-01 or a time as 2026-11-01T12:00:00, found %q", text)
}

func (r *Repo) resolveBase(ctx context.Context, base string) (object.ID, error) {
	if base == "" || base == "HEAD" || base == "@" {
		head, err := r.Head(ctx)
		if err != nil {
			return object.ID{}, err
		}
		if head.Commit.IsZero() {
			return object.ID{}, fmt.Errorf("%s has %w", head.Branch.Short(), ErrUnborn)
		}
		return head.Commit, nil
	}
	if id, ok, err := r.resolveName(ctx, base); ok || err != nil {
		return id, err
	}
	return r.resolvePrefix(ctx, base)
}

// resolveName looks a text up as a branch, a tag, or what a remote was seen to have.
func (r *Repo) resolveName(ctx context.Context, text string) (object.ID, bool, error) {
	own, err := r.refs.Own(ctx)
	if err != nil {
		return object.ID{}, false, err
	}
	for _, prefix := range []string{refs.HeadsPrefix, refs.TagsPrefix, ""} {
		if target, ok := own[refs.Name(prefix+text)]; ok {
			id, err := r.peel(ctx, target)
			return id, true, err
		}
	}
	seen, err := r.readRemotes()
	if err != nil {
		return object.ID{}, false, err
	}
	if remote, name, ok := strings.Cut(text, "/"); ok {
		for _, prefix := range []string{refs.HeadsPrefix, refs.TagsPrefix, ""} {
			if target, ok := seen[remote].Refs[refs.Name(prefix+name)]; ok {
				id, err := r.peel(ctx, target)
				return id, true, err
			}
		}
	}
	return object.ID{}, false, nil
}

// resolvePrefix looks a text up as the beginning of a commit's or tag's id.
func (r *Repo) resolvePrefix(ctx context.Context, text string) (object.ID, error) {
	unknown := fmt.Errorf("%w %q: no branch, tag or commit of this name is here", ErrUnknownRevision, text)
	if isHex := strings.Trim(text, "0123456789abcdef") == ""; isHex && len(text) < minPrefix {
		return object.ID{}, fmt.Errorf("%w; of an id write at least %d digits", unknown, minPrefix)
	}
	if len(text) > 2*object.IDSize || strings.Trim(text, "0123456789abcdef") != "" {
		return object.ID{}, unknown
	}
	ids, err := r.store.Prefix(text)
	if err != nil {
		return object.ID{}, err
	}
	var found object.ID
	for _, id := range ids {
		commit, err := r.peel(ctx, id)
		if errors.Is(err, ErrUnknownRevision) {
			continue
		}
		if err != nil {
			return object.ID{}, err
		}
		if !found.IsZero() && found != commit {
			return object.ID{}, fmt.Errorf("%w: %s and %s both begin with %s", ErrAmbiguous, found.Short(), commit.Short(), text)
		}
		found = commit
	}
	if found.IsZero() {
		return object.ID{}, unknown
	}
	return found, nil
}
