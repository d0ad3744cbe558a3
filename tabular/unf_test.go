package tabular

import (
	"strings"
	"testing"
)

// The vectors of IQSS/UNF, the implementation of Dataverse (doc/unf_examples.txt and
// its test resources), and of the guide to version 6.
func TestUNFVectors(t *testing.T) {
	long := "A quite long character string, so long that the number of characters in it happens to be more than the default cutoff limit of 128."
	for _, c := range []struct{ cells, want string }{
		{"0", "YUvj33xEHnzirIHQyZaHow=="}, {"1", "tv3XYCv524AfmlFyVOhuZg=="}, {"-300", "ZTXyg54FoMfRDWZl6oWmFQ=="},
		{"3.1415", "vOSZmXXXpKfQcqZ0Cuu5/w=="}, {"0.00073", "qhw3qzg3fEK0NNfoVxk4jQ=="},
		{"INF", "MdAI70WZdDHnu6qmkpqUQg=="}, {"-inf", "A7orv3pgAhljFnGjQVLCog=="},
		{"A character String", "FYqU7uBl885eHMbpco1ooA=="}, {long, "/BoSlfcIlsmQ+GHu5gxwEw=="}, {"på Færøerne", "KHM6bKVaVaxWDDsmyerfDA=="},
		{"", "cJ6AyISHokEeHuTfufIqhg=="},
		{"2014-01-13T20:47:18", "eaMxex5EHi2LunomVc0SDw=="}, {"2014-01-13 20:47:18-05:00", "1Pku/Z/EIRtmpdEepAb1MA=="},
		{"TRUE", "tv3XYCv524AfmlFyVOhuZg=="}, {"FALSE", "YUvj33xEHnzirIHQyZaHow=="},
		{"1.23456789|NA|0", "Do5dfAoOOFt4FSj0JcByEw=="}, {"1|2|3", "AvELPR5QTaBbnq6S22Msow=="},
		{"6.6666666666666667|75.216", "+kc3wyGwZ6otDkZwpvswDw=="}, {"Hello World|Testing 123", "r+FDbVC6fKdUjRS6ZIzP4w=="},
	} {
		g := &textGrid{names: []string{"x"}, batch: 2}
		for _, cell := range strings.Split(c.cells, "|") {
			g.rows = append(g.rows, []string{cell})
		}
		if got, err := UNFOf(t.Context(), g, 0); err != nil || got != "UNF:6:"+c.want {
			t.Errorf("%q: %s, %v, expected %s", c.cells, got, err, c.want)
		}
	}
	for text, want := range map[string]string{"1.2345675": "+1.234568e+", "-0": "-0.e+", "0.0": "+0.e+", "1e400": "+inf", "-1e-12": "-1.e-12", "12345678": "+1.234568e+7"} {
		if got := string(appendUNFNumber(nil, []byte(text))); got != want {
			t.Errorf("%s: %s, expected %s", text, got, want)
		}
	}
}

func TestUNFKnowsNoOrderOfColumns(t *testing.T) {
	a := &textGrid{names: []string{"x", "y"}, rows: [][]string{{"1", "a"}, {"2", "b"}}}
	b := &textGrid{names: []string{"y", "x"}, rows: [][]string{{"a", "1.0"}, {"b", "2.00000001"}}, batch: 2}
	c := &textGrid{names: []string{"x", "y"}, rows: [][]string{{"2", "b"}, {"1", "a"}}}
	var unf [3]string
	for i, g := range []*textGrid{a, b, c} {
		var err error
		if unf[i], err = UNFOf(t.Context(), g, 1); err != nil {
			t.Fatal(err)
		}
	}
	if unf[0] != unf[1] || unf[0] == unf[2] {
		t.Errorf("%v", unf)
	}
}
