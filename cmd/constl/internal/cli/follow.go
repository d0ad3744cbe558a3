package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/constl/constl/internal/progress"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/urfave/cli/v2"
)

const followShape = "With --follow, JSON is one line for each thing that happens: {\"time\", \"event\", …} with event\n" +
	"\"connected\" (remote, peer, address), \"lost\" (remote, error, hint), \"fetched\" (remote, objects, bytes, refs),\n" +
	"\"merged\" (before, after, merged:bool), \"conflicts\" (before, conflicts:n, conflict_list), or \"waiting\" (error, hint)."

// optionalFlag is a flag that may stand alone or have a value: --follow, --follow=lab. It
// may be repeated.
type optionalFlag struct{ *cli.GenericFlag }

// newOptionalFlag returns a flag whose value is called placeholder in the help.
func newOptionalFlag(name, placeholder, usage string) optionalFlag {
	return optionalFlag{&cli.GenericFlag{Name: name, Value: &optionalValues{}, Usage: usage, DefaultText: placeholder}}
}

// TakesValue implements [cli.DocGenerationFlag]: the next word is no value of it.
func (optionalFlag) TakesValue() bool { return false }

// String is the flag as the help shows it.
func (f optionalFlag) String() string {
	return fmt.Sprintf("--%s, --%s=%s\t%s", f.Name, f.Name, f.DefaultText, f.Usage)
}

// optionalValues are the values of an optionalFlag; "" is that of one that stands alone.
type optionalValues struct{ list []string }

// Set implements [cli.Generic].
func (v *optionalValues) Set(text string) error {
	if text == "true" { // the library's word for a flag without a value
		text = ""
	}
	v.list = append(v.list, text)
	return nil
}

// String implements [cli.Generic].
func (v *optionalValues) String() string { return strings.Join(v.list, ", ") }

// IsBoolFlag lets the flag stand alone.
func (*optionalValues) IsBoolFlag() bool { return true }

// optional returns the values of an optionalFlag, nil if it was not given.
func (c *command) optional(name string) []string {
	if v, ok := c.Generic(name).(*optionalValues); ok {
		return v.list
	}
	return nil
}

// follow follows the dataset in a folder until ctx ends.
func (c *command) follow(ctx context.Context, dir string, remotes []string, tell func(*repo.FollowEvent), progress followProgress) error {
	err := repo.Follow(ctx, dir, c.options(nil), repo.FollowOptions{
		Remotes: remotes, NoValidate: c.Bool("no-validate"), Tell: tell, Progress: progress,
	})
	if ctx.Err() != nil {
		return nil // whatever was under way was cut
	}
	return err
}

// pullFollow is constl pull --follow.
func (c *command) pullFollow(r *repo.Repo, remote string) error {
	progress := c.followProgress()
	f := &follows{c: c, r: r}
	return c.follow(c.ctx(), r.Dir, []string{remote}, f.tell, progress)
}

// followProgress begins to show the progress of some work, and ends it.
type followProgress func() (report repo.Progress, done func())

// followProgress shows the progress of one work after the other, and of several at once.
// Messages take the place of its line.
func (c *command) followProgress() followProgress {
	meter := progress.New(c.env.Stderr, c.env.Live, c.Bool("quiet"))
	c.env.Stderr = meter
	return func() (repo.Progress, func()) {
		p := &progressTasks{meter: meter, tasks: make(map[string]*shown)}
		return p.report, p.done
	}
}

// follows tells of what happens while a dataset is followed.
type follows struct {
	c       *command
	r       *repo.Repo // for news about proposals; nil for none
	dataset string     // names it, if there are several
	news    string     // what was last said of proposals and changes that wait
}

// followEvent is what a script reads of an event.
type followEvent struct {
	Time    string                  `json:"time"`
	Dataset string                  `json:"dataset,omitempty"`
	Event   repo.FollowKind         `json:"event"`
	Remote  string                  `json:"remote,omitempty"`
	Peer    *refs.PeerID            `json:"peer,omitempty"`
	Address string                  `json:"address,omitempty"`
	Objects *int64                  `json:"objects,omitempty"`
	Bytes   *int64                  `json:"bytes,omitempty"`
	Refs    map[refs.Name]object.ID `json:"refs,omitempty"`
	Before  object.ID               `json:"before,omitzero"`
	After   object.ID               `json:"after,omitzero"`
	Merged  *bool                   `json:"merged,omitempty"`
	N       *int                    `json:"conflicts,omitempty"`
	List    []merge.Conflict        `json:"conflict_list,omitempty"`
	Error   string                  `json:"error,omitempty"`
	Hint    string                  `json:"hint,omitempty"`
}

