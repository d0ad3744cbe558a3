// Package refs says who may do what in a dataset, and who has said what.
//
// Every device has an Ed25519 [Key]; its public half is its [PeerID]. An
// [Identity] is the document that lists the people of a dataset, their devices
// and what they may sign. The dataset's id is the object id of version 1 of that
// document. It changes only by a next version, signed by enough maintainers of
// the version before and enough of its own; a [Chain] is a run of versions that
// was verified from the first on.
//
// What a device says is a [Statement]: all refs of one copy of the dataset, with
// a sequence number and the id of the statement before. The statements of one
// device for one copy are a log, named by a [LogID]. Only the newest statement of
// a log counts. A lower sequence is never accepted (rollback), and two statements
// that cannot both belong to one log are kept as an [Equivocation], whose refs
// nobody uses until a new version of the identity settles the matter. Two next
// versions that both found enough signatures give the identity two histories: one is
// followed, the other kept as a [Fork], and people decide.
//
// A [Store] keeps all of this in a folder of the dataset. It makes this copy's own
// statements by compare-and-swap ([Store.Update]), takes in those of others after
// verification ([Store.Import]), and works out what the maintainers agree on
// ([Store.Canonical]).
//
// Values of [SignedIdentity], [SignedStatement] and [Chain] exist only verified
// and never change: whoever holds one needs to check no signature again.
//
// FORMAT.md beside this file specifies every encoding, rule and file.
package refs
