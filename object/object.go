package object

import "fmt"

// Object is one object as it is hashed: the kind byte and then the canonical
// payload, in one slice. Nobody changes an Object after it was made; whoever
// receives one from a store shares it and must not write to it.
type Object []byte

// New returns the object of the given kind and payload, which it copies.
func New(kind Kind, payload []byte) Object {
	o := make(Object, 1+len(payload))
	o[0] = byte(kind)
	copy(o[1:], payload)
	return o
}

// Kind returns the object's kind, or 0 if the object is empty.
func (o Object) Kind() Kind {
	if len(o) == 0 {
		return 0
	}
	return Kind(o[0])
}

// Payload returns the bytes after the kind. The slice is the object's own.
func (o Object) Payload() []byte {
	if len(o) == 0 {
		return nil
	}
	return o[1:]
}

// ID returns the object's id. It hashes the whole object at each call.
func (o Object) ID() ID { return Sum(o) }

// Check reports whether the object has a known kind, keeps to [MaxPayload] and,
// if it has links, begins with a well-formed list of them. It does not look at
// the rest of the payload. Failures wrap [ErrCorrupt].
func (o Object) Check() error {
	if !o.Kind().Valid() {
		return fmt.Errorf("%w: unknown kind %d", ErrCorrupt, byte(o.Kind()))
	}
	if len(o.Payload()) > MaxPayload {
		return fmt.Errorf("%w: %s of %d bytes, at most %d are allowed", ErrCorrupt, o.Kind(), len(o.Payload()), MaxPayload)
	}
	_, err := Links(o)
	return err
}

// Links returns the ids that the object refers to, in the order in which its
// body uses them; an id that is used twice stands there twice. Leaves have
// none. It fails with an error that wraps [ErrCorrupt] if the list is malformed.
func Links(o Object) ([]ID, error) {
	if o.Kind().Leaf() {
		return nil, nil
	}
	n, rest, err := linkCount(o)
	if err != nil {
		return nil, err
	}
	links := make([]ID, n)
	for i := range links {
		copy(links[i][:], rest[i*IDSize:])
	}
	return links, nil
}

// linkCount returns the number of links and the bytes from the first one on.
func linkCount(o Object) (int, []byte, error) {
	d := Decoder{body: o.Payload()}
	n := d.Uvarint()
	if d.err != nil {
		return 0, nil, d.err
	}
	if n > uint64(len(d.body)/IDSize) {
		return 0, nil, fmt.Errorf("%w: %s claims %d links in %d bytes", ErrCorrupt, o.Kind(), n, len(d.body))
	}
	return int(n), d.body, nil
}
