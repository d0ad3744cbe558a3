package refs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/google/go-cmp/cmp"
)

// fullIdentity uses every field.
func fullIdentity() *Identity {
	id := firstIdentity(1, person("Ana", testKey(1), testKey(2)), person("Bo", testKey(3)))
	id.People = append(id.People,
		Person{Name: "Chi", Role: Contributor, ORCID: "0000-0002-1825-0097", Devices: []Device{{testKey(4).PeerID(), ""}}},
		Person{Name: "Dee", Role: Reader, Devices: []Device{{testKey(5).PeerID(), "phone"}}})
	id.Rules = []Rule{
		{Pattern: "heads/*", Threshold: 2},
		{Pattern: "heads/survey/*", Listed: []string{"Chi", "Ana"}, Threshold: 1},
	}
	id.Proposers, id.Audience = ProposePeople, PeopleOnly
	id.Recovery = Recovery{Threshold: 1, Keys: []PeerID{testKey(9).PeerID(), testKey(8).PeerID()}}
	id.Closed = []Closing{
		{Log: LogID{testKey(7).PeerID(), CopyID{9}}, Seq: 3, Statement: target("x")},
		{Log: LogID{testKey(6).PeerID(), CopyID{}}},
	}
	return id
}

func TestIdentityRoundTrip(t *testing.T) {
	id := fullIdentity()
	o, err := id.Object()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeIdentity(o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(id.sorted(), back); d != "" {
		t.Error(d)
	}
	shuffled := fullIdentity()
	shuffled.People[0], shuffled.People[2] = shuffled.People[2], shuffled.People[0]
	shuffled.Rules[0], shuffled.Rules[1] = shuffled.Rules[1], shuffled.Rules[0]
	o2, err := shuffled.Object()
	if err != nil || o2.ID() != o.ID() {
		t.Errorf("the order of the parts changes the id: %v", err)
	}
}

func TestEqualNamesGiveDifferentDatasets(t *testing.T) {
	a, _ := NewIdentity("Birds", person("Ana", testKey(1)), testTime).Object()
	b, _ := NewIdentity("Birds", person("Ana", testKey(1)), testTime).Object()
	if a.ID() == b.ID() {
		t.Error("two datasets have one id")
	}
}

func TestIdentityRefusals(t *testing.T) {
	for name, spoil := range map[string]func(*Identity){
		"version 0":               func(id *Identity) { id.Version = 0 },
		"version too high":        func(id *Identity) { id.Version, id.Previous = MaxIdentityVersions+1, target("p") },
		"no previous":             func(id *Identity) { id.Version = 2 },
		"previous in version 1":   func(id *Identity) { id.Previous = target("p") },
		"no nonce":                func(id *Identity) { id.Nonce = [16]byte{} },
		"time before 1970":        func(id *Identity) { id.Time = -1 },
		"no name":                 func(id *Identity) { id.Name = "" },
		"long name":               func(id *Identity) { id.Name = strings.Repeat("x", maxTitle+1) },
		"hidden character":        func(id *Identity) { id.Name = "a\u202eb" },
		"line break":              func(id *Identity) { id.Name = "a\nb" },
		"not NFC":                 func(id *Identity) { id.Name = "an\u0303o" },
		"outer space":             func(id *Identity) { id.Name = " a" },
		"no people":               func(id *Identity) { id.People, id.Rules = nil, nil },
		"no maintainer":           func(id *Identity) { id.People[0].Role, id.People[1].Role = Reader, Reader },
		"threshold 0":             func(id *Identity) { id.Threshold = 0 },
		"threshold too high":      func(id *Identity) { id.Threshold = 3 },
		"unknown role":            func(id *Identity) { id.People[0].Role = 4 },
		"same name twice":         func(id *Identity) { id.People[1].Name = "Ana" },
		"no device":               func(id *Identity) { id.People[3].Devices = nil },
		"key of two people":       func(id *Identity) { id.People[1].Devices = id.People[0].Devices },
		"recovery key in use":     func(id *Identity) { id.Recovery.Keys[0] = testKey(1).PeerID() },
		"weak key":                func(id *Identity) { id.People[3].Devices[0].Key = PeerID{1} },
		"bad ORCID":               func(id *Identity) { id.People[2].ORCID = "0000-0002-1825-0098" },
		"bad pattern":             func(id *Identity) { id.Rules[0].Pattern = "heads" },
		"pattern twice":           func(id *Identity) { id.Rules[1].Pattern = "heads/*" },
		"rule threshold 0":        func(id *Identity) { id.Rules[0].Threshold = 0 },
		"rule threshold too high": func(id *Identity) { id.Rules[0].Threshold = 3 },
		"rule lists a stranger":   func(id *Identity) { id.Rules[1].Listed = []string{"Eve"} },
		"rule lists twice":        func(id *Identity) { id.Rules[1].Listed = []string{"Ana", "Ana"} },
		"unknown proposers":       func(id *Identity) { id.Proposers = 0 },
		"unknown audience":        func(id *Identity) { id.Audience = 3 },
		"recovery without thresh": func(id *Identity) { id.Recovery.Threshold = 0 },
		"recovery too high":       func(id *Identity) { id.Recovery.Threshold = 3 },
		"log closed twice":        func(id *Identity) { id.Closed[1].Log = id.Closed[0].Log },
		"closed at nothing":       func(id *Identity) { id.Closed[0].Statement = object.ID{} },
		"too many keys": func(id *Identity) {
			for i := range MaxIdentityKeys {
				var seed [32]byte
				seed[0], seed[1] = byte(i), 200
				id.People[3].Devices = append(id.People[3].Devices, Device{Key: KeyFromSeed(seed).PeerID()})
			}
		},
		"too large": func(id *Identity) {
			for i := range 250 {
				p := Pattern(fmt.Sprintf("heads/%s/%03d", strings.Repeat("é", 122), i))
				id.Rules = append(id.Rules, Rule{Pattern: p, Threshold: 1, Listed: []string{"Ana", "Bo"}})
			}
			id.Name = strings.Repeat("x", maxTitle)
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := fullIdentity()
			spoil(id)
			if _, err := id.Object(); !errors.Is(err, ErrInvalidIdentity) {
				t.Fatalf("Object: %v", err)
			}
			if id.Version == 1 && !id.Previous.IsZero() {
				return // nothing stands for it in the encoding
			}
			// What a liar would send must be refused as well.
			o := id.sorted().encode()
			if _, err := DecodeIdentity(o); !errors.Is(err, object.ErrCorrupt) {
				t.Errorf("DecodeIdentity: %v", err)
			}
		})
	}
}

