package cite

import "strings"

// nameParts returns the family and given names of a person; family is empty if it
// is not sure that the name is a person's. A comma parts them; without one the last
// word is the family name of whoever has an ORCID, which only persons have.
func nameParts(a Author) (family, given string) {
	name := oneLine(a.Name)
	if family, given, ok := strings.Cut(name, ","); ok && !strings.Contains(given, ",") {
		return strings.TrimSpace(family), strings.TrimSpace(given)
	}
	if at := strings.LastIndexByte(name, ' '); a.ORCID != "" && at > 0 {
		return name[at+1:], name[:at]
	}
	return "", ""
}

// named returns the authors that have a name.
func named(authors []Author) []Author {
	var list []Author
	for _, a := range authors {
		if oneLine(a.Name) != "" {
			list = append(list, a)
		}
	}
	return list
}

// page returns the address of a web page that leads to the dataset, or "".
func (r Record) page() string {
	for _, s := range []string{oneLine(r.Live), oneLine(r.Homepage)} {
		if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
			return escapeURL(s)
		}
	}
	return ""
}

// notes are the identifiers with their labels, and what else says exactly what is
// cited.
func (r Record) notes() string {
	text := labelExact + ": " + r.identifier() + ". " + labelLive + ": " + r.live() + "."
	if r.Part != nil && !r.Part.Fingerprint.isZero() {
		text += " Fingerprint: " + r.Part.Fingerprint.String() + "."
	}
	return text
}
