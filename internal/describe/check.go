package describe

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/internal/datapackage"
)

// Problem is something that a description says and that cannot be right.
type Problem struct {
	Where string `json:"where"` // the property, as "contributors: Jane Doe" or "counts.csv: temp: unit"
	Text  string `json:"problem"`
}

// Check returns what cannot be right in a description: licences that SPDX does not
// know, pages without a URL, identifiers whose check digits are wrong, languages that do not exist, units
// that are none, periods that end before they begin, boxes beyond the globe.
func Check(p *datapackage.Package) []Problem {
	c := checker{}
	for _, l := range p.Licenses() {
		if _, err := FindLicense(l.Name); err != nil && (l.Name != "" || l.Path == "") {
			c.add("licenses", err)
		}
	}
	if page := p.Homepage(); page != "" {
		c.add("homepage", Homepage(page))
	}
	for _, person := range p.Contributors() {
		if strings.Contains(person.Path, "orcid.org") && person.ORCID == "" {
			_, err := ORCID(person.Path)
			c.add("contributors: "+person.Name, err)
		}
		if person.ROR != "" {
			_, err := ROR(person.ROR)
			c.add("contributors: "+person.Name, err)
		}
	}
	for _, f := range p.Funding() {
		if f.ROR != "" {
			_, err := ROR(f.ROR)
			c.add("funding: "+f.Funder, err)
		}
	}
	for _, tag := range p.Languages() {
		_, err := Language(tag)
		c.add("languages", err)
	}
	c.languages("", p.Translations("title"), p.Translations("description"))
	t := p.Temporal()
	c.add("temporal", Period(t.Start, t.End))
	if s := p.Spatial(); s.HasBox {
		c.add("spatial", Box(s.Box))
	}
	for _, r := range p.Resources() {
		for _, f := range r.FieldDetails() {
			where := strings.Join(r.Paths(), ", ") + ": " + f.Name + ": "
			if f.Unit != "" {
				c.add(where+"unit", Unit(f.Unit))
			}
			c.languages(where, f.Titles, f.Descriptions)
		}
	}
	return c.found
}

type checker struct{ found []Problem }

func (c *checker) add(where string, err error) {
	if err != nil {
		c.found = append(c.found, Problem{where, err.Error()})
	}
}

func (c *checker) languages(where string, titles, descriptions map[string]string) {
	for _, texts := range []struct {
		key string
		in  map[string]string
	}{{"title", titles}, {"description", descriptions}} {
		for _, tag := range slices.Sorted(maps.Keys(texts.in)) {
			_, err := Language(tag)
			c.add(where+texts.key+"@"+tag, err)
		}
	}
}

// Period checks the bounds of a time: years, months, days or moments after ISO 8601,
// either of which may be empty. It fails with [ErrMalformed].
func Period(start, end string) error {
	a, err := moment(start)
	if err != nil {
		return err
	}
	b, err := moment(end)
	if err == nil && start != "" && end != "" && b.Before(a) {
		err = malformed("the period ends (%s) before it begins (%s)", end, start)
	}
	return err
}

func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006", "2006-01", time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, malformed("%q is no date; expected one as 2026, 2026-11, 2026-11-22 or 2026-11-22T10:00:00Z", text)
}

// Box checks an area: west, south, east, north in degrees. West may be greater than
// east, across the date line. It fails with [ErrMalformed].
func Box(b [4]float64) error {
	west, south, east, north := b[0], b[1], b[2], b[3]
	switch {
	case !(west >= -180 && west <= 180 && east >= -180 && east <= 180 && south >= -90 && north <= 90):
		return malformed("the box %g, %g, %g, %g is not on the globe; expected west, south, east, north in degrees", west, south, east, north)
	case south > north:
		return malformed("the box has its south (%g) above its north (%g); expected west, south, east, north", south, north)
	}
	return nil
}

// Question is what a person is asked about a dataset that nobody has described.
type Question struct {
	Key  string // the option of constl describe that answers it
	Text string
	Hint string
}

// Questions returns what to ask: at most five, and only what the description does
// not say. A title that is but the dataset's name counts for none.
func Questions(p *datapackage.Package) []Question {
	var out []Question
	for _, q := range []struct {
		said bool
		Question
	}{
		{p.Title() != "" && datapackage.Slug(p.Title()) != p.Name(), Question{"title", "What is the dataset called?", "a title, as: Birds of the river delta, 2019 to 2026"}},
		{p.Description() != "", Question{"description", "What is in it, and how was it obtained?", "a sentence or two"}},
		{slices.ContainsFunc(p.Contributors(), datapackage.Contributor.IsCreator), Question{"author", "Who are the authors?", "Name <ORCID>; Name <ORCID>; the ORCID may be left out"}},
		{p.Has("licenses"), Question{"license", "Under which licence may it be used?", "an SPDX identifier: CC0-1.0 (no conditions), CC-BY-4.0 (name the authors)"}},
		{p.Has("keywords"), Question{"keywords", "Which keywords should find it?", "as: birds, wetland, citizen science"}},
	} {
		if !q.said {
			out = append(out, q.Question)
		}
	}
	return out
}

