package tabular

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/constl/constl/object"
)

// vector is one entry of testdata/segments/vectors.json.
type vector struct {
	Name    string   `json:"name"`
	Cells   []string `json:"cells,omitempty"`  // what the segment holds
	Repeat  int      `json:"repeat,omitempty"` // how many times over, if not once
	Payload string   `json:"payload"`          // hexadecimal
	ID      string   `json:"id,omitempty"`
	Expect  string   `json:"expect"` // "ok", "refused", or "another encoding": decoded, but found by CheckSegment
}

// Payloads and ids are part of the format: an entry is never changed, only added.
func TestSegmentVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/segments/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors: %v", len(vectors), err)
	}
	for _, v := range vectors {
		payload, err := hex.DecodeString(v.Payload)
		if err != nil {
			t.Fatal(err)
		}
		switch v.Expect {
		case "ok":
			var c Cells
			for range max(1, v.Repeat) {
				for _, text := range v.Cells {
					c.Append([]byte(text))
				}
			}
			if got := hex.EncodeToString(roundTrip(t, c)); got != v.Payload {
				t.Errorf("%s: payload %s, expected %s", v.Name, got, v.Payload)
			}
			if got := object.New(object.KindSegment, payload).ID().String(); got != v.ID {
				t.Errorf("%s: id %s, expected %s", v.Name, got, v.ID)
			}
			got, err := DecodeSegment(payload)
			if err != nil || !sameCells(got, c) {
				t.Errorf("%s: decoded to %d cells, %v", v.Name, got.Len(), err)
			}
		case "refused":
			if c, err := DecodeSegment(payload); !errors.Is(err, object.ErrCorrupt) {
				t.Errorf("%s: decoded to %d cells, error %v", v.Name, c.Len(), err)
			}
		case "another encoding":
			if _, err := DecodeSegment(payload); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			if err := CheckSegment(payload); !errors.Is(err, object.ErrCorrupt) {
				t.Errorf("%s: passes the check: %v", v.Name, err)
			}
		default:
			t.Errorf("%s: unknown expectation %q", v.Name, v.Expect)
		}
	}
}
