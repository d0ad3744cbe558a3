package object

import (
	"context"
	"crypto"
	"fmt"
)

// Tag is a signed name for a commit.
type Tag struct {
	Target  ID // a commit
	Name    string
	Tagger  string
	Key     PublicKey // the tagger's device, which signed
	Time    Moment
	Message string

	Signature Signature
}

// Sign sets the tag's key and signature by the signer's Ed25519 key.
func (t *Tag) Sign(signer crypto.Signer) error {
	if err := t.check(); err != nil {
		return err
	}
	public, err := publicKey(signer)
	if err != nil {
		return err
	}
	t.Key = public
	t.Signature, err = signBody(tagDomain, t.unsigned().Object(KindTag), t.Key, signer)
	return err
}

// Verify fails with [ErrSignature] unless the tag carries a valid signature by its
// own key.
func (t *Tag) Verify() error {
	return checkBody(tagDomain, t.unsigned().Object(KindTag), t.Key, t.Signature)
}

// Object returns the tag as an object. It fails if a field breaks its limit.
func (t *Tag) Object() (Object, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	e := t.unsigned()
	e.Raw(t.Signature[:])
	return e.Object(KindTag), nil
}

func (t *Tag) unsigned() *Encoder {
	var e Encoder
	e.Link(t.Target)
	e.Text(t.Name)
	e.Text(t.Tagger)
	e.Raw(t.Key[:])
	e.Uvarint(uint64(t.Time.Unix))
	e.Varint(int64(t.Time.Offset))
	e.Text(t.Message)
	return &e
}

func (t *Tag) check() error {
	err := t.Time.check()
	switch {
	case err != nil:
	case t.Target.IsZero():
		err = fmt.Errorf("a zero id")
	case t.Name == "" || len(t.Name) > MaxPerson:
		err = fmt.Errorf("the name should have 1 to %d bytes", MaxPerson)
	default:
		err = checkTexts(t.Tagger, t.Message)
	}
	if err != nil {
		return fmt.Errorf("%w: tag: %w", ErrCorrupt, err)
	}
	return nil
}

// DecodeTag reads a tag from its object. It fails with an error that wraps
// [ErrCorrupt]; it does not check the signature.
func DecodeTag(o Object) (*Tag, error) {
	d := NewDecoder(o, KindTag)
	t := &Tag{Target: d.Link()}
	t.Name = d.Text(MaxPerson)
	t.Tagger = d.Text(MaxPerson)
	copy(t.Key[:], d.Raw(len(t.Key)))
	t.Time.Unix = d.Size(1 << 37)
	t.Time.Offset = takeOffset(d)
	t.Message = d.Text(MaxMessage)
	copy(t.Signature[:], d.Raw(len(t.Signature)))
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("decoding a tag: %w", err)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// ReadTag reads a tag from a store. It fails as the store does, or with a
// [*CorruptError] if the object is no tag.
func ReadTag(ctx context.Context, r Reader, id ID) (*Tag, error) {
	o, err := r.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading tag %s: %w", id.Short(), err)
	}
	t, err := DecodeTag(o)
	if err != nil {
		return nil, &CorruptError{ID: id, Err: err}
	}
	return t, nil
}
