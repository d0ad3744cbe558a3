// Package pack is the [object.Store] on disk: a folder of packs, each a file of
// entries with a sorted index at its end (object/FORMAT.md, "Packs").
//
// A batch writes one pack under a temporary name, makes it durable, gives it
// its name and makes the folder durable; so a crash at any instant leaves the
// old state or the new one. An object that resembles one already held is stored
// as a delta against it. Small packs are joined into the next one that is
// written, so that a long history of small commits stays a handful of files.
//
// Several processes may read and write one folder at the same time. Packs are
// never changed, only added and removed; one is removed only after everything
// in it is durable in another. A reader that misses an object looks at the
// folder again before it says so. Only [Store.Repack], which drops objects,
// needs the folder for itself as far as writers go.
package pack
