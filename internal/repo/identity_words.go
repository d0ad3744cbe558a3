package repo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/refs"
)

// identityWords says what one version of an identity changes in the one before,
// for people; nothing if only version and time differ.
func identityWords(before, next *refs.Identity) []string {
	w := &wording{before: before, next: next}
	if before.Name != next.Name {
		w.say("the dataset is called %q, not %q", next.Name, before.Name)
	}
	w.people()
	if before.Threshold != next.Threshold {
		w.say("%s must agree, not %d", maintainersText(next.Threshold), before.Threshold)
	}
	w.rules()
	if before.Proposers != next.Proposers {
		w.say("%s may propose changes", ProposersText(next.Proposers))
	}
	if before.Audience != next.Audience {
		w.say("%s may read the dataset", AudienceText(next.Audience))
	}
	w.recovery()
	w.closings()
	return w.words
}

// ProposersText says who may propose changes, for people.
func ProposersText(p refs.Proposers) string {
	switch p {
	case refs.ProposeAnyone:
		return "anyone"
	case refs.ProposePeople:
		return "maintainers and contributors"
	}
	return "nobody"
}

// AudienceText says who may read a dataset, for people.
func AudienceText(a refs.Audience) string {
	if a == refs.PeopleOnly {
		return "only the people listed"
	}
	return "everyone"
}

type wording struct {
	before, next *refs.Identity
	words        []string
}

func (w *wording) say(format string, args ...any) {
	w.words = append(w.words, fmt.Sprintf(format, args...))
}

func personNamed(id *refs.Identity, name string) (refs.Person, bool) {
	i := slices.IndexFunc(id.People, func(p refs.Person) bool { return p.Name == name })
	if i < 0 {
		return refs.Person{}, false
	}
	return id.People[i], true
}

func (w *wording) people() {
	for _, p := range sortedPeople(w.before) {
		if _, stays := personNamed(w.next, p.Name); !stays {
			w.say("%s is no longer a %s", p.Name, p.Role)
		}
	}
	for _, p := range sortedPeople(w.next) {
		old, known := personNamed(w.before, p.Name)
		switch {
		case !known:
			w.say("%s becomes a %s", p.Name, p.Role)
		case old.Role != p.Role:
			w.say("%s is a %s, no longer a %s", p.Name, p.Role, old.Role)
		}
		if old.ORCID != p.ORCID {
			w.say("%s has the ORCID iD %s", p.Name, cmp.Or(p.ORCID, "(none)"))
		}
		w.devices(p.Name, old.Devices, p.Devices)
	}
}

func (w *wording) devices(person string, before, next []refs.Device) {
	has := func(list []refs.Device, key refs.PeerID) int {
		return slices.IndexFunc(list, func(d refs.Device) bool { return d.Key == key })
	}
	for _, d := range before {
		if has(next, d.Key) < 0 {
			w.say("%s no longer has the device %s", person, DeviceText(d))
		}
	}
	for _, d := range next {
		if i := has(before, d.Key); i < 0 {
			w.say("%s has the device %s", person, DeviceText(d))
		} else if before[i].Name != d.Name {
			w.say("%s calls the device %s %q", person, d.Key.Short(), d.Name)
		}
	}
}

// DeviceText names a device for people: its name, if it has one, and the start of
// its key.
func DeviceText(d refs.Device) string {
	if d.Name == "" {
		return d.Key.Short()
	}
	return d.Name + " (" + d.Key.Short() + ")"
}

func (w *wording) rules() {
	find := func(id *refs.Identity, p refs.Pattern) (refs.Rule, bool) {
		i := slices.IndexFunc(id.Rules, func(r refs.Rule) bool { return r.Pattern == p })
		if i < 0 {
			return refs.Rule{}, false
		}
		return id.Rules[i], true
	}
	for _, r := range w.before.Rules {
		if _, stays := find(w.next, r.Pattern); !stays {
			w.say("%s has no rule of its own any more", r.Pattern)
		}
	}
	for _, r := range w.next.Rules {
		if old, known := find(w.before, r.Pattern); !known || old.Threshold != r.Threshold || !slices.Equal(slices.Sorted(slices.Values(old.Listed)), slices.Sorted(slices.Values(r.Listed))) {
			w.say("%s", RuleText(r))
		}
	}
}

// RuleText says what a rule demands, for people.
func RuleText(r refs.Rule) string {
	if len(r.Listed) == 0 {
		return fmt.Sprintf("%s: %s must agree", r.Pattern, maintainersText(r.Threshold))
	}
	if len(r.Listed) == 1 {
		return fmt.Sprintf("%s: %s decides", r.Pattern, r.Listed[0])
	}
	return fmt.Sprintf("%s: %d of %s must agree", r.Pattern, r.Threshold, strings.Join(slices.Sorted(slices.Values(r.Listed)), ", "))
}

func maintainersText(n int) string {
	if n == 1 {
		return "1 maintainer"
	}
	return fmt.Sprintf("%d maintainers", n)
}

func (w *wording) recovery() {
	before, next := w.before.Recovery, w.next.Recovery
	for _, key := range before.Keys {
		if !slices.Contains(next.Keys, key) {
			w.say("%s is no longer a recovery key", key.Short())
		}
	}
	for _, key := range next.Keys {
		if !slices.Contains(before.Keys, key) {
			w.say("%s is a recovery key", key.Short())
		}
	}
	if before.Threshold != next.Threshold && next.Threshold > 0 {
		w.say("%d of the recovery keys can stand in for the maintainers", next.Threshold)
	}
}

func (w *wording) closings() {
	for _, c := range w.next.Closed {
		if slices.Contains(w.before.Closed, c) {
			continue
		}
		w.say("of what %s signed in its copy %s, nothing after number %d counts", w.device(c.Log.Signer), c.Log.Copy.String()[:6], c.Seq)
	}
	for _, c := range w.before.Closed {
		if !slices.ContainsFunc(w.next.Closed, func(n refs.Closing) bool { return n.Log == c.Log }) {
			w.say("the log %s is open again", c.Log)
		}
	}
}

// device names a device by its person, if either version lists it.
func (w *wording) device(key refs.PeerID) string {
	for _, id := range []*refs.Identity{w.next, w.before} {
		if p, ok := id.Person(key); ok {
			return p.Name + "'s device " + key.Short()
		}
	}
	return "the device " + key.Short()
}

func sortedPeople(id *refs.Identity) []refs.Person {
	return slices.SortedFunc(slices.Values(id.People), func(a, b refs.Person) int { return strings.Compare(a.Name, b.Name) })
}
