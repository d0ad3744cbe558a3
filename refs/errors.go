package refs

import (
	"errors"
	"fmt"

	"github.com/constl/constl/object"
)

// ErrUntrusted is the class of everything that was refused because it is not
// what the rules of trust demand. The errors below it say which rule.
var ErrUntrusted = errors.New("refs: untrusted")

// Errors that callers can test for with [errors.Is]. Damaged or non-canonical
// encodings wrap [object.ErrCorrupt].
var (
	// ErrSignature says that a signature is not by the key it names, over these bytes.
	ErrSignature = fmt.Errorf("%w: invalid signature", ErrUntrusted)
	// ErrThreshold says that too few of those whose consent is needed signed an identity.
	ErrThreshold = fmt.Errorf("%w: too few signatures", ErrUntrusted)
	// ErrIdentityFork says that enough have signed two different next versions of one
	// identity; see [ForkError].
	ErrIdentityFork = fmt.Errorf("%w: the identity has two histories", ErrUntrusted)
	// ErrIdentityChain says that versions of an identity do not follow one another.
	ErrIdentityChain = fmt.Errorf("%w: broken chain of identities", ErrUntrusted)
	// ErrWrongDataset says that something belongs to another dataset.
	ErrWrongDataset = fmt.Errorf("%w: of another dataset", ErrUntrusted)
	// ErrWrongIdentity says that a statement names an identity that is none of this dataset's.
	ErrWrongIdentity = fmt.Errorf("%w: signed under another identity", ErrUntrusted)

	// ErrFrozen says that a peer gave an older state of a dataset than the address
	// promises, or another history.
	ErrFrozen = fmt.Errorf("%w: older than the address promises", ErrUntrusted)

	// ErrUnknownIdentity says that a statement was signed under a newer version of
	// the identity than is known here: fetch the identities first.
	ErrUnknownIdentity = errors.New("refs: signed under a newer identity than is known here")
	// ErrNewerFormat says that something was written by a newer constl.
	ErrNewerFormat = errors.New("refs: written in a newer format; update constl to read it")

	// ErrInvalidName says that a text is no name of a ref, or no pattern of names.
	ErrInvalidName = errors.New("refs: invalid name")
	// ErrInvalidPeer says that a text or key is no peer id.
	ErrInvalidPeer = errors.New("refs: invalid peer id")
	// ErrInvalidURL says that a text is no constl address.
	ErrInvalidURL = errors.New("refs: invalid address")
	// ErrInvalidIdentity says that an identity breaks a rule of its kind.
	ErrInvalidIdentity = errors.New("refs: invalid identity")
	// ErrInvalidContact says that something is no contact of a peer: it breaks a rule of
	// FORMAT.md §7.2.
	ErrInvalidContact = errors.New("refs: invalid contact of a peer")
	// ErrInvalidStatement says that a statement breaks a rule of its kind.
	ErrInvalidStatement = errors.New("refs: invalid statement")

	// ErrSignedOther says that this device has signed another next version of the identity
	// than those that are known here: the folder was put back from a backup, or copied.
	ErrSignedOther = errors.New("refs: this device has signed another change to the identity, which is not known here")
	// ErrDrafts says that no further change to the identity can wait for signatures.
	ErrDrafts = errors.New("refs: too many changes to the identity wait for signatures")

	// ErrConflict says that a ref is not what the caller expected; see [ConflictError].
	ErrConflict = errors.New("refs: the ref has changed")
	// ErrNoKey says that a store was opened without a key and cannot sign.
	ErrNoKey = errors.New("refs: no key to sign with")
	// ErrKeyExposed says that other users of this computer can read the key file.
	ErrKeyExposed = errors.New("refs: the key file is open to other users")
	// ErrLocked says that another process held the lock until the context ended.
	ErrLocked = errors.New("refs: another process is writing")
	// ErrExists says that the folder already holds refs.
	ErrExists = errors.New("refs: already there")
	// ErrNotStore says that the folder holds no refs.
	ErrNotStore = errors.New("refs: no refs here")
)

// ConflictError tells which ref was expected to be what, and what it is. A zero
// id means that the ref does not exist. It wraps [ErrConflict].
type ConflictError struct {
	Name     Name
	Expected object.ID
	Found    object.ID
}

// Error says what was expected and what was found.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: expected %s at %s, found it at %s; look at the new state and try again",
		ErrConflict, e.Name, orNothing(e.Expected), orNothing(e.Found))
}

// Unwrap returns [ErrConflict].
func (e *ConflictError) Unwrap() error { return ErrConflict }

func orNothing(id object.ID) string {
	if id.IsZero() {
		return "nothing"
	}
	return id.Short()
}
