package refs

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/object"
)

// The reasons for which a vector is refused.
var refusals = map[string]error{"damaged": object.ErrCorrupt, "newer": ErrNewerFormat, "signature": ErrSignature}

// What FORMAT.md forbids is refused, for the reason that the vector names.
func TestVectorsThatAreRefused(t *testing.T) {
	made := refusedVectors(t)
	var reasons strings.Builder
	for _, name := range slices.Sorted(maps.Keys(made)) {
		checkVector(t, "refused/"+name, made[name].data)
		fmt.Fprintln(&reasons, name, made[name].reason)
	}
	checkTextVector(t, "refused/reasons.txt", reasons.String())
	for name, v := range made {
		data := vector(t, "refused/"+name)
		var err error
		if strings.HasPrefix(name, "statement-") {
			_, err = DecodeSignedStatement(data)
		} else {
			_, err = DecodeSignedIdentity(data)
		}
		for reason, class := range refusals {
			if errors.Is(err, class) != (reason == v.reason) {
				t.Errorf("%s, which is refused as %s: %v", name, v.reason, err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(vectorDir, "refused", "*.hex"))
	if err != nil || len(files) != len(made) {
		t.Errorf("%d files, %d vectors, %v", len(files), len(made), err)
	}
}

type refusedVector struct {
	reason string
	data   []byte
}

func refusedVectors(t *testing.T) map[string]refusedVector {
	ana, eve := testKey(1), testKey(9)
	made := make(map[string]refusedVector)
	c := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana)), ana))
	good := *newWriter(t, c, ana, 1).say(nil, "a").statement
	statement := func(name, reason string, k *Key, level uint64, change func(*Statement)) []byte {
		st := good
		if change != nil {
			change(&st)
		}
		data := signedRaw(t, k, encodeStatement(&st, level))
		made["statement-"+name] = refusedVector{reason, data}
		return data
	}
	named := func(s string) func(*Statement) {
		return func(st *Statement) { st.Refs = map[Name]object.ID{Name(s): target("a")} }
	}
	statement("level-0", "damaged", ana, 0, nil)
	statement("level-2", "newer", ana, formatLevel+1, nil)
	statement("other-signer", "signature", eve, formatLevel, nil)
	statement("name-dots", "damaged", ana, formatLevel, named("heads/../x"))
	statement("name-control", "damaged", ana, formatLevel, named("heads/a\x1b[2J"))
	statement("name-not-nfc", "damaged", ana, formatLevel, named("heads/cafe\u0301"))
	statement("target-zero", "damaged", ana, formatLevel, func(st *Statement) { st.Refs = map[Name]object.ID{"heads/main": {}} })
	statement("sequence-0", "damaged", ana, formatLevel, func(st *Statement) { st.Seq = 0 })
	small := statement("of-small-order", "damaged", ana, formatLevel, func(st *Statement) { st.Log.Signer = PeerID{0: 1} })
	neutral := [ed25519.SignatureSize]byte{0: 1}
	copy(small[len(small)-len(neutral):], neutral[:])

	whole := signedRaw(t, ana, encodeStatement(&good, formatLevel))
	n := len(whole) - ed25519.SignatureSize
	made["statement-signature-plus-order"] = refusedVector{"signature", append(bytes.Clone(whole[:n]), addGroupOrder(whole[n:])...)}
	other, err := sign(identityDomain, encodeStatement(&good, formatLevel).ID(), ana)
	if err != nil {
		t.Fatal(err)
	}
	made["statement-other-domain"] = refusedVector{"signature", append(bytes.Clone(whole[:n]), other.Value[:]...)}
	made["statement-one-byte-more"] = refusedVector{"damaged", append(bytes.Clone(whole), 0)}
	made["statement-long-integer"] = refusedVector{"damaged", longInteger(whole)}
	addRefusedIdentities(t, made)
	return made
}

// longInteger writes the length that an encoding begins with, of two bytes, in three.
func longInteger(data []byte) []byte {
	return append([]byte{data[0], data[1] | 0x80, 0}, data[2:]...)
}

func addRefusedIdentities(t *testing.T, made map[string]refusedVector) {
	ana, bo := testKey(1), testKey(3)
	identity := func(name, reason string, change func(*Identity), spoil func(*SignedIdentity)) {
		id := firstIdentity(2, person("Ana", ana), person("Bo", bo))
		if change != nil {
			change(id)
		}
		o := id.sorted().encode()
		s := &SignedIdentity{object: o, id: o.ID()}
		for _, k := range []*Key{ana, bo} {
			sig, err := sign(identityDomain, s.id, k)
			if err != nil {
				t.Fatal(err)
			}
			i, _ := s.signatureOf(sig.Key)
			s.signatures = slices.Insert(s.signatures, i, sig)
		}
		if spoil != nil {
			spoil(s)
		}
		made["identity-"+name] = refusedVector{reason, s.Encode()}
	}
	identity("level-2", "newer", nil, func(s *SignedIdentity) { s.object = slices.Clone(s.object); s.object[1] = formatLevel + 1 })
	identity("key-twice", "damaged", func(id *Identity) { id.People[1].Devices[0].Key = ana.PeerID() }, nil)
	identity("threshold-3-of-2", "damaged", func(id *Identity) { id.Threshold = 3 }, nil)
	identity("no-nonce", "damaged", func(id *Identity) { id.Nonce = [16]byte{} }, nil)
	identity("name-not-nfc", "damaged", func(id *Identity) { id.Name = "cafe\u0301" }, nil)
	identity("signatures-out-of-order", "damaged", nil, func(s *SignedIdentity) { slices.Reverse(s.signatures) })
	identity("signature-twice", "damaged", nil, func(s *SignedIdentity) { s.signatures[1] = s.signatures[0] })
	identity("signature-of-another", "signature", nil, func(s *SignedIdentity) {
		s.signatures[0].Value, s.signatures[1].Value = s.signatures[1].Value, s.signatures[0].Value
	})
}