func TestNewerFormatIsKnownAsSuch(t *testing.T) {
	var e object.Encoder
	e.Uvarint(formatLevel + 1)
	e.Text("whatever comes later")
	if _, err := DecodeIdentity(e.Object(object.KindIdentity)); !errors.Is(err, ErrNewerFormat) || errors.Is(err, object.ErrCorrupt) {
		t.Errorf("identity: %v", err)
	}
	if _, err := DecodeStatement(e.Object(object.KindStatement)); !errors.Is(err, ErrNewerFormat) {
		t.Errorf("statement: %v", err)
	}
	var wrapped object.Encoder
	wrapped.Bytes(e.Object(object.KindIdentity))
	wrapped.Raw([]byte("unknown"))
	if _, err := DecodeSignedIdentity(wrapped.Body()); !errors.Is(err, ErrNewerFormat) {
		t.Errorf("signed identity: %v", err)
	}
}

func TestSignaturesDoNotChangeTheID(t *testing.T) {
	id := firstIdentity(1, person("Ana", testKey(1), testKey(2)))
	a, b := mustSign(t, id, testKey(1)), mustSign(t, id, testKey(1), testKey(2), testKey(2))
	if a.ID() != b.ID() || len(b.Signers()) != 2 {
		t.Errorf("ids %v and %v, %d signers", a.ID(), b.ID(), len(b.Signers()))
	}
	back, err := DecodeSignedIdentity(b.Encode())
	if err != nil || back.ID() != b.ID() {
		t.Fatal(err)
	}
}

