package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// FindPerson returns the position of the person of that name, or who has the key that
// begins so, among the people. It fails with [ErrNoPerson].
func FindPerson(id *refs.Identity, text string) (int, error) {
	for i, p := range id.People {
		if p.Name == text {
			return i, nil
		}
	}
	person, _, err := findDevice(id, text)
	if errors.Is(err, ErrNoDevice) {
		var names []string
		for _, p := range id.People {
			names = append(names, p.Name)
		}
		return 0, fmt.Errorf("%w %q; there are: %s", ErrNoPerson, text, strings.Join(names, ", "))
	}
	return person, err
}

// leastKey is how many characters of a key name it.
const leastKey = 6

// findDevice returns the positions of the one device whose key begins as the text
// says, or which is called so.
func findDevice(id *refs.Identity, text string) (person, device int, err error) {
	found := 0
	for i, p := range id.People {
		for j, d := range p.Devices {
			if d.Name == text || len(text) >= leastKey && strings.HasPrefix(d.Key.String(), text) {
				person, device = i, j
				found++
			}
		}
	}
	switch found {
	case 0:
		return 0, 0, fmt.Errorf("%w %q", ErrNoDevice, text)
	case 1:
		return person, device, nil
	}
	return 0, 0, fmt.Errorf("%w: %d devices fit %q; write more of the key", ErrAmbiguous, found, text)
}

// AddPerson lists somebody new. It fails with [ErrExists] if the name or the key
// is taken.
func AddPerson(id *refs.Identity, p refs.Person) error {
	for _, known := range id.People {
		if known.Name == p.Name {
			return fmt.Errorf("%s is listed: %w; a further device of theirs is added with: constl device add KEY --person NAME", p.Name, ErrExists)
		}
		for _, d := range p.Devices {
			if slices.ContainsFunc(known.Devices, func(k refs.Device) bool { return k.Key == d.Key }) {
				return fmt.Errorf("the key %s is one of %s: %w", d.Key.Short(), known.Name, ErrExists)
			}
		}
	}
	id.People = append(id.People, p)
	return nil
}

// RemovePerson takes a person from the identity, with all their devices, whose
// logs end with what is known of them here. A threshold that the others cannot
// reach is lowered to what they can.
func (r *Repo) RemovePerson(ctx context.Context, id *refs.Identity, text string) error {
	i, err := FindPerson(id, text)
	if err != nil {
		return err
	}
	p := id.People[i]
	for _, d := range p.Devices {
		if err := r.closeLogs(ctx, id, d.Key); err != nil {
			return err
		}
	}
	id.People = slices.Delete(id.People, i, i+1)
	dropFromRules(id, p.Name)
	return fitThresholds(id)
}

// SetRole makes a person a maintainer, contributor or reader.
func SetRole(id *refs.Identity, text string, role refs.Role) error {
	i, err := FindPerson(id, text)
	if err != nil {
		return err
	}
	id.People[i].Role = role
	return fitThresholds(id)
}

// dropFromRules takes a name out of all rules; a rule that lists nobody else goes.
func dropFromRules(id *refs.Identity, name string) {
	id.Rules = slices.DeleteFunc(id.Rules, func(rule refs.Rule) bool {
		return slices.Equal(rule.Listed, []string{name})
	})
	for i := range id.Rules {
		rule := &id.Rules[i]
		rule.Listed = slices.DeleteFunc(slices.Clone(rule.Listed), func(n string) bool { return n == name })
	}
}

// fitThresholds lowers what fewer people than before can reach. It fails with
// [ErrLastMaintainer].
func fitThresholds(id *refs.Identity) error {
	n := len(maintainersOf(id))
	if n == 0 {
		return ErrLastMaintainer
	}
	id.Threshold = min(id.Threshold, n)
	for i := range id.Rules {
		rule := &id.Rules[i]
		voices := 0
		for _, p := range id.People {
			if rule.MaySign(p) {
				voices++
			}
		}
		rule.Threshold = max(1, min(rule.Threshold, voices))
	}
	return nil
}

// closeLogs ends every log of a device with the newest statement that is known of it.
func (r *Repo) closeLogs(ctx context.Context, id *refs.Identity, key refs.PeerID) error {
	view, err := r.refs.View(ctx)
	if err != nil {
		return err
	}
	for _, log := range view.Peer(key).Logs {
		closed := slices.ContainsFunc(id.Closed, func(c refs.Closing) bool { return c.Log == log.ID })
		if closed || log.Head == nil {
			continue
		}
		id.Closed = append(id.Closed, refs.Closing{Log: log.ID, Seq: log.Head.Statement().Seq, Statement: log.Head.ID()})
	}
	return nil
}

