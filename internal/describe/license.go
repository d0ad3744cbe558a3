package describe

import (
	_ "embed"
	"strings"
)

//go:embed licenses.txt
var licenseList string

// License is a licence that SPDX knows.
type License struct {
	ID   string
	Name string
	URL  string // its text
}

// FindLicense returns the licence of an SPDX identifier, in whatever case it is
// written. One that ends in +, as GPL-2.0+, is found under the name that SPDX has given
// it since, GPL-2.0-or-later: a Data Package allows no + in a licence's name. It fails
// with an error that wraps [ErrUnknown] and names the nearest if there is none.
func FindLicense(id string) (License, error) {
	wanted := plainText(id)
	alias := map[string]string{
		"cc0": "CC0-1.0", "ccby": "CC-BY-4.0", "ccby4": "CC-BY-4.0", "ccbysa": "CC-BY-SA-4.0", "ccbync": "CC-BY-NC-4.0",
		"ccbysa4": "CC-BY-SA-4.0", "ccbync4": "CC-BY-NC-4.0", "odbl": "ODbL-1.0", "pddl": "PDDL-1.0", "odcby": "ODC-By-1.0",
		"publicdomain": "CC0-1.0", "mitlicense": "MIT", "apache": "Apache-2.0", "apache2": "Apache-2.0",
	}
	near := alias[wanted]
	var starts []string
	for line := range strings.Lines(licenseList) {
		have, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		plain := plainText(have)
		switch {
		case strings.EqualFold(have, strings.TrimSpace(id)) && strings.HasSuffix(have, "+"):
			return FindLicense(strings.TrimSuffix(have, "+") + "-or-later")
		case strings.EqualFold(have, strings.TrimSpace(id)):
			return License{ID: have, Name: name, URL: licenseURL(have)}, nil
		case plain == wanted || plainText(name) == wanted:
			near = have
		case wanted != "" && strings.HasPrefix(plain, wanted):
			starts = append(starts, have)
		}
	}
	switch {
	case near != "":
		return License{}, unknown("%q is no SPDX licence identifier; did you mean %s?", id, near)
	case len(starts) > 0:
		return License{}, unknown("%q is no SPDX licence identifier; did you mean one of %s?", id, strings.Join(starts[:min(len(starts), 6)], ", "))
	}
	return License{}, unknown("%q is no SPDX licence identifier; data are mostly under CC0-1.0 (no conditions) or CC-BY-4.0 (name the authors)", id)
}

// licenseURL is where a licence is explained to those who are to keep to it.
func licenseURL(id string) string {
	if rest, ok := strings.CutPrefix(id, "CC-"); ok {
		if i := strings.LastIndexByte(rest, '-'); i > 0 && strings.HasSuffix(rest, ".0") {
			return "https://creativecommons.org/licenses/" + strings.ToLower(rest[:i]) + "/" + rest[i+1:] + "/"
		}
	}
	if id == "CC0-1.0" {
		return "https://creativecommons.org/publicdomain/zero/1.0/"
	}
	return "https://spdx.org/licenses/" + id + ".html"
}

// plainText keeps the letters and digits of a text, in lower case.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}
