package refs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constl/constl/object"
)

// seeds adds the vectors whose names match one of the patterns.
func seeds(f *testing.F, patterns ...string) {
	f.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(vectorDir, filepath.FromSlash(pattern)+".hex"))
		if err != nil || len(files) == 0 {
			f.Fatalf("no vectors %s: %v", pattern, err)
		}
		for _, file := range files {
			f.Add(readHex(f, file))
		}
	}
}

func FuzzDecodeSignedIdentity(f *testing.F) {
	seeds(f, "identity-*", "draft", "fork-*", "refused/identity-*")
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSignedIdentity(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !bytes.Equal(s.Encode(), data) {
			t.Fatal("another encoding")
		}
	})
}

func FuzzDecodeContact(f *testing.F) {
	seeds(f, "contact")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeContact(data)
		if err != nil {
			if !errors.Is(err, ErrInvalidContact) {
				checkRefusal(t, err)
			}
			return
		}
		if !bytes.Equal(c.Encode(), data) {
			t.Fatal("another encoding")
		}
	})
}

func FuzzDecodeIdentity(f *testing.F) {
	for _, id := range []*Identity{fullIdentity(), firstIdentity(1, person("Ana", testKey(1)))} {
		o, err := id.Object()
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(o))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := DecodeIdentity(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		o, err := id.Object()
		if err != nil || !bytes.Equal(o, data) {
			t.Fatalf("another encoding: %v", err)
		}
	})
}

func FuzzDecodeStatement(f *testing.F) {
	k := testKey(1)
	w := newWriter(f, soloChain(f, k), k, 1)
	one := w.say(nil, "a")
	f.Add([]byte(one.object))
	f.Add([]byte(w.say(one, "b").object))
	for _, name := range []string{"proposal", "answer"} {
		f.Add([]byte(mustStatement(f, name).object))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeStatement(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if p, ok := ProposalOf(s); ok {
			name, err := ProposalName(p.Branch)
			if err != nil || s.Refs[name] != p.Tag || p.Answer().Check() != nil {
				t.Fatalf("the proposal %+v of %v: %v", p, s.Refs, err)
			}
		}
		o, err := s.Object()
		if err != nil || !bytes.Equal(o, data) {
			t.Fatalf("another encoding: %v", err)
		}
	})
}

func FuzzDecodeSignedStatement(f *testing.F) {
	seeds(f, "statement-*", "proposal", "proposal-withdrawn", "answer", "refused/statement-*")
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSignedStatement(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !bytes.Equal(s.Encode(), data) {
			t.Fatal("another encoding")
		}
	})
}

func FuzzDecodeEquivocation(f *testing.F) {
	seeds(f, "equivocation")
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEquivocation(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !bytes.Equal(e.Encode(), data) {
			t.Fatal("another encoding")
		}
	})
}

func FuzzDecodeRun(f *testing.F) {
	seeds(f, "log")
	log := newWriter(f, soloChain(f, testKey(1)), testKey(1), 1).log
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRun(data, log)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !bytes.Equal(r.encode(), data) {
			t.Fatal("another encoding")
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, object.ErrCorrupt) && !errors.Is(err, ErrNewerFormat) && !errors.Is(err, ErrSignature) {
		t.Fatalf("an error of no known class: %v", err)
	}
}

func FuzzParseURL(f *testing.F) {
	id, p := target("dataset").String(), testKey(1).PeerID().String()
	for _, s := range []string{"", "?peer=" + p, "?peer=" + p + "@[fe80::1%25e]:1&x=%20", "/?peer=" + p + "@a.b:1", "?must-x", "?=&&a"} {
		f.Add("constl://" + id + s)
	}
	for _, u := range compactURLs() {
		f.Add(u.String())
		f.Add(u.Compact())
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			if !errors.Is(err, ErrInvalidURL) && !errors.Is(err, ErrNewerFormat) {
				t.Fatalf("an error of no known class: %v", err)
			}
			return
		}
		again, err := ParseURL(u.String())
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q is written as %q, which is read as %q, %v", s, u, again, err)
		}
		compact := u.Compact()
		if !strings.HasPrefix(s, "constl://") && compact != strings.ToUpper(s) {
			t.Fatalf("%q is written as %q", s, compact)
		}
		if again, err := ParseURL(compact); len(compact) <= maxURL && (err != nil || again.String() != u.String()) {
			t.Fatalf("%q is written as %q, which is read as %q, %v", s, compact, again, err)
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	p := testKey(1).PeerID().String()
	for _, s := range []string{"", "@192.0.2.7:7420", "@[2001:db8::1]:1", "@[fe80::1%eth0]:65535", "@data.example.org:80"} {
		f.Add(p + s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			if !errors.Is(err, ErrInvalidURL) {
				t.Fatalf("an error of no known class: %v", err)
			}
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Fatalf("%q is written as %q, which is read as %q, %v", s, a, again, err)
		}
	})
}

func FuzzParseKeyPEM(f *testing.F) {
	text, err := os.ReadFile(filepath.Join(vectorDir, "device.pem"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.ReplaceAll(text, []byte("PRIVATE"), []byte("PUBLIC")))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeyPEM(text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		written, err := k.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseKeyPEM(written); err != nil || again.PeerID() != k.PeerID() {
			t.Fatalf("written and read again it is %v, %v", again, err)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	f.Add(entry{seq: 2, statement: target("a")}.text(7))
	f.Add(entry{seq: maxSeq, statement: target("b")}.text(1<<64 - 1))
	f.Fuzz(func(t *testing.T, text string) {
		e, number, err := parseEntry(text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if e.text(number) != text {
			t.Fatalf("%q is written as %q", text, e.text(number))
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"*", "heads/*", "heads/survey/*", "tags/v1", "heads", "/*", "*/x"} {
		f.Add(s, "heads/main")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p := Pattern(pattern)
		if err := p.Check(); err != nil {
			if !errors.Is(err, ErrInvalidName) {
				t.Fatal(err)
			}
			return
		}
		exact := !strings.HasSuffix(pattern, "*")
		if exact && Name(pattern).Check() != nil || exact && p.Match(Name(name)) != (pattern == name) || strings.Count(pattern, "*") > 1 {
			t.Fatalf("%q was accepted, and matches %q: %t", pattern, name, p.Match(Name(name)))
		}
	})
}

func FuzzParseCopyID(f *testing.F) {
	f.Add(CopyID{7}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseCopyID(s); err == nil && id.String() != s {
			t.Fatalf("%q is written as %q", s, id)
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"heads/main", "tags/v1.0", "heads/../x", "heads/a b", "heads/é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			if !errors.Is(err, ErrInvalidName) {
				t.Fatal(err)
			}
			return
		}
		if string(n) != s || strings.Contains(s, "..") || strings.ContainsAny(s, "\\\x00 ") || len(s) > MaxName {
			t.Fatalf("%q was accepted", s)
		}
	})
}

func FuzzParsePeerID(f *testing.F) {
	f.Add(testKey(1).PeerID().String())
	f.Add(strings.Repeat("a", 52))
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParsePeerID(s); err == nil && id.String() != s {
			t.Fatalf("%q is written as %q", s, id)
		}
	})
}

func FuzzParseLogID(f *testing.F) {
	f.Add(LogID{testKey(1).PeerID(), CopyID{7}}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseLogID(s); err == nil && id.String() != s {
			t.Fatalf("%q is written as %q", s, id)
		}
	})
}

func readHex(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := unhex(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return data
}