func (f *follows) tell(e *repo.FollowEvent) {
	if f.c.asJSON() {
		f.printLine(e)
	} else {
		f.printWords(e)
	}
}

// printLine writes an event as one line of JSON.
func (f *follows) printLine(e *repo.FollowEvent) {
	line := followEvent{Time: time.Now().Format(time.RFC3339), Dataset: f.dataset, Event: e.Kind, Remote: e.Remote}
	switch e.Kind {
	case repo.FollowConnected:
		line.Peer, line.Address = &e.Peer.Peer, addressOf(e.Peer)
	case repo.FollowFetched:
		line.Objects, line.Bytes, line.Refs = &e.Fetch.Objects, &e.Fetch.Bytes, e.Fetch.Refs
	case repo.FollowMerged:
		line.Before, line.After, line.Merged = e.Merge.Before, e.Merge.After, &e.Merge.Merged
	case repo.FollowConflicts:
		n := len(e.Merge.Conflicts)
		line.Before, line.N, line.List = e.Merge.Before, &n, e.Merge.Conflicts
	default:
		line.Error, line.Hint = e.Err.Error(), hint(e.Err)
	}
	data, err := json.Marshal(line)
	if err != nil {
		f.c.note("warning: %s\n", err)
		return
	}
	f.c.print("%s\n", data)
}

func addressOf(a refs.Address) string { return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))) }

// printWords tells a person of an event.
func (f *follows) printWords(e *repo.FollowEvent) {
	c := f.c
	at := time.Now().Format(time.TimeOnly) + " "
	if f.dataset != "" {
		at += f.dataset + ": "
	}
	switch e.Kind {
	case repo.FollowConnected:
		c.note("%sFollowing %s at %s (%s)\n", at, e.Remote, addressOf(e.Peer), e.Peer.Peer.Short())
	case repo.FollowLost:
		text, next := lostText(e.Err)
		c.note("%sNo news from %s at the moment: %s\n", at, e.Remote, safe(text))
		c.note("  it is tried again by itself, and what is missed comes then\n")
		if next != "" {
			c.note("  else: %s\n", next)
		}
	case repo.FollowFetched:
		if e.Fetch.Objects > 0 { // else others have only said that they have it, too
			c.print("%sFetched from %s: %s, %s\n", at, e.Remote, plural(e.Fetch.Objects, "object"), bytesText(e.Fetch.Bytes))
		}
		c.reportFetch(e.Fetch)
		f.tellNews()
	case repo.FollowMerged, repo.FollowConflicts:
		c.print("%s", at)
		// Conflicts end nothing here: it goes on when they are resolved.
		_ = c.printMerge(e.Merge)
	case repo.FollowWaiting:
		c.note("%sNot merged yet: %s\n  what comes is kept, and merged as soon as that is possible\n", at, safe(e.Err.Error()))
		if next := hint(e.Err); next != "" {
			c.note("  try: %s\n", next)
		}
	}
}

// lostText says why nobody tells of what is new, and what can be done about it, if
// something but waiting can.
func lostText(err error) (text, next string) {
	switch {
	case errors.Is(err, transport.ErrDisconnected):
		return "the connection has ended; constl serve may have been stopped there", ""
	case errors.Is(err, link.ErrUnreachable):
		return "nobody answers; that computer may be off or elsewhere, or constl serve does not run there", ""
	}
	return err.Error(), hint(err)
}

// tellNews says what there is to know of proposals and of changes to the identity,
// when that is something else than before.
func (f *follows) tellNews() {
	if f.r == nil {
		return
	}
	var text bytes.Buffer
	quiet := *f.c
	quiet.env.Stdout, quiet.env.Stderr = &text, &text
	if err := quiet.tellNews(f.r); err != nil {
		f.c.note("warning: %s\n", err)
		return
	}
	if said := text.String(); said != f.news {
		f.news = said
		f.c.print("%s", said)
	}
}