func TestVerifyChain(t *testing.T) {
	ana, ana2, bo, eve, rec := testKey(1), testKey(2), testKey(3), testKey(6), testKey(9)
	first := firstIdentity(2, person("Ana", ana, ana2), person("Bo", bo))
	first.Recovery = Recovery{Threshold: 1, Keys: []PeerID{rec.PeerID()}}
	base := mustChain(t, mustSign(t, first, ana, bo))
	next := func(change func(*Identity), keys ...*Key) *SignedIdentity {
		id, err := base.Current().Next(testTime)
		if err != nil {
			t.Fatal(err)
		}
		change(id)
		return mustSign(t, id, keys...)
	}
	keep := func(*Identity) {}
	onlyEve := func(id *Identity) { id.People, id.Threshold = []Person{person("Eve", eve)}, 1 }
	anaAndEve := func(id *Identity) { id.People = []Person{person("Ana", ana), person("Eve", eve)} }
	for name, c := range map[string]struct {
		next *SignedIdentity
		want error
	}{
		"both":                         {next(keep, ana, bo), nil},
		"one person, two devices":      {next(keep, ana, ana2), ErrThreshold},
		"one person":                   {next(keep, bo), ErrThreshold},
		"nobody":                       {next(keep), ErrThreshold},
		"the new alone":                {next(onlyEve, eve), ErrThreshold},
		"the old alone":                {next(onlyEve, ana, bo), ErrThreshold},
		"old and new":                  {next(onlyEve, ana, bo, eve), nil},
		"enough of each":               {next(anaAndEve, ana, bo, eve), nil},
		"enough of the new only":       {next(anaAndEve, ana, eve), ErrThreshold},
		"a stranger beside":            {next(keep, ana, bo, eve), ErrIdentityChain},
		"recovery":                     {next(onlyEve, rec, eve), nil},
		"recovery without the new":     {next(onlyEve, rec), ErrThreshold},
		"version skipped":              {next(func(id *Identity) { id.Version = 3 }, ana, bo), ErrIdentityChain},
		"another previous":             {next(func(id *Identity) { id.Previous = target("x") }, ana, bo), ErrIdentityChain},
		"contributor among the signed": {next(func(id *Identity) { id.People[0].Role, id.Threshold = Contributor, 1 }, ana, bo), nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := base.Extend(c.next)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("got %v, expected %v", err, c.want)
			}
			if err != nil && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%v is not of the class of the untrusted", err)
			}
		})
	}
}

func TestVerifyChainRefusesWrongBeginnings(t *testing.T) {
	ana := testKey(1)
	one := mustSign(t, firstIdentity(1, person("Ana", ana)), ana)
	two := nextIdentity(t, mustChain(t, one), func(*Identity) {}, ana).versions[1]
	for name, c := range map[string]struct {
		versions []*SignedIdentity
		want     error
	}{
		"none":            {nil, ErrIdentityChain},
		"second only":     {[]*SignedIdentity{two}, ErrIdentityChain},
		"first twice":     {[]*SignedIdentity{one, one}, ErrIdentityChain},
		"another dataset": {[]*SignedIdentity{mustSign(t, NewIdentity("X", person("Ana", ana), testTime), ana)}, ErrWrongDataset},
		"unsigned":        {[]*SignedIdentity{mustSign(t, one.Identity())}, ErrThreshold},
	} {
		if _, err := VerifyChain(one.ID(), c.versions); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeSignedIdentityRefusesForgeries(t *testing.T) {
	ana := testKey(1)
	good := mustSign(t, firstIdentity(1, person("Ana", ana)), ana)
	data := good.Encode()
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1
		got, err := DecodeSignedIdentity(bad)
		if err == nil {
			t.Fatalf("byte %d of %d changed: accepted, id %v", i, len(data), got.ID())
		}
	}
	for i := range data {
		if _, err := DecodeSignedIdentity(data[:i]); err == nil {
			t.Fatalf("cut at %d: accepted", i)
		}
	}
	// A signature made for another purpose does not serve.
	sig, err := sign(statementDomain, good.ID(), ana)
	if err != nil {
		t.Fatal(err)
	}
	forged := *good
	forged.signatures = []Signature{sig}
	if _, err := DecodeSignedIdentity(forged.Encode()); !errors.Is(err, ErrSignature) {
		t.Errorf("another domain: %v", err)
	}
}

func TestRuleForName(t *testing.T) {
	id := fullIdentity()
	id.Rules = append(id.Rules, Rule{Pattern: "heads/survey/final", Threshold: 1})
	for name, want := range map[Name]Pattern{
		"heads/main": "heads/*", "heads/survey/a": "heads/survey/*", "heads/survey/final": "heads/survey/final", "tags/v1": "*",
	} {
		if got := id.Rule(name); got.Pattern != want {
			t.Errorf("%s: rule %q, expected %q", name, got.Pattern, want)
		}
	}
	if r := id.Rule("tags/v1"); r.Threshold != id.Threshold || r.MaySign(id.People[2]) || !r.MaySign(id.People[0]) {
		t.Errorf("the rule where none matches: %+v", r)
	}
}

func TestWhoMay(t *testing.T) {
	id, stranger := fullIdentity(), testKey(20).PeerID()
	maintainer, contributor, reader := testKey(1).PeerID(), testKey(4).PeerID(), testKey(5).PeerID()
	if !id.MayRead(reader) || id.MayRead(stranger) || !id.MayPropose(contributor) || id.MayPropose(reader) || id.MayPropose(stranger) {
		t.Error("people only")
	}
	id.Audience, id.Proposers = Public, ProposeAnyone
	if !id.MayRead(stranger) || !id.MayPropose(stranger) {
		t.Error("public, anyone proposes")
	}
	if id.Proposers = ProposeNobody; id.MayPropose(maintainer) {
		t.Error("nobody proposes")
	}
}
