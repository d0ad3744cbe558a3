package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/cite"
	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/describe"
	"github.com/constl/constl/internal/fingerprint"
	"github.com/constl/constl/internal/gitdriver"
	"github.com/constl/constl/internal/keyfile"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/tabular/parquet"
	"github.com/constl/constl/tabular/xlsx"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/bundle"
	"github.com/constl/constl/transport/link"
)

// The exit codes, which scripts rely on (see constl help).
const (
	exitDone      = 0
	exitFound     = 1 // conflicts, failed validation, differences under --exit-code, or any other failure
	exitUsage     = 2 // the command line, or a name in it, makes no sense here
	exitUntrusted = 3 // damaged or untrusted data
	exitNetwork   = 4
)

// errFound ends a command with exit code 1 without a message: what it found is
// its answer.
var errFound = errors.New("found")

// errProblems says that a check has found something, which was printed.
var errProblems = fmt.Errorf("%w", object.ErrCorrupt)

// usageError says that the command line makes no sense. hint is the next command
// to try, if there is one.
type usageError struct {
	text string
	hint string
}

func (e *usageError) Error() string { return e.text }

func usage(hint, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), hint: hint}
}

// errInterrupted says that the person ended the command.
var errInterrupted = errors.New("interrupted: nothing is half-written, and what has arrived from a peer is kept")

// interrupted returns what to say of a command that failed because it was ended.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) || exitCode(err) == exitNetwork {
		return errInterrupted
	}
	return err
}

// exitCode returns the exit code for an error.
func exitCode(err error) int {
	var wrong *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong), anyOf(err, usageErrors...):
		return exitUsage
	case anyOf(err, object.ErrCorrupt, object.ErrNotFound, object.ErrSignature, refs.ErrUntrusted, refs.ErrNewerFormat,
		repo.ErrMismatch, link.ErrWrongPeer, transport.ErrBundle, transport.ErrForged, transport.ErrRefused, transport.ErrProtocol):
		return exitUntrusted
	case anyOf(err, networkErrors...):
		return exitNetwork
	}
	return exitFound
}

// usageErrors say that a name or a text makes no sense here.
var usageErrors = []error{
	repo.ErrNotDataset,
	repo.ErrUnknownRevision,
	repo.ErrAmbiguous,
	repo.ErrNoRemote,
	repo.ErrNotFile,
	fingerprint.ErrFormat,
	validate.ErrKinds,
	repo.ErrQuery,
	xlsx.ErrNoSheet,
	parquet.ErrNested,
	repo.ErrUnborn,
	repo.ErrDetached,
	repo.ErrExists,
	repo.ErrNotMerging,
	repo.ErrNoDraft,
	repo.ErrNoPerson,
	repo.ErrNoDevice,
	repo.ErrLastDevice,
	repo.ErrLastMaintainer,
	keyfile.ErrPassphrase,
	keyfile.ErrNotKey,
	refs.ErrInvalidIdentity,
	repo.ErrNoPeer,
	repo.ErrNoFollowing,
	repo.ErrFilter,
	repo.ErrNoProposal,
	repo.ErrWrongBranch,
	refs.ErrInvalidName,
	refs.ErrInvalidURL,
	refs.ErrInvalidPeer,
	refs.ErrWrongDataset,
	object.ErrName,
	settings.ErrUnknown,
	gitdriver.ErrNoRepository,
	settings.ErrInvalid,
	bounds.ErrInvalid,
	cite.ErrSeveral,
	describe.ErrUnknown,
	describe.ErrMalformed,
}

// networkErrors are all ways in which a peer can be out of reach.
var networkErrors = []error{
	link.ErrUnreachable, link.ErrRefused, link.ErrClosed, link.ErrProtocol,
	bundle.ErrWeb, bundle.ErrChanged, transport.ErrDisconnected, transport.ErrStalled, transport.ErrBusy, transport.ErrNotFound, transport.ErrInternal,
}

// hint returns what to try next after an error, or "".
func hint(err error) string {
	var wrong *usageError
	if errors.As(err, &wrong) {
		return wrong.hint
	}
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.text
		}
	}
	return ""
}

const (
	mendPackage = "mend datapackage.json there; nothing was recorded and nothing is lost"
	freeSpace   = "free some space, then try again; nothing was half-written"
	waitForPeer = "the peer has too much to do at the moment: try again later; what has arrived is kept"
	reachPeer   = "check the address and that constl serve runs there; what has arrived is kept, so try again"
)

