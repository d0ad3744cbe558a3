// Package worktree is the folder side of a working copy: which files lie in
// it, which of them may have changed since they were last read, and how files
// are put into place without ever leaving a half-written one behind or writing
// outside the folder.
//
// It knows paths, bytes and times, but no objects and no history.
package worktree