// AddDevice lists a further device of a person.
func AddDevice(id *refs.Identity, person string, d refs.Device) error {
	i, err := FindPerson(id, person)
	if err != nil {
		return err
	}
	if p, ok := id.Person(d.Key); ok {
		return fmt.Errorf("the key %s is one of %s: %w", d.Key.Short(), p.Name, ErrExists)
	}
	id.People[i].Devices = append(slices.Clone(id.People[i].Devices), d)
	return nil
}

// RemoveDevice takes a device from its person, and ends its logs with what is known
// of them here: what it signs from now on counts nowhere. It fails with
// [ErrNoDevice], or with [ErrLastDevice] if it is the person's only one.
func (r *Repo) RemoveDevice(ctx context.Context, id *refs.Identity, text string) error {
	i, j, err := findDevice(id, text)
	if err != nil {
		return err
	}
	p := &id.People[i]
	if len(p.Devices) == 1 {
		return fmt.Errorf("%w of %s", ErrLastDevice, p.Name)
	}
	if err := r.closeLogs(ctx, id, p.Devices[j].Key); err != nil {
		return err
	}
	p.Devices = slices.Delete(slices.Clone(p.Devices), j, j+1)
	return nil
}

// SetRule sets the rule for a pattern of refs; a threshold of 0 takes it away. No
// listed names means all maintainers.
func SetRule(id *refs.Identity, rule refs.Rule) error {
	if err := rule.Pattern.Check(); err != nil {
		return err
	}
	for k, name := range rule.Listed {
		i, err := FindPerson(id, name)
		if err != nil {
			return err
		}
		rule.Listed[k] = id.People[i].Name
	}
	i := slices.IndexFunc(id.Rules, func(known refs.Rule) bool { return known.Pattern == rule.Pattern })
	switch {
	case i < 0 && rule.Threshold == 0:
		return fmt.Errorf("%w: there is no rule for %s", ErrUnchanged, rule.Pattern)
	case rule.Threshold == 0:
		id.Rules = slices.Delete(id.Rules, i, i+1)
	case i < 0:
		id.Rules = append(id.Rules, rule)
	default:
		id.Rules[i] = rule
	}
	return nil
}

// SettleLog makes a device's log that split count again up to one statement: the
// one whose id begins with keep, or the last one that both histories share. The
// log is named by its id, or by the device's key if only one of its logs split. The device goes on in a
// new log by itself. It fails with [ErrNoDevice], [ErrAmbiguous] or [ErrUnchanged].
func (r *Repo) SettleLog(ctx context.Context, id *refs.Identity, name, keep string) error {
	view, err := r.refs.View(ctx)
	if err != nil {
		return err
	}
	var split []refs.Log
	for _, log := range view.Logs() {
		if log.Proof != nil && len(name) >= leastKey && strings.HasPrefix(log.ID.String(), name) {
			split = append(split, log)
		}
	}
	switch {
	case len(split) == 0:
		return fmt.Errorf("%w whose log begins with %q and split", ErrNoDevice, name)
	case len(split) > 1:
		return fmt.Errorf("%w: %d logs that split fit %q", ErrAmbiguous, len(split), name)
	}
	end, err := r.endOf(ctx, split[0], keep)
	if err != nil {
		return err
	}
	id.Closed = slices.DeleteFunc(slices.Clone(id.Closed), func(c refs.Closing) bool { return c.Log == end.Log })
	id.Closed = append(id.Closed, end)
	return nil
}

// endOf works out where a log that split is to end.
func (r *Repo) endOf(ctx context.Context, log refs.Log, keep string) (refs.Closing, error) {
	end := refs.Closing{Log: log.ID}
	pair := []*refs.SignedStatement{log.Proof.A, log.Proof.B}
	if keep != "" {
		i := slices.IndexFunc(pair, func(s *refs.SignedStatement) bool { return strings.HasPrefix(s.ID().String(), keep) })
		if i < 0 {
			return end, fmt.Errorf("%w: the two histories begin with %s and %s, none with %s",
				ErrUnknownRevision, pair[0].ID().Short(), pair[1].ID().Short(), keep)
		}
		end.Seq, end.Statement = pair[i].Statement().Seq, pair[i].ID()
		return end, nil
	}
	known, err := r.refs.Statements(ctx, log.ID, 0)
	if err != nil && !errors.Is(err, object.ErrNotFound) {
		return end, err
	}
	for _, s := range known {
		if s.Statement().Seq < log.Proof.A.Statement().Seq {
			end.Seq, end.Statement = s.Statement().Seq, s.ID()
		}
	}
	return end, nil
}
