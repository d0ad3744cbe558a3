package refs

import (
	"slices"

	"github.com/constl/constl/object"
)

// State says how far those who decide about a ref agree.
type State int

// The states.
const (
	Absent   State = iota // nobody whose word counts speaks of the ref
	Agreed                // enough persons stand behind one target
	Waiting               // too few persons have spoken yet
	Diverged              // targets that do not descend from one another stand side by side
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"absent", "agreed", "waiting", "diverged"}[s]
}

// Candidate is what one log says about a ref.
type Candidate struct {
	Target object.ID
	Log    LogID
	Person string
	Seq    uint64
	Time   int64 // seconds since 1970, by the signer's clock
}

// Canonical is what those who decide about a ref say together.
type Canonical struct {
	Name       Name
	State      State
	Target     object.ID   // what is agreed on; zero in every other state
	Persons    int         // how many persons stand behind Target, or behind the best-supported target
	Threshold  int         // how many must
	Candidates []Candidate // all that was said, in the order of the logs
}

// Canonical works out where a ref stands. A person stands behind a target if one
// of their logs names it or something that descends from it; a target is agreed
// on if at least the rule's threshold of persons stand behind it and no other
// such target is outside its ancestry.
//
// isAncestor reports whether the first id is an ancestor of the second; it is
// asked about different ids only. Its errors are returned as they are. For
// targets without ancestry, such as tags, let it return false.
func (v *View) Canonical(name Name, isAncestor func(ancestor, descendant object.ID) (bool, error)) (Canonical, error) {
	id := v.chain.Current()
	rule := id.Rule(name)
	c := Canonical{Name: name, Threshold: rule.Threshold}
	for _, l := range v.logs {
		p, ok := id.Person(l.ID.Signer)
		if l.Counts == nil || !ok || !rule.MaySign(p) {
			continue
		}
		st := l.Counts.statement
		if target, ok := st.Refs[name]; ok {
			c.Candidates = append(c.Candidates, Candidate{target, l.ID, p.Name, st.Seq, st.Time})
		}
	}
	if len(c.Candidates) == 0 {
		return c, nil
	}
	a, err := newAncestry(c.Candidates, isAncestor)
	if err != nil {
		return Canonical{}, err
	}
	c.decide(a)
	return c, nil
}

// ancestry is which of a few different targets contains which.
type ancestry struct {
	targets  []object.ID
	contains [][]bool // [i][j]: i is j or descends from it
}

func newAncestry(candidates []Candidate, isAncestor func(a, b object.ID) (bool, error)) (*ancestry, error) {
	a := &ancestry{}
	for _, c := range candidates {
		if !slices.Contains(a.targets, c.Target) {
			a.targets = append(a.targets, c.Target)
		}
	}
	slices.SortFunc(a.targets, object.ID.Compare)
	a.contains = make([][]bool, len(a.targets))
	for i, x := range a.targets {
		a.contains[i] = make([]bool, len(a.targets))
		for j, y := range a.targets {
			if i == j {
				a.contains[i][j] = true
				continue
			}
			ok, err := isAncestor(y, x)
			if err != nil {
				return nil, err
			}
			a.contains[i][j] = ok
		}
	}
	return a, nil
}

// newest returns those of the targets that none of the others contains.
func (a *ancestry) newest(among []int) []int {
	var top []int
	for _, i := range among {
		if !slices.ContainsFunc(among, func(j int) bool { return j != i && a.contains[j][i] }) {
			top = append(top, i)
		}
	}
	return top
}

func (c *Canonical) decide(a *ancestry) {
	var all, enough []int
	persons := make([]int, len(a.targets))
	for i := range a.targets {
		voices := make(map[string]bool)
		for _, k := range c.Candidates {
			if a.contains[slices.Index(a.targets, k.Target)][i] {
				voices[k.Person] = true
			}
		}
		persons[i] = len(voices)
		all = append(all, i)
		if persons[i] >= c.Threshold {
			enough = append(enough, i)
		}
	}
	c.Persons = slices.Max(persons)
	agreed := a.newest(enough)
	switch {
	case len(agreed) == 1:
		c.State, c.Target, c.Persons = Agreed, a.targets[agreed[0]], persons[agreed[0]]
	case len(agreed) > 1 || len(a.newest(all)) > 1:
		c.State = Diverged
	default:
		c.State = Waiting
	}
}
