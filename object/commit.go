package object

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of commits and tags (FORMAT.md §6).
const (
	MaxParents = 64
	MaxPerson  = 1 << 10 // bytes of an author's or tagger's name
	MaxMessage = 1 << 20 // bytes
	maxOffset  = 18 * 60 // minutes from UTC, either way
)

// Moment is a point in time as the person's clock showed it.
type Moment struct {
	Unix   int64 // seconds since 1970 in UTC
	Offset int   // minutes that the person's time zone was ahead of UTC
}

// MomentOf returns the moment of t, in t's own zone. What is under a second is dropped.
func MomentOf(t time.Time) Moment {
	_, seconds := t.Zone()
	return Moment{Unix: t.Unix(), Offset: seconds / 60}
}

// Time returns the moment in the zone of the person.
func (m Moment) Time() time.Time {
	return time.Unix(m.Unix, 0).In(time.FixedZone("", m.Offset*60))
}

func (m Moment) check() error {
	if m.Unix < 0 || m.Unix >= 1<<37 || m.Offset < -maxOffset || m.Offset > maxOffset {
		return fmt.Errorf("the time %d with offset %d is out of range", m.Unix, m.Offset)
	}
	return nil
}

// Commit is a recorded state of the dataset.
type Commit struct {
	Tree    ID
	Parents []ID // none in a first commit; a merge has ours first, then theirs
	Author  string
	Key     PublicKey // the author's device, which signed
	Time    Moment
	Message string

	Signature Signature
}

// Sign sets the commit's key and signature by the signer's Ed25519 key. Any later
// change to the commit makes the signature invalid.
func (c *Commit) Sign(signer crypto.Signer) error {
	if err := c.check(); err != nil {
		return err
	}
	public, err := publicKey(signer)
	if err != nil {
		return err
	}
	c.Key = public
	c.Signature, err = signBody(commitDomain, c.unsigned().Object(KindCommit), c.Key, signer)
	return err
}

// Verify fails with [ErrSignature] unless the commit carries a valid signature by
// its own key. Whose key it is, the dataset's identity says.
func (c *Commit) Verify() error {
	return checkBody(commitDomain, c.unsigned().Object(KindCommit), c.Key, c.Signature)
}

// Object returns the commit as an object. It fails if a field breaks its limit;
// it does not check the signature.
func (c *Commit) Object() (Object, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	e := c.unsigned()
	e.Raw(c.Signature[:])
	return e.Object(KindCommit), nil
}

// unsigned is everything that the signature covers.
func (c *Commit) unsigned() *Encoder {
	var e Encoder
	e.Link(c.Tree)
	for _, p := range c.Parents {
		e.Link(p)
	}
	e.Text(c.Author)
	e.Raw(c.Key[:])
	e.Uvarint(uint64(c.Time.Unix))
	e.Varint(int64(c.Time.Offset))
	e.Text(c.Message)
	return &e
}

func (c *Commit) check() error {
	err := c.Time.check()
	switch {
	case err != nil:
	case c.Tree.IsZero() || slices.Contains(c.Parents, ID{}):
		err = fmt.Errorf("a zero id")
	case len(c.Parents) > MaxParents:
		err = fmt.Errorf("%d parents, at most %d are allowed", len(c.Parents), MaxParents)
	case !distinct(c.Parents):
		err = fmt.Errorf("a parent stands there twice")
	default:
		err = checkTexts(c.Author, c.Message)
	}
	if err != nil {
		return fmt.Errorf("%w: commit: %w", ErrCorrupt, err)
	}
	return nil
}

// checkTexts holds for commits and tags alike.
func checkTexts(person, message string) error {
	switch {
	case person == "" || len(person) > MaxPerson || !utf8.ValidString(person) || strings.ContainsAny(person, "\n\r\x00"):
		return fmt.Errorf("the name %q should be one line of 1 to %d bytes of UTF-8", person, MaxPerson)
	case len(message) > MaxMessage || !utf8.ValidString(message) || strings.Contains(message, "\x00"):
		return fmt.Errorf("the message should be at most %d bytes of UTF-8", MaxMessage)
	}
	return nil
}

func distinct(ids []ID) bool {
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return false
		}
	}
	return true
}

// DecodeCommit reads a commit from its object. It fails with an error that wraps
// [ErrCorrupt]; it does not check the signature.
func DecodeCommit(o Object) (*Commit, error) {
	d := NewDecoder(o, KindCommit)
	c := &Commit{Tree: d.Link()}
	if n := d.Links(); n > MaxParents {
		d.Fail("%d parents, at most %d are allowed", n, MaxParents)
	}
	for d.Err() == nil && d.Links() > 0 {
		c.Parents = append(c.Parents, d.Link())
	}
	c.Author = d.Text(MaxPerson)
	copy(c.Key[:], d.Raw(len(c.Key)))
	c.Time.Unix = d.Size(1 << 37)
	c.Time.Offset = takeOffset(d)
	c.Message = d.Text(MaxMessage)
	copy(c.Signature[:], d.Raw(len(c.Signature)))
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("decoding a commit: %w", err)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

func takeOffset(d *Decoder) int {
	v := d.Varint()
	if v < -maxOffset || v > maxOffset {
		d.Fail("a time zone %d minutes from UTC", v)
		return 0
	}
	return int(v)
}

// ReadCommit reads a commit from a store. It fails as the store does, or with a
// [*CorruptError] if the object is no commit.
func ReadCommit(ctx context.Context, r Reader, id ID) (*Commit, error) {
	o, err := r.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading commit %s: %w", id.Short(), err)
	}
	c, err := DecodeCommit(o)
	if err != nil {
		return nil, &CorruptError{ID: id, Err: err}
	}
	return c, nil
}
