package cite

import "strings"

// RIS returns the citation in the format of Research Information Systems, which
// most reference managers read. Lines end with CR LF.
func RIS(r Record) string {
	var b strings.Builder
	line := func(tag, text string) {
		if text = oneLine(text); text != "" || tag == "ER" {
			b.WriteString(tag + "  - " + text + "\r\n")
		}
	}
	line("TY", "DATA")
	line("ID", citationKey(r))
	for _, a := range named(r.Authors) {
		name := oneLine(a.Name)
		if family, given := nameParts(a); family != "" {
			name = family + ", " + given
		}
		line("AU", name)
	}
	line("TI", titleOf(r))
	if !r.Date.IsZero() {
		line("PY", year(r))
		line("DA", r.Date.UTC().Format("2006/01/02/"))
	}
	line("PB", r.Publisher)
	line("ET", r.Version)
	line("AB", r.Description)
	for _, k := range distinct(r.Keywords) {
		line("KW", k)
	}
	line("LA", r.Language)
	line("DO", r.DOI)
	line("UR", r.page())
	line("M1", r.identifier())
	line("N1", r.notes())
	if r.License != "" {
		line("C1", "Licence: "+r.License)
	}
	line("ER", "")
	return b.String()
}