// hints are looked through in order.
var hints = []struct {
	err  error
	text string
}{
	{repo.ErrNotDataset, "go to a dataset's folder, name it with -C DIR, or make one: constl init DIR --name NAME"},
	{gitdriver.ErrNoRepository, "go into the git repository, or set it for all of yours: constl git-driver install --global"},
	{exec.ErrNotFound, "install git: https://git-scm.com"},
	{repo.ErrUnknownRevision, "see the commits with: constl log, the branches with: constl branch, the tags with: constl tag"},
	{repo.ErrAmbiguous, "write more digits of the id"},
	{repo.ErrMerging, "resolve its conflicts and commit, or give it up: constl merge --abort"},
	{repo.ErrUnresolved, "fill in the column 'resolution' of the .conflicts.csv file, or: constl resolve PATH --ours (or --theirs), then commit"},
	{repo.ErrDirty, "commit the changes (constl commit -m MESSAGE) or drop them (constl restore PATH)"},
	{repo.ErrInvalid, "correct what is listed, then try again; nothing was changed and nothing is lost. To do it nevertheless: --no-validate"},
	{repo.ErrRenamed, "say which it is: constl commit --renamed \"OLD=NEW\" -m MESSAGE, or --renamed none; nothing was recorded and nothing is lost"},
	{repo.ErrUnborn, "record the folder first: constl commit -m MESSAGE"},
	{repo.ErrDetached, "go to a branch: constl switch main, or make one here: constl switch -c NAME"},
	{repo.ErrChanging, "close the program that writes the file, then try again"},
	{worktree.ErrChanged, "see what was changed with: constl diff; then try again. Nothing was replaced"},
	{pack.ErrBusy, "wait until the other constl (a fetch or push, maybe under serve) is done, then try again"},
	{repo.ErrOpen, "close it there"},
	{repo.ErrNoFollowing, "follow a peer: constl pull --follow URL; a newer bundle is taken by: constl pull FILE"},
	{repo.ErrLocked, "wait until it is done, then try again"},
	{repo.ErrNoProposal, "see what there is with: constl proposals --all"},
	{repo.ErrBroken, "decline it and say what to mend: constl decline ID -m WHY; or take it as it is: constl accept ID --allow-violations"},
	{repo.ErrAnswered, "see what there is with: constl proposals --all"},
	{repo.ErrNothingToPropose, "record your changes first: constl commit -m MESSAGE"},
	{repo.ErrWrongBranch, "go to it with: constl switch BRANCH"},
	{repo.ErrNotMaintainer, "ask a maintainer (constl maintainer list), who can let you: constl maintainer rule heads/main --signers NAMES"},
	{repo.ErrNoRemote, "see the remotes with: constl config, or give an address: constl://DATASET?peer=PEER@HOST:PORT"},
	{repo.ErrNoSay, "ask one of them; they need your key: constl key show"},
	{repo.ErrSigned, "wait until the others have signed it too, or give it up: constl maintainer decline ID"},
	{refs.ErrIdentityFork, "compare the two: constl log --trust; nothing was taken from this peer. Ask the maintainers which one holds"},
	{repo.ErrRestored, "try again when one of them can be reached; see that it can with: constl pull"},
	{refs.ErrSignedOther, "get it first: constl pull; if nobody has it any more: constl maintainer decline ID, then try again"},
	{refs.ErrDrafts, "decide on those that wait first: constl maintainer approve ID, or constl maintainer decline ID"},
	{keyfile.ErrNoAgent, "sign with this device's own key instead: constl key use device"},
	{repo.ErrNoDraft, "see what waits with: constl maintainer list; get what is new with: constl pull"},
	{repo.ErrNoPerson, "see who takes part with: constl maintainer list"},
	{repo.ErrNoDevice, "see devices with: constl device list, logs with: constl log --trust"},
	{repo.ErrLastDevice, "add another device first (constl device add KEY), or take the person away: constl maintainer remove NAME"},
	{repo.ErrLastMaintainer, "make somebody else a maintainer first: constl maintainer add NAME KEY"},
	{datapackage.ErrSyntax, mendPackage},
	{datapackage.ErrShape, mendPackage},
	{repo.ErrPart, "get it from a peer that has it: constl fetch --all-columns, --all-tables or --unshallow; drop changes with: constl restore PATH"},
	{repo.ErrFilter, "see what filters there are with: constl help clone"},
	{repo.ErrNoPeer, "write a new bundle for others: constl bundle create FILE.bundle; or push to a peer: constl push URL"},
	{transport.ErrBundle, "get the file again, or a new one from whoever made it; what was whole in it is kept"},
	{bundle.ErrWeb, "check the address; what has arrived is kept, so try again"},
	{bundle.ErrChanged, "try again; the new file is taken from its beginning"},
	{errProblems, "get what is damaged from a remote: constl fsck --repair; or everything from any peer: constl clone URL NEWFOLDER"},
	{repo.ErrConflictList, "mend that line, or remove the file: constl resolve writes it anew, with nothing decided"},
	{object.ErrCorrupt, "see what is damaged with: constl fsck; a clone of any peer has every object whole"},
	{object.ErrNotFound, "see what is missing with: constl fsck; a clone of any peer has every object whole"},
	{refs.ErrFrozen, "get the dataset from a peer that is up to date, or ask for a new address; nothing was taken from this one"},
	{link.ErrWrongPeer, "ask whoever gave you the address for the right one; nothing was taken from this peer"},
	{transport.ErrNotAllowed, "ask a maintainer of the dataset, or propose your commits to one: constl propose -m MESSAGE --to URL"},
	{transport.ErrStale, "take their changes first: constl pull"},
	{refs.ErrWrongDataset, "go to the folder of that dataset, or clone it: constl clone URL DIR"},
	{transport.ErrNotFound, "check the address: the peer is there, but does not serve this dataset"},
	{transport.ErrBusy, waitForPeer},
	{link.ErrRefused, waitForPeer},
	{link.ErrUnreachable, reachPeer},
	{transport.ErrDisconnected, reachPeer},
	{transport.ErrStalled, reachPeer},
	{transport.ErrDiskFull, "free some space, or let less stay free: constl config --global " + bounds.DiskFloor + " SIZE; what has arrived is kept"},
	{syscall.ENOSPC, freeSpace},
	{syscall.EDQUOT, freeSpace},
	{syscall.EFBIG, freeSpace},
	{fs.ErrPermission, "make it readable for you, or name it in " + worktree.IgnoreFile},
}

func anyOf(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
