package cite

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// BibTeX returns the citation as a @dataset entry. It is made for biblatex;
// classic styles print it as a @misc with all that matters in year and note.
// The entry's key is made of the first author, the year, the title and the
// commit, and is the same whenever they are.
func BibTeX(r Record) string { return bibEntry(r, false) }

// BibLaTeX returns the citation as a @dataset entry with the whole date, which
// classic BibTeX does not understand.
func BibLaTeX(r Record) string { return bibEntry(r, true) }

func bibEntry(r Record, whole bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "@dataset{%s,\n", citationKey(r))
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-10s = {%s},\n", name, value)
		}
	}
	field("author", bibAuthors(r.Authors))
	// A second pair of braces keeps the capitals as they are.
	field("title", "{"+escapeTeX(titleOf(r))+"}")
	// Year and month are understood by biblatex and by classic styles; the day is
	// in the version itself.
	if whole && !r.Date.IsZero() {
		field("date", r.Date.UTC().Format(time.DateOnly))
	} else if !r.Date.IsZero() {
		field("year", year(r))
		field("month", strconv.Itoa(int(r.Date.UTC().Month())))
	}
	field("version", escapeTeX(oneLine(r.Version)))
	field("publisher", escapeTeX(oneLine(r.Publisher)))
	field("doi", escapeURL(r.DOI))
	live := r.live()
	if strings.Contains(live, "://") {
		field("url", escapeURL(live))
	}
	field("eprinttype", "constl")
	field("eprint", r.Dataset.String()+"@"+r.Commit.String())
	note := escapeTeX(r.notes())
	if l := oneLine(r.License); l != "" {
		note += " " + sentence("Licence: "+escapeTeX(l))
	}
	field("note", note)
	field("keywords", escapeTeX(strings.Join(distinct(r.Keywords), ", ")))
	field("abstract", escapeTeX(oneLine(r.Description)))
	b.WriteString("}\n")
	return b.String()
}

func bibAuthors(authors []Author) string {
	var names []string
	for _, a := range authors {
		name := oneLine(a.Name)
		if name == "" {
			continue
		}
		text := escapeTeX(name)
		// BibTeX parts names at the word "and" and at no more than two commas.
		if strings.Contains(" "+strings.ToLower(name)+" ", " and ") || strings.Count(name, ",") > 2 || strings.EqualFold(name, "others") {
			text = "{" + text + "}"
		}
		names = append(names, text)
	}
	return strings.Join(names, " and ")
}

// citationKey is made of ASCII letters and digits and one underscore only, which
// every tool accepts.
func citationKey(r Record) string {
	family := ""
	if len(r.Authors) > 0 {
		name := oneLine(r.Authors[0].Name)
		if before, _, ok := strings.Cut(name, ","); ok {
			name = before
		} else {
			name = name[strings.LastIndexByte(name, ' ')+1:]
		}
		family = plain(name)
	}
	word := ""
	for w := range strings.FieldsSeq(r.Title) {
		if word = plain(w); len(word) > 3 {
			break
		}
	}
	key := family + year(r) + word
	if key == "" {
		key = "dataset"
	}
	return key + "_" + r.Commit.Short()
}

// plain returns the letters a to z and digits of s, without accents.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(norm.NFKD.String(s)))
}

// escapeTeX makes TeX print s as it is. Braces become commands, since BibTeX
// counts even those that a backslash precedes.
func escapeTeX(s string) string {
	return texEscapes.Replace(s)
}

var texEscapes = strings.NewReplacer(
	`\`, `\textbackslash{}`, `{`, `\textbraceleft{}`, `}`, `\textbraceright{}`,
	`$`, `\$`, `&`, `\&`, `%`, `\%`, `#`, `\#`, `_`, `\_`,
	`~`, `\textasciitilde{}`, `^`, `\textasciicircum{}`,
)

// escapeURL encodes what a url field cannot hold; biblatex takes the rest verbatim.
func escapeURL(s string) string {
	return strings.NewReplacer(`\`, "%5C", `{`, "%7B", `}`, "%7D", " ", "%20").Replace(s)
}
