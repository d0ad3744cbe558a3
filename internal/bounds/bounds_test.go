package bounds

import (
	"errors"
	"testing"
	"time"
)

func TestEveryDefaultIsAValue(t *testing.T) {
	seen := make(map[string]bool)
	for _, b := range All() {
		if seen[b.Name] || seen[b.Setting] || b.Usage == "" {
			t.Errorf("%s: the name or the setting %s stands twice, or nothing says what it is", b.Name, b.Setting)
		}
		seen[b.Name], seen[b.Setting] = true, true
		for _, n := range []int64{b.Default, b.Least, b.Most} {
			if got, err := b.Parse(b.Format(n)); got != n || err != nil {
				t.Errorf("%s: %d is written as %s and read as %d, %v", b.Name, n, b.Format(n), got, err)
			}
		}
		if b.Least > 0 {
			if _, err := b.Parse(b.Format(b.Least - 1)); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %d is taken, and %d is the least: %v", b.Name, b.Least-1, b.Least, err)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "17": 17, "500kB": 500_000, "16MB": 16e6, "2GB": 2e9, "3KiB": 3072, "1MiB": 1 << 20, "4GiB": 4 << 30, "2 GB": 2e9} {
		if got, err := ParseBytes(text); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "lots", "-1", "1.5GB", "9999999999GB", "MB", "1mb"} {
		if n, err := ParseBytes(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q is read as %d, %v", text, n, err)
		}
	}
	for want, n := range map[string]int64{"16MiB": 16 << 20, "16MB": 16e6, "1500kB": 1_500_000, "1025": 1025, "0": 0, "2GB": 2e9} {
		if got := FormatBytes(n); got != want {
			t.Errorf("%d is written as %s, want %s", n, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	settings := map[string]string{"serve.max-wait": "7s", "serve.max-requests": "5", "disk.floor": "0"}
	lookUp := func(name string) (string, bool) { v, ok := settings[name]; return v, ok }
	v, err := Resolve(Values{"max-requests": 9}, lookUp)
	if err != nil {
		t.Fatal(err)
	}
	if v.Int("max-requests") != 9 || v.Time(Wait) != 7*time.Second || v["disk-floor"] != 0 || v.Int("max-connections") != 512 {
		t.Errorf("%v", v)
	}
	settings["serve.stall"] = "soon"
	if _, err := Resolve(nil, lookUp); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v, want ErrInvalid", err)
	}
}
