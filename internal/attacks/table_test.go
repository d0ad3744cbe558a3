package attacks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/refs"
)

// attack is a row of the table.
type attack struct {
	name string
	// make makes what is offered, about the log of the speaker.
	make func(t *testing.T, w *world, s *speaker) *offer
	// wholeIdentity says that a clone is given these identities alone, and besides that it
	// is given the maintainer's newest record, too.
	wholeIdentity, besides bool
	// pair attacks the pairing of a second computer; nil if the attack has no part in it.
	pair func(c *wire, p *pairing) error
	in   cells
}

// cells are what comes of an attack at each kind of door.
type cells map[kind]outcome

// outcome is what must come of an attack at a door.
type outcome struct {
	// err classes the victim's error, and says is what stands in it. A nil err says that
	// the victim goes on without what was offered.
	err  error
	says string
	// keeps are prefixes of the paths of what may be kept, and is: proofs, say.
	keeps []string
	// objects says that objects may be kept that are what their ids say.
	objects bool
	// holds, if not nil, looks at what the victim believes then.
	holds func(t *testing.T, w *world, v *refs.View)
	// not says why the attack cannot be there; the other fields are empty then.
	not string
}

// everywhere returns the same outcome for every door, but for those that are given.
func everywhere(o outcome, but cells) cells {
	c := make(cells)
	for _, k := range kinds {
		c[k] = o
	}
	c[byPairing] = outcome{not: "pairing carries no record; what follows it is a pull"}
	for k, o := range but {
		c[k] = o
	}
	return c
}

func refused(err error, says string) outcome { return outcome{err: err, says: says} }

func not(why string) outcome { return outcome{not: why} }

// leftOut is what comes of what is true and too late: nothing.
var leftOut = outcome{}

// TestTable tries every attack at every door, over everything that carries it.
func TestTable(t *testing.T) {
	w := newWorld(t)
	table := slices.Concat(dataAttacks(), historyAttacks(), signatureAttacks(), identityAttacks(), nameAttacks())
	checkTable(t, table)
	for _, a := range table {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for _, k := range kinds {
				if a.in[k].not != "" {
					continue
				}
				for _, carrier := range k.carriers() {
					t.Run(string(k)+"/"+carrier, func(t *testing.T) {
						t.Parallel()
						v, err := k.try(t, w, carrier, &a)
						a.in[k].check(t, w, v, err)
					})
				}
			}
		})
	}
}

// checkTable asserts that no cell is empty, and prints the table.
func checkTable(t *testing.T, table []attack) {
	t.Helper()
	var text strings.Builder
	seen := make(map[string]bool)
	reasons := []string{}
	for _, a := range table {
		if seen[a.name] {
			t.Errorf("two attacks are called %q", a.name)
		}
		seen[a.name] = true
		row := fmt.Sprintf("%-58s", a.name)
		for _, k := range kinds {
			o, ok := a.in[k]
			switch {
			case !ok || o.not == "" && k == byPairing && a.pair == nil:
				t.Errorf("%s: no outcome at the door %s", a.name, k)
			case o.not != "":
				if !slices.Contains(reasons, o.not) {
					reasons = append(reasons, o.not)
				}
				row += fmt.Sprintf(" %-8s", fmt.Sprintf("(%d)", 1+slices.Index(reasons, o.not)))
			case o.err != nil:
				row += " refused "
			case len(o.keeps) > 0:
				row += " kept    "
			default:
				row += " left out"
			}
		}
		fmt.Fprintln(&text, row)
	}
	for i, why := range reasons {
		fmt.Fprintf(&text, "(%d) %s\n", i+1, why)
	}
	t.Logf("%-58s %v, over %v and %v\n%s", "attack", kinds, byPull.carriers(), byImport.carriers(), text.String())
}

func (o outcome) check(t *testing.T, w *world, v *victim, err error) {
	t.Helper()
	if o.err == nil && err != nil {
		t.Fatalf("expected that it is left out, found: %v", err)
	}
	if o.err != nil && (!errors.Is(err, o.err) || !strings.Contains(err.Error(), o.says)) {
		t.Errorf("expected %v that says %q, found: %v", o.err, o.says, err)
	}
	if v == nil {
		return
	}
	if v.before.files != nil {
		v.unharmed(t, w, o)
	}
	if o.holds != nil {
		o.holds(t, w, v.view(t))
	}
}
