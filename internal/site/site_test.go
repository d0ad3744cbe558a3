package site

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/constl/constl/internal/metadata"
	"golang.org/x/net/html"
)

const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)> & ' </title></style>`

// hostile is a dataset in which every text tries to break out.
func hostile() *Page {
	f := metadata.Field{
		Name: evil, Type: evil, Unit: evil, Title: evil, Description: evil, Titles: map[string]string{evil: evil}, Key: true,
		Statistics: &metadata.Statistics{Cells: 3, Missing: 1, Distinct: 2, Of: "length", Min: evil, Max: evil, Mean: evil, Top: []metadata.Value{{Text: evil, Count: 2}}},
	}
	return &Page{
		Dataset: &metadata.Dataset{
			ID: evil, Commit: strings.Repeat("c", 64), Exact: evil, Live: "constl://" + evil, Title: evil, Description: evil, Language: evil, Version: evil,
			Titles: map[string]string{evil: evil}, Descriptions: map[string]string{"de": evil}, Keywords: []string{evil}, Homepage: "javascript:alert(1)",
			Licenses: []metadata.License{{ID: evil, Name: evil, URL: "javascript:alert(1)"}}, Authors: []metadata.Person{{Name: evil, URL: "javascript:alert(1)"}},
			Funding: []metadata.Grant{{Funder: evil, ROR: "javascript:alert(1)"}}, Methods: []string{evil}, Citation: evil, BibTeX: evil,
			Temporal: metadata.Period{Start: evil}, Spatial: metadata.Place{Name: evil, HasBox: true},
			Tables: []metadata.Table{{File: metadata.File{Path: evil}, Title: evil, Description: evil, Rows: 1234567, Fields: []metadata.Field{f}}},
			Files:  []metadata.File{{Path: evil, SHA256: evil}},
		},
		Rows:    map[string][][]string{evil: {{evil}}},
		History: []Version{{Commit: strings.Repeat("d", 64), Author: evil, Time: time.Unix(0, 0), Message: evil}},
		More:    true,
	}
}

// walk calls do for every element.
func walk(n *html.Node, do func(*html.Node)) {
	if n.Type == html.ElementNode {
		do(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, do)
	}
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// Nothing that people wrote becomes markup, a script or an address that runs one, and
// nothing is fetched from elsewhere.
func TestNothingBreaksOut(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, hostile()); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	walk(root, func(n *html.Node) {
		switch n.Data {
		case "img", "link", "iframe", "object", "base":
			t.Errorf("there is an element %s", n.Data)
		case "script":
			scripts++
			var doc map[string]any
			if kind, _ := attr(n, "type"); kind != "application/ld+json" {
				t.Errorf("a script of type %q", kind)
			} else if err := json.Unmarshal([]byte(n.FirstChild.Data), &doc); err != nil || doc["name"] != evil {
				t.Errorf("the description inside: %v, %v", err, doc["name"])
			}
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			}
			if (a.Key == "href" || a.Key == "src") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("<%s> leads to %s", n.Data, a.Val)
			}
		}
	})
	if scripts != 1 {
		t.Errorf("%d scripts", scripts)
	}
}

// The page is one that a screen reader can make sense of.
func TestStructure(t *testing.T) {
	var b bytes.Buffer
	p := hostile()
	p.Language = "pt-BR"
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	ids, labels := make(map[string]int), make(map[string]bool)
	var refs []string
	checked := ""
	headings := 0
	walk(root, func(n *html.Node) {
		if id, ok := attr(n, "id"); ok {
			ids[id]++
		}
		for _, name := range []string{"aria-labelledby", "for"} {
			if v, ok := attr(n, name); ok {
				refs = append(refs, v)
				labels[v] = true
			}
		}
		if v, ok := attr(n, "href"); ok && strings.HasPrefix(v, "#") && v != "#ZgotmplZ" { // what html/template makes of a dangerous address
			refs = append(refs, v[1:])
		}
		switch n.Data {
		case "th":
			if _, ok := attr(n, "scope"); !ok {
				t.Error("a header cell without a scope")
			}
		case "input":
			if _, on := attr(n, "checked"); on {
				checked, _ = attr(n, "id")
			}
		case "h1":
			headings++
		case "html":
			if lang, _ := attr(n, "lang"); lang != "en" {
				t.Errorf("the page's language is %q", lang)
			}
		}
	})
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %q stands %d times", id, n)
		}
	}
	for _, ref := range refs {
		if ids[ref] == 0 {
			t.Errorf("nothing has the id %q", ref)
		}
	}
	if checked != "ui-pt" || headings != 1 {
		t.Errorf("the language chosen is %q; %d headings of the page", checked, headings)
	}
}

// Every word is there in every language, each with its mark.
func TestWords(t *testing.T) {
	for key, texts := range words {
		for i, text := range texts {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: nothing in %s", key, languages[i].tag)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\bw "(\w+)"`).FindAllStringSubmatch(pageSource, -1) {
		if _, ok := words[m[1]]; !ok {
			t.Errorf("the page uses the word %q, which is not there", m[1])
		}
	}
	for key := range words {
		if !strings.Contains(pageSource, `w "`+key+`"`) {
			t.Errorf("the word %q is not used", key)
		}
	}
}
