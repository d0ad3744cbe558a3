package refs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"pgregory.net/rapid"
)

// byPrefix takes "ab" for an ancestor of "abc"; texts names the targets.
func byPrefix(texts ...string) func(a, b object.ID) (bool, error) {
	return func(a, b object.ID) (bool, error) {
		var ta, tb string
		for _, s := range texts {
			if target(s) == a {
				ta = s
			}
			if target(s) == b {
				tb = s
			}
		}
		if a == b {
			return false, errors.New("asked about one id twice")
		}
		return strings.HasPrefix(tb, ta), nil
	}
}

func canonical(t testing.TB, v *View, n Name, texts []string) Canonical {
	t.Helper()
	c, err := v.Canonical(n, byPrefix(texts...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCanonical(t *testing.T) {
	ana, ana2, bo, cy, eve := testKey(1), testKey(2), testKey(3), testKey(4), testKey(6)
	texts := []string{"a", "ab", "abc", "ax", "axy", "q"}
	said := func(k *Key, copyID byte, main string) func(*Chain) *SignedStatement {
		return func(c *Chain) *SignedStatement { return newWriter(t, c, k, copyID).say(nil, main) }
	}
	type saying = func(*Chain) *SignedStatement
	for name, tc := range map[string]struct {
		threshold int
		said      []saying
		state     State
		target    string
		persons   int
	}{
		"nobody":                           {1, nil, Absent, "", 0},
		"a stranger":                       {1, []saying{said(eve, 1, "a")}, Absent, "", 0},
		"one":                              {1, []saying{said(ana, 1, "a")}, Agreed, "a", 1},
		"a stranger ahead":                 {1, []saying{said(ana, 1, "a"), said(eve, 1, "abc")}, Agreed, "a", 1},
		"one ahead":                        {1, []saying{said(ana, 1, "a"), said(bo, 1, "ab")}, Agreed, "ab", 1},
		"two copies, one ahead":            {1, []saying{said(ana, 1, "a"), said(ana, 2, "ab")}, Agreed, "ab", 1},
		"apart":                            {1, []saying{said(ana, 1, "ab"), said(bo, 1, "ax")}, Diverged, "", 1},
		"two copies apart":                 {1, []saying{said(ana, 1, "ab"), said(ana, 2, "ax")}, Diverged, "", 1},
		"2: one":                           {2, []saying{said(ana, 1, "a")}, Waiting, "", 1},
		"2: one with two devices":          {2, []saying{said(ana, 1, "a"), said(ana2, 1, "a")}, Waiting, "", 1},
		"2: two":                           {2, []saying{said(ana, 1, "a"), said(bo, 1, "a")}, Agreed, "a", 2},
		"2: one ahead":                     {2, []saying{said(ana, 1, "a"), said(bo, 1, "abc")}, Agreed, "a", 2},
		"2: three in line":                 {2, []saying{said(ana, 1, "a"), said(bo, 1, "ab"), said(cy, 1, "abc")}, Agreed, "ab", 2},
		"2: apart":                         {2, []saying{said(ana, 1, "ab"), said(bo, 1, "ax")}, Diverged, "", 1},
		"2: apart, two agree":              {2, []saying{said(ana, 1, "ab"), said(bo, 1, "ax"), said(cy, 1, "ab")}, Agreed, "ab", 2},
		"2: apart above a common one":      {2, []saying{said(ana, 1, "a"), said(bo, 1, "ab"), said(cy, 1, "ax")}, Agreed, "a", 3},
		"2: apart, each with two persons":  {2, []saying{said(ana, 1, "ab"), said(bo, 1, "ab"), said(ana2, 1, "ax"), said(cy, 1, "ax")}, Diverged, "", 2},
		"3: all":                           {3, []saying{said(ana, 1, "abc"), said(bo, 1, "ab"), said(cy, 1, "abc")}, Agreed, "ab", 3},
		"3: a stranger cannot fill a seat": {3, []saying{said(ana, 1, "a"), said(bo, 1, "a"), said(eve, 1, "a")}, Waiting, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			first := firstIdentity(tc.threshold, person("Ana", ana, ana2), person("Bo", bo), person("Cy", cy))
			c := mustChain(t, mustSign(t, first, ana, bo, cy))
			s := newTestStore(t, c, testKey(30))
			var in Incoming
			for _, say := range tc.said {
				in.Statements = append(in.Statements, say(c))
			}
			mustImport(t, s, in)
			got := canonical(t, mustView(t, s), "heads/main", texts)
			var want object.ID
			if tc.target != "" {
				want = target(tc.target)
			}
			if got.State != tc.state || got.Target != want || got.Persons != tc.persons || got.Threshold != tc.threshold {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCanonicalFollowsRulesAndTheCurrentIdentity(t *testing.T) {
	ana, chi := testKey(1), testKey(4)
	first := firstIdentity(1, person("Ana", ana))
	first.People = append(first.People, Person{Name: "Chi", Role: Contributor, Devices: []Device{{Key: chi.PeerID()}}})
	first.Rules = []Rule{{Pattern: "heads/survey/*", Listed: []string{"Chi"}, Threshold: 1}}
	c := mustChain(t, mustSign(t, first, ana))
	s := newTestStore(t, c, chi)
	mustUpdate(t, s, move("", "a"), Change{Name: "heads/survey/x", New: target("s")})
	mustImport(t, s, Incoming{Statements: list(newWriter(t, c, ana, 1).say(nil, "q"))})
	v := mustView(t, s)
	if got := canonical(t, v, "heads/main", nil); got.Target != target("q") || len(got.Candidates) != 1 || got.Candidates[0].Person != "Ana" {
		t.Errorf("heads/main: %+v", got)
	}
	if got := canonical(t, v, "heads/survey/x", nil); got.Target != target("s") {
		t.Errorf("heads/survey/x: %+v", got)
	}
	if names := fmt.Sprint(v.Names()); names != "[heads/main heads/survey/x]" {
		t.Errorf("names: %s", names)
	}
	if p := v.Peer(chi.PeerID()); !p.Listed || p.Person.Name != "Chi" || p.Logs[0].Head.Statement().Refs["heads/main"] != target("a") {
		t.Errorf("what Chi says: %+v", p)
	}
	// Who is taken out has no voice any more, whatever was signed before.
	out := nextIdentity(t, c, func(id *Identity) { id.People, id.Rules = id.People[:1], nil }, ana)
	mustImport(t, s, Incoming{Identities: out.Versions()})
	if got := canonical(t, mustView(t, s), "heads/survey/x", nil); got.State != Absent {
		t.Errorf("after Chi left: %+v", got)
	}
}

func TestCanonicalReturnsTheErrorOfAncestry(t *testing.T) {
	ana, bo := testKey(1), testKey(2)
	c := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana), person("Bo", bo)), ana))
	s := newTestStore(t, c, ana)
	mustImport(t, s, Incoming{Statements: list(newWriter(t, c, ana, 1).say(nil, "a"), newWriter(t, c, bo, 1).say(nil, "b"))})
	missing := errors.New("missing commit")
	if _, err := mustView(t, s).Canonical("heads/main", func(_, _ object.ID) (bool, error) { return false, missing }); !errors.Is(err, missing) {
		t.Error(err)
	}
}

// However the logs are told, the outcome is one, and an agreed target has the
// persons that the threshold demands.
func TestCanonicalProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[ab]{1,4}`), 1, 6).Draw(t, "targets")
		threshold := rapid.IntRange(1, 3).Draw(t, "threshold")
		var candidates []Candidate
		for i, s := range texts {
			candidates = append(candidates, Candidate{Target: target(s), Person: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "person"), Seq: uint64(i)})
		}
		decide := func(list []Candidate) Canonical {
			a, err := newAncestry(list, byPrefix(texts...))
			if err != nil {
				t.Fatal(err)
			}
			c := Canonical{Threshold: threshold, Candidates: list}
			c.decide(a)
			return c
		}
		one, two := decide(candidates), decide(rapid.Permutation(candidates).Draw(t, "order"))
		if one.State != two.State || one.Target != two.Target || one.Persons != two.Persons {
			t.Fatalf("%+v and %+v", one, two)
		}
		if one.State != Agreed {
			return
		}
		voices := make(map[string]bool)
		for i, s := range texts {
			if ok := target(s) == one.Target; ok || must(byPrefix(texts...)(one.Target, target(s))) {
				voices[candidates[i].Person] = true
			}
		}
		if len(voices) != one.Persons || one.Persons < threshold {
			t.Fatalf("%d persons counted, %d found, threshold %d", one.Persons, len(voices), threshold)
		}
	})
}

func must(ok bool, err error) bool { return ok && err == nil }
