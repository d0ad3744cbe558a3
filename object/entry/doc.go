// Package entry is the stored form of one object: raw, compressed, or as a
// delta against another object. Packs on disk and messages between peers hold
// objects in this form alone, so that a server can hand on what it stores
// without compressing anything again. The form is specified in
// object/FORMAT.md, "Entries"; it never enters an id.
package entry
