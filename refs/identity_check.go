package refs

import (
	"fmt"
	"strings"
)

// check reports the first rule of FORMAT.md §3 that an identity in canonical
// order breaks.
func (id *Identity) check() error {
	switch {
	case id.Version < 1 || id.Version > MaxIdentityVersions:
		return fmt.Errorf("version %d is not within 1 and %d", id.Version, MaxIdentityVersions)
	case (id.Version == 1) != id.Previous.IsZero():
		return fmt.Errorf("version %d with the previous version %s", id.Version, orNothing(id.Previous))
	case (id.Version == 1) == (id.Nonce == [16]byte{}):
		return fmt.Errorf("a nonce belongs into version 1, and only there")
	case id.Time < 0 || id.Time > maxTime:
		return fmt.Errorf("time %d is not within the years 1970 and 9999", id.Time)
	case id.Proposers < ProposeNobody || id.Proposers > ProposeAnyone:
		return fmt.Errorf("unknown rule %d for proposals", id.Proposers)
	case id.Audience < Public || id.Audience > PeopleOnly:
		return fmt.Errorf("unknown audience %d", id.Audience)
	}
	if err := checkText(id.Name, 1, maxTitle); err != nil {
		return fmt.Errorf("the dataset's name %w", err)
	}
	if err := id.checkPeople(); err != nil {
		return err
	}
	if err := id.checkRules(); err != nil {
		return err
	}
	return id.checkClosed()
}

func (id *Identity) checkPeople() error {
	keys := make(map[PeerID]bool)
	add := func(key PeerID) error {
		if keys[key] {
			return fmt.Errorf("the key %s stands there twice", key.Short())
		}
		keys[key] = true
		if len(keys) > MaxIdentityKeys {
			return fmt.Errorf("more than %d keys", MaxIdentityKeys)
		}
		return key.Check()
	}
	maintainers := 0
	for i, p := range id.People {
		if i > 0 && p.Name <= id.People[i-1].Name {
			return fmt.Errorf("two people are called %q", p.Name)
		}
		if err := p.check(); err != nil {
			return err
		}
		for j, d := range p.Devices {
			if j > 0 && d.Key.Compare(p.Devices[j-1].Key) < 0 {
				return fmt.Errorf("the devices of %q are not in order", p.Name)
			}
			if err := add(d.Key); err != nil {
				return err
			}
		}
		if p.Role == Maintainer {
			maintainers++
		}
	}
	if id.Threshold < 1 || id.Threshold > maintainers {
		return fmt.Errorf("threshold %d with %d maintainers", id.Threshold, maintainers)
	}
	for i, key := range id.Recovery.Keys {
		if i > 0 && key.Compare(id.Recovery.Keys[i-1]) < 0 {
			return fmt.Errorf("the recovery keys are not in order")
		}
		if err := add(key); err != nil {
			return err
		}
	}
	n := len(id.Recovery.Keys)
	if id.Recovery.Threshold < min(n, 1) || id.Recovery.Threshold > n {
		return fmt.Errorf("threshold %d with %d recovery keys", id.Recovery.Threshold, n)
	}
	return nil
}

func (p *Person) check() error {
	if err := checkText(p.Name, 1, maxTitle); err != nil {
		return fmt.Errorf("the person's name %q %w", p.Name, err)
	}
	if p.Role < Maintainer || p.Role > Reader {
		return fmt.Errorf("%q has the unknown role %d", p.Name, p.Role)
	}
	if p.ORCID != "" && !validORCID(p.ORCID) {
		return fmt.Errorf("%q is no ORCID iD; one looks like 0000-0002-1825-0097", p.ORCID)
	}
	if len(p.Devices) == 0 {
		return fmt.Errorf("%q has no device", p.Name)
	}
	for _, d := range p.Devices {
		if err := checkText(d.Name, 0, maxDeviceName); err != nil {
			return fmt.Errorf("a device's name %q %w", d.Name, err)
		}
	}
	return nil
}

func (id *Identity) checkRules() error {
	if len(id.Rules) > maxRules {
		return fmt.Errorf("%d rules, at most %d are allowed", len(id.Rules), maxRules)
	}
	for i, r := range id.Rules {
		if i > 0 && r.Pattern <= id.Rules[i-1].Pattern {
			return fmt.Errorf("two rules are for %q, or they are not in order", r.Pattern)
		}
		if err := r.Pattern.Check(); err != nil {
			return err
		}
		for j, name := range r.Listed {
			if j > 0 && name <= r.Listed[j-1] {
				return fmt.Errorf("the rule for %q lists %q twice, or not in order", r.Pattern, name)
			}
		}
		voices, found := 0, 0
		for _, p := range id.People {
			if r.MaySign(p) {
				voices++
			}
			if len(r.Listed) > 0 && r.MaySign(p) {
				found++
			}
		}
		if found != len(r.Listed) {
			return fmt.Errorf("the rule for %q lists somebody who is not among the people", r.Pattern)
		}
		if r.Threshold < 1 || r.Threshold > voices {
			return fmt.Errorf("the rule for %q has threshold %d with %d signers", r.Pattern, r.Threshold, voices)
		}
	}
	return nil
}

func (id *Identity) checkClosed() error {
	if len(id.Closed) > maxClosed {
		return fmt.Errorf("%d closed logs, at most %d are allowed", len(id.Closed), maxClosed)
	}
	for i, c := range id.Closed {
		if i > 0 && c.Log.Compare(id.Closed[i-1].Log) <= 0 {
			return fmt.Errorf("the log %s is closed twice, or not in order", c.Log)
		}
		if c.Seq > maxSeq || (c.Seq == 0) != c.Statement.IsZero() {
			return fmt.Errorf("the log %s is closed at %d with the statement %s", c.Log, c.Seq, orNothing(c.Statement))
		}
		if err := c.Log.Signer.Check(); err != nil {
			return err
		}
	}
	return nil
}

// validORCID checks the form and the check digit (ISO 7064 MOD 11-2).
func validORCID(s string) bool {
	digits := strings.ReplaceAll(s, "-", "")
	if len(s) != 19 || len(digits) != 16 || s[4] != '-' || s[9] != '-' || s[14] != '-' {
		return false
	}
	sum := 0
	for _, c := range []byte(digits[:15]) {
		if c < '0' || c > '9' {
			return false
		}
		sum = (sum + int(c-'0')) * 2
	}
	return "0123456789X"[(12-sum%11)%11] == digits[15]
}
