package metadata

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// element is an XML element: its name with attributes as they are written, a text, and
// elements behind it.
type element struct {
	name     string
	attrs    [][2]string
	text     string
	children []*element
}

// el makes an element of others; nil ones are left out.
func el(name string, children ...*element) *element {
	e := &element{name: name}
	return e.add(children...)
}

// tx makes an element with a text, or nil if that is empty.
func tx(name, text string) *element {
	if text = xmlText(text); text == "" {
		return nil
	}
	return &element{name: name, text: text}
}

// add adds elements, without those that are nil; it does nothing to a nil one.
func (e *element) add(children ...*element) *element {
	if e == nil {
		return nil
	}
	for _, c := range children {
		if c != nil {
			e.children = append(e.children, c)
		}
	}
	return e
}

// attr adds an attribute unless the value is empty.
func (e *element) attr(name, value string) *element {
	if e != nil && value != "" {
		e.attrs = append(e.attrs, [2]string{name, xmlText(value)})
	}
	return e
}

// orNothing returns the element, or nil if nothing is in it.
func (e *element) orNothing() *element {
	if e == nil || e.text == "" && len(e.children) == 0 {
		return nil
	}
	return e
}

// firstText returns the first text of which XML can hold something, as it is held.
func firstText(texts ...string) string {
	for _, t := range texts {
		if t = xmlText(t); t != "" {
			return t
		}
	}
	return ""
}

// xmlText drops what XML cannot hold, and white space around the text.
func xmlText(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
}

// file returns the element as a document.
func (e *element) file() []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	e.write(&b, "")
	return b.Bytes()
}

func (e *element) write(b *bytes.Buffer, indent string) {
	b.WriteString(indent + "<" + e.name)
	for _, a := range e.attrs {
		b.WriteString(" " + a[0] + `="`)
		escapeXML(b, a[1])
		b.WriteByte('"')
	}
	switch {
	case e.text != "":
		b.WriteByte('>')
		escapeXML(b, e.text)
		for _, c := range e.children { // without white space, which would be of the text
			var inner bytes.Buffer
			c.write(&inner, "")
			b.Write(bytes.TrimSuffix(inner.Bytes(), []byte("\n")))
		}
	case len(e.children) == 0:
		b.WriteString("/>\n")
		return
	default:
		b.WriteString(">\n")
		for _, c := range e.children {
			c.write(b, indent+"  ")
		}
		b.WriteString(indent)
	}
	b.WriteString("</" + e.name + ">\n")
}

func escapeXML(b *bytes.Buffer, s string) {
	_ = xml.EscapeText(b, []byte(s)) // a buffer takes everything
}
