package repo

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrNotDataset says that no folder at or above the given one is a dataset.
	ErrNotDataset = errors.New("no dataset here")
	// ErrExists says that a dataset, or something else, is in the way.
	ErrExists = errors.New("already there")
	// ErrUnknownRevision says that a text names no commit.
	ErrUnknownRevision = errors.New("unknown revision")
	// ErrAmbiguous says that a shortened id fits several commits.
	ErrAmbiguous = errors.New("ambiguous revision")
	// ErrDirty says that files with uncommitted changes are in the way.
	ErrDirty = errors.New("uncommitted changes")
	// ErrNothing says that there is nothing to commit.
	ErrNothing = errors.New("nothing to commit")
	// ErrOpen says that files are open in another program.
	ErrOpen = errors.New("open in another program")
	// ErrChanging says that a file was changed while it was read.
	ErrChanging = errors.New("changed while it was read")
	// ErrLocked says that another constl is changing this working copy.
	ErrLocked = errors.New("another constl is at work in this dataset")
	// ErrMerging says that a merge waits to be finished or given up first.
	ErrMerging = errors.New("a merge is not finished")
	// ErrNotMerging says that there is no merge to go on with.
	ErrNotMerging = errors.New("no merge is going on")
	// ErrUnresolved says that conflicts are still open.
	ErrUnresolved = errors.New("unresolved conflicts")
	// ErrConflictList says that a list of conflicts has something in it that can't be
	// understood.
	ErrConflictList = errors.New("can't be understood")
	// ErrNoRemote says that no remote of that name is known.
	ErrNoRemote = errors.New("no such remote")
	// ErrNoPeer says that a remote is a bundle, which takes nothing.
	ErrNoPeer = errors.New("a bundle takes no commits")
	// ErrNoFollowing says that a remote is a bundle, which nobody can follow.
	ErrNoFollowing = errors.New("nothing becomes new in a bundle")
	// ErrNotFile says that a path is not in the commit, or not of the kind asked for.
	ErrNotFile = errors.New("not in that commit")
	// ErrUnborn says that the branch has no commit yet.
	ErrUnborn = errors.New("no commit yet")
	// ErrDetached says that a commit is checked out that no branch follows.
	ErrDetached = errors.New("no branch is checked out")
	// ErrUnrelated says that two commits have no common ancestor.
	ErrUnrelated = errors.New("no common history")
	// ErrNoProposal says that no proposal of that id is known.
	ErrNoProposal = errors.New("no such proposal")
	// ErrNothingToPropose says that the maintainers have everything already.
	ErrNothingToPropose = errors.New("nothing to propose")
	// ErrInvalid says that tables are not as datapackage.json asks.
	ErrInvalid = errors.New("not valid")
	// ErrBroken says that a proposal breaks a rule of datapackage.json.
	ErrBroken = errors.New("it breaks a rule")
	// ErrAnswered says that a proposal was answered before.
	ErrAnswered = errors.New("already answered")
	// ErrNotMaintainer says that this device's owner may not decide that.
	ErrNotMaintainer = errors.New("not for you to decide")
	// ErrWrongBranch says that another branch is checked out than the one concerned.
	ErrWrongBranch = errors.New("another branch is checked out")
	// ErrMismatch says that what lies here is not what was cited.
	ErrMismatch = errors.New("not what was cited")
	// ErrNoSay says that nobody who signed a change to the identity is a maintainer.
	ErrNoSay = errors.New("only the dataset's maintainers change who may do what")
	// ErrSigned says that this device has signed another change to the same
	// version of the identity: two that are both complete would be two histories.
	ErrSigned = errors.New("you have signed another change, which still waits for others")
	// ErrRestored says that this device may have signed another change to the identity
	// since the backup from which this copy was put back, and that no peer could be asked.
	ErrRestored = errors.New("this copy was put back from a backup, and no remote could be asked whether you have changed since who may do what")
	// ErrUnchanged says that a change to the identity changes nothing.
	ErrUnchanged = errors.New("nothing to change")
	// ErrNoDraft says that no such change to the identity waits for signatures.
	ErrNoDraft = errors.New("no change to the identity")
	// ErrNoPerson says that the identity lists nobody of that name.
	ErrNoPerson = errors.New("the dataset knows nobody called")
	// ErrNoDevice says that the identity lists no such device.
	ErrNoDevice = errors.New("the dataset knows no device")
	// ErrLastDevice says that a person would be left without a device.
	ErrLastDevice = errors.New("that is the only device")
	// ErrLastMaintainer says that a dataset would be left without a maintainer.
	ErrLastMaintainer = errors.New("a dataset needs a maintainer")
)

// DirtyError names the files whose changes are in the way. It wraps [ErrDirty].
type DirtyError struct{ Paths []string }

// Error lists the first few files.
func (e *DirtyError) Error() string { return fmt.Sprintf("%v in %s", ErrDirty, firstFew(e.Paths)) }

// OpenError names the files that another program has open. It wraps [ErrOpen].
type OpenError struct{ Paths []string }

// Error lists the first few files.
func (e *OpenError) Error() string { return fmt.Sprintf("%s: %v", firstFew(e.Paths), ErrOpen) }

// Unwrap returns [ErrOpen].
func (e *OpenError) Unwrap() error { return ErrOpen }

func firstFew(paths []string) string {
	const most = 5
	text := strings.Join(paths[:min(most, len(paths))], ", ")
	if more := len(paths) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Unwrap returns [ErrDirty].
func (e *DirtyError) Unwrap() error { return ErrDirty }
