package cite

import (
	"slices"
	"strings"
	"time"
)

// cffLicenses are the licences for data that version 1.2.0 of the format knows.
var cffLicenses = []string{
	"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-NC-4.0",
	"CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-PDDC", "CC0-1.0", "CDLA-Permissive-1.0",
	"CDLA-Sharing-1.0", "EUPL-1.2", "GFDL-1.3-only", "GFDL-1.3-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "MIT", "MIT-0", "ODC-By-1.0",
	"ODbL-1.0", "OGL-Canada-2.0", "OGL-UK-2.0", "OGL-UK-3.0", "PDDL-1.0", "Unlicense", "etalab-2.0",
}

// CFF returns the citation as a CITATION.cff file of version 1.2.0.
func CFF(r Record) string {
	var b strings.Builder
	field := func(indent, key, value string) {
		if value == "" {
			return
		}
		b.WriteString(indent + key + ": " + quoteYAML(value) + "\n")
	}
	b.WriteString("cff-version: 1.2.0\ntype: dataset\n")
	field("", "message", "If you use this dataset, please cite this exact version.")
	field("", "title", titleOf(r))
	b.WriteString("authors:\n")
	for _, a := range named(r.Authors) {
		if family, given := nameParts(a); family != "" {
			field("  - ", "family-names", family)
			field("    ", "given-names", given)
		} else {
			field("  - ", "name", oneLine(a.Name))
		}
		if a.ORCID != "" {
			field("    ", "orcid", "https://orcid.org/"+a.ORCID)
		}
		if family, _ := nameParts(a); family != "" {
			field("    ", "affiliation", oneLine(a.Affiliation))
		}
	}
	if len(named(r.Authors)) == 0 {
		field("  - ", "name", "Unknown")
	}
	field("", "abstract", strings.TrimSpace(strings.ToValidUTF8(r.Description, "\ufffd")))
	field("", "version", oneLine(r.Version))
	if !r.Date.IsZero() {
		field("", "date-released", r.Date.UTC().Format(time.DateOnly))
	}
	field("", "commit", r.Commit.String())
	field("", "doi", r.DOI)
	field("", "url", r.page())
	b.WriteString("identifiers:\n")
	identifier := func(value, what string) {
		b.WriteString("  - type: other\n")
		field("    ", "value", value)
		field("    ", "description", what)
	}
	identifier(r.identifier(), labelExact)
	identifier(r.live(), labelLive)
	if r.Part != nil && !r.Part.Fingerprint.isZero() {
		identifier(r.Part.Fingerprint.String(), "Fingerprint of "+r.Part.Table+", in any format")
	}
	if keywords := distinct(r.Keywords); len(keywords) > 0 {
		b.WriteString("keywords:\n")
		for _, k := range keywords {
			b.WriteString("  - " + quoteYAML(k) + "\n")
		}
	}
	if slices.Contains(cffLicenses, r.License) {
		field("", "license", r.License)
	} else if strings.HasPrefix(r.LicensePath, "http") {
		field("", "license-url", escapeURL(r.LicensePath))
	}
	return b.String()
}

// quoteYAML quotes a text: what is a string in JSON is one in YAML, too.
func quoteYAML(text string) string { return strings.TrimSuffix(string(encodeJSON(text)), "\n") }

// distinct returns the texts that are not empty, each once.
func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if s = oneLine(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