// Author reads a person as people write one: "Jane Doe", "Doe, Jane", either with an
// ORCID behind the name, in < > or ( ) or without; behind that perhaps " @ " and the
// organisation, with its ROR or without. It fails with [ErrMalformed].
func Author(text string) (datapackage.Contributor, error) {
	name, organization, _ := strings.Cut(strings.TrimSpace(text), " @ ")
	name = strings.TrimSpace(name)
	c := datapackage.Contributor{Roles: []string{"creator"}}
	if at := strings.IndexByte(organization, '<'); at >= 0 {
		ror, err := ROR(strings.Trim(organization[at:], " <>"))
		if err != nil {
			return c, err
		}
		c.ROR, organization = ror, organization[:at]
	}
	c.Organization = strings.TrimSpace(organization)
	at := strings.IndexAny(name, "<(")
	if at < 0 {
		if i := strings.LastIndexByte(name, ' '); i > 0 && strings.ContainsAny(name[i:], "0123456789") {
			at = i
		}
	}
	if at >= 0 {
		id, err := ORCID(strings.Trim(name[at:], " <>()"))
		if err != nil {
			return c, err
		}
		c.ORCID, name = id, strings.TrimSpace(name[:at])
	}
	if name == "" {
		return c, malformed("%q has no name; expected one as: Jane Doe <0000-0002-1825-0097>", text)
	}
	c.Name = name
	return c, nil
}

// Grant reads a source of money as "FUNDER; AWARD; TITLE; ROR", of which all but the
// first may be left out; a ROR may stand in any place. It fails with [ErrMalformed].
func Grant(text string) (datapackage.Funding, error) {
	var f datapackage.Funding
	var parts []string
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		if strings.Contains(part, "ror.org/") {
			ror, err := ROR(part)
			if err != nil {
				return f, err
			}
			f.ROR = ror
			continue
		}
		parts = append(parts, part)
	}
	if len(parts) > 3 || len(parts) == 0 || parts[0] == "" && f.ROR == "" {
		return f, malformed("%q names no funder; expected FUNDER; AWARD; TITLE; ROR, of which all but the first may be left out", text)
	}
	for i, to := range []*string{&f.Funder, &f.Award, &f.Title} {
		if i < len(parts) {
			*to = parts[i]
		}
	}
	return f, nil
}

// Column is what is seen of a column that may say when or where.
type Column struct {
	Name      string
	Moment    bool // its values are seconds since 1970, otherwise numbers
	Year      bool // its values are years
	Low, High float64
}

// Coverage proposes the time and the area that a dataset covers, from the least and
// greatest values of columns with dates (or, where there is none, years) and of columns
// that are called latitude and longitude or the like. Dates of birth, of entry and of
// change count for nothing.
func Coverage(columns []Column) (datapackage.Temporal, datapackage.Spatial) {
	var t datapackage.Temporal
	var s datapackage.Spatial
	var lats, lons, years []Column
	for _, c := range columns {
		name := plainText(c.Name)
		switch {
		case (c.Moment || c.Year) && slices.ContainsFunc([]string{"birth", "modif", "updat", "creat", "enter", "chang"}, func(w string) bool { return strings.Contains(name, w) }):
		case c.Moment:
			low, high := dayText(c.Low), dayText(c.High)
			if t.Start == "" || low < t.Start {
				t.Start = low
			}
			if high > t.End {
				t.End = high
			}
		case c.Year:
			years = append(years, c)
		case slices.Contains([]string{"lat", "latitude", "decimallatitude", "latdd", "latdeg"}, name):
			lats = append(lats, c)
		case slices.Contains([]string{"lon", "long", "lng", "longitude", "decimallongitude", "londd", "londeg"}, name):
			lons = append(lons, c)
		}
	}
	if t.Start == "" {
		for _, c := range years {
			low, high := fmt.Sprintf("%04.0f", c.Low), fmt.Sprintf("%04.0f", c.High)
			if t.Start == "" || low < t.Start {
				t.Start = low
			}
			t.End = max(t.End, high)
		}
	}
	if len(lats) == 0 || len(lons) == 0 {
		return t, s
	}
	box := [4]float64{lons[0].Low, lats[0].Low, lons[0].High, lats[0].High}
	for _, c := range lons {
		box[0], box[2] = min(box[0], c.Low), max(box[2], c.High)
	}
	for _, c := range lats {
		box[1], box[3] = min(box[1], c.Low), max(box[3], c.High)
	}
	if Box(box) == nil {
		s.Box, s.HasBox = box, true
	}
	return t, s
}

func dayText(seconds float64) string {
	return time.Unix(int64(seconds), 0).UTC().Format(time.DateOnly)
}

// BoxText writes a box as people give it: west,south,east,north.
func BoxText(b [4]float64) string { return fmt.Sprintf("%g,%g,%g,%g", b[0], b[1], b[2], b[3]) }
