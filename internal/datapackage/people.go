package datapackage

import (
	"slices"
	"strings"
)

// License is a licence under which the dataset may be used. Name is its Open
// Definition or SPDX identifier; any part may be empty.
type License struct {
	Name  string
	Path  string // its text: a URL or a path in the dataset
	Title string
}

// Licenses returns the licences in the file's order.
func (p *Package) Licenses() []License {
	var out []License
	for _, m := range p.doc.root.get("licenses").elems() {
		if v := m.value; v.kind == kindObject {
			out = append(out, License{Name: v.text("name"), Path: v.text("path"), Title: v.text("title")})
		}
	}
	return out
}

// AddLicense adds a licence because a person asked for it, and reports whether
// it did: not if one of its name is there, or if "licenses" is no list.
func (p *Package) AddLicense(l License) (added bool) {
	for _, have := range p.Licenses() {
		if have.Name == l.Name && have.Path == l.Path {
			return false
		}
	}
	return p.addPerson("licenses", texts("name", l.Name, "path", l.Path, "title", l.Title))
}

// Contributor is a person or organisation that took part in the dataset. Any
// part may be empty.
type Contributor struct {
	Name         string // as it is to be printed
	ORCID        string // the 16 digits in four groups; "" unless its check digit is right
	Path         string // a URL about the contributor
	Email        string
	Organization string
	ROR          string // the organisation's identifier, as it stands there
	Roles        []string
}

// IsCreator reports whether one of the roles is that of a creator, who is to be
// cited as an author.
func (c Contributor) IsCreator() bool {
	return slices.ContainsFunc(c.Roles, func(role string) bool {
		return strings.EqualFold(role, "creator") || strings.EqualFold(role, "author")
	})
}

// Contributors returns the contributors, creators first, otherwise in the file's
// order. Version 1 of the standard, with one "role" each, is understood too.
func (p *Package) Contributors() []Contributor {
	var creators, others []Contributor
	for _, m := range p.doc.root.get("contributors").elems() {
		v := m.value
		if v.kind != kindObject {
			continue
		}
		c := Contributor{
			Name: v.text("title"), Path: v.text("path"), Email: v.text("email"),
			Organization: v.text("organization"), ROR: v.text("ror"), Roles: v.get("roles").strs(),
		}
		if c.Name == "" {
			c.Name = strings.TrimSpace(v.text("givenName") + " " + v.text("familyName"))
		}
		if c.Roles == nil {
			c.Roles = v.get("role").strs()
		}
		c.ORCID = findORCID(c.Path)
		if c.ORCID == "" {
			c.ORCID = findORCID(v.text("orcid"))
		}
		if c.IsCreator() {
			creators = append(creators, c)
		} else {
			others = append(others, c)
		}
	}
	return append(creators, others...)
}

// AddContributor adds a contributor because a person asked for it, and reports
// whether it did: not if the name is empty or there already, or if
// "contributors" is no list. An ORCID is written as the path, if that is empty.
func (p *Package) AddContributor(c Contributor) (added bool) {
	if c.Name == "" || slices.ContainsFunc(p.Contributors(), func(have Contributor) bool { return have.Name == c.Name }) {
		return false
	}
	if id := findORCID(c.ORCID); c.Path == "" && id != "" {
		c.Path = "https://orcid.org/" + id
	}
	v := texts("title", c.Name, "path", c.Path, "email", c.Email, "organization", c.Organization, "ror", c.ROR)
	if len(c.Roles) > 0 {
		v = append(v, property{"roles", inline{textList(c.Roles)}})
	}
	return p.addPerson("contributors", v)
}

func (p *Package) addPerson(key string, v object) bool {
	list, indent := p.list(key)
	if list.kind != kindArray {
		return false
	}
	list.insert(len(list.members), p.style, indent, "", v)
	return true
}

// texts makes an object of names and values, leaving out what is empty.
func texts(pairs ...string) object {
	var out object
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, property{pairs[i], pairs[i+1]})
		}
	}
	return out
}

// findORCID returns the identifier at the end of a text (bare or as a URL) if
// its last digit is the check digit of ISO 7064 MOD 11-2, or "".
func findORCID(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), "/")
	rest, id := "", s
	if len(s) > 19 {
		rest, id = s[:len(s)-19], s[len(s)-19:]
	}
	if len(id) != 19 || rest != "" && !strings.HasSuffix(strings.ToLower(rest), "orcid.org/") {
		return ""
	}
	total := 0
	for i := range len(id) {
		c := id[i]
		switch {
		case i%5 == 4:
			if c != '-' {
				return ""
			}
		case i == 18:
			check := (12 - total%11) % 11
			if c != "0123456789X"[check] {
				return ""
			}
		case c < '0' || c > '9':
			return ""
		default:
			total = (total + int(c-'0')) * 2
		}
	}
	return id
}
