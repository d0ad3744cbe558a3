package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/refs"
)

// logTrust shows who signed what.
func (c *command) logTrust(r *repo.Repo) error {
	t, err := r.Trust(c.ctx())
	if err != nil {
		return err
	}
	if c.asJSON() {
		t.Logs, t.Refs, t.Forks = notNil(t.Logs), notNil(t.Refs), notNil(t.Forks)
		return c.printJSON(t)
	}
	c.print("%s\n", c.style(bold, "Identity"))
	for _, v := range t.Versions {
		c.print("  version %d  %s  signed by %s\n", v.Version, dayText(v.Time), strings.Join(v.Signed, ", "))
		for _, w := range v.Changes {
			c.print("    - %s\n", w)
		}
	}
	for _, f := range t.Forks {
		c.printFork(f)
	}
	c.print("%s\n", c.style(bold, "Logs"))
	for _, log := range t.Logs {
		c.printTrustLog(log)
	}
	c.print("%s\n", c.style(bold, "Refs"))
	for _, ref := range t.Refs {
		c.printTrustRef(ref)
	}
	return nil
}

// printFork shows a second history of the identity, and how to get out of it.
func (c *command) printFork(f repo.TrustFork) {
	if f.Settled {
		c.print("  %s\n", c.style(faint, fmt.Sprintf("another version %d, %s, was signed too, and is not followed here", f.Version, f.ID.Short())))
		return
	}
	c.print("  %s\n", c.style(red, fmt.Sprintf("two histories: there is another version %d, and both have enough signatures", f.Version)))
	c.print("    followed here: %s\n", f.Followed)
	c.print("    the other:     %s  %s  signed by %s\n", f.ID, dayText(f.Time), strings.Join(f.Signed, ", "))
	for _, w := range f.Changes {
		c.print("      - %s\n", w)
	}
	c.print("    Ask the maintainers which of them holds. If it is the one here: constl maintainer decline %s\n", f.ID.Short())
	c.print("    If it is the other: constl clone URL NEWFOLDER, from somebody who follows it; nothing in this folder is lost\n")
}

// noteContradictions says what maintainers have yet to settle, which is nothing against
// a version that they agree on.
func (c *command) noteContradictions(t *repo.Trust) {
	for _, f := range t.Forks {
		if !f.Settled {
			c.note("  note: who may do what has two histories that contradict each other; see constl log --trust\n")
			break
		}
	}
	for _, log := range t.Logs {
		if log.State == repo.LogHeld && len(log.Split) > 0 && log.Person != "" {
			c.note("  note: %s's device %s has signed two different histories; see constl log --trust\n", log.Person, log.Device.Short())
		}
	}
}

// noteRestored tells of a copy that was found to be put back from a backup.
func (c *command) noteRestored(r *repo.Repo) {
	found := r.Restored()
	if found == nil {
		return
	}
	c.note("  this copy was put back from a backup, or copied: you may have signed more in it than it knows. It goes on in a new log\n")
	if len(found.Asked) > 0 {
		c.note("  asked %s what that was; take it over with: constl pull\n", strings.Join(found.Asked, ", "))
	}
	if len(found.Silent) > 0 {
		c.note("  could not ask %s what that was; get it later with: constl pull\n", strings.Join(found.Silent, ", "))
	}
}

func dayText(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.DateOnly) }

func (c *command) printTrustLog(log repo.TrustLog) {
	who := log.Person
	if who == "" {
		who = "unknown"
	}
	own := ""
	if log.Own {
		own = ", this copy"
	}
	c.print("  %s, %s%s: ", who, repo.DeviceText(refs.Device{Key: log.Device, Name: log.Name}), own)
	newest := fmt.Sprintf("number %d, %s", log.Seq, dayText(log.Time))
	switch log.State {
	case repo.LogCounts:
		c.print("%s\n", newest)
	case repo.LogEnded:
		c.print("%s; ended at number %d\n", newest, log.CountsTo)
	case repo.LogStranger:
		c.print("%s; %s\n", newest, c.style(faint, "not listed, counts nowhere"))
	case repo.LogDamaged:
		c.print("%s\n", c.style(red, "its file is damaged; the next pull gets it again"))
	case repo.LogHeld:
		text := "signed two different histories; held until a maintainer settles it"
		if len(log.Split) == 0 {
			text = "held, since this device signed two different histories in another log"
		}
		c.print("%s\n", c.style(red, text))
	}
	for _, s := range log.Split {
		c.print("    number %d, %s, statement %s\n", s.Seq, dayText(s.Time), s.ID.Short())
		for name, target := range s.Refs {
			c.print("      %s at %s\n", name, target.Short())
		}
	}
	if log.State == repo.LogHeld && len(log.Split) > 0 {
		c.print("    settle it: constl maintainer settle %s (--keep STATEMENT lets one of the two count)\n", log.ID)
	}
}

func (c *command) printTrustRef(ref repo.TrustRef) {
	need := ""
	if ref.Threshold > 1 {
		need = fmt.Sprintf(" (%d must agree)", ref.Threshold)
	}
	if ref.State == refs.Agreed.String() {
		c.print("  %s  %s at %s, by %s\n", ref.Name, c.style(green, "agreed"), ref.Target.Short(), strings.Join(ref.Persons, ", "))
		for _, said := range ref.Said {
			if said.Target != ref.Target {
				c.print("    %s is at %s%s\n", said.Person, said.Target.Short(), need)
			}
		}
		return
	}
	c.print("  %s  %s%s\n", ref.Name, c.style(yellow, ref.State), need)
	for _, said := range ref.Said {
		c.print("    %s at %s, %s\n", said.Person, said.Target.Short(), dayText(said.Time))
	}
}
