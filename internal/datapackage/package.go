package datapackage

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// FileName is where a dataset's description stands in the working copy.
const FileName = "datapackage.json"

// The profiles that files written by constl name.
const (
	profilePackage = "https://datapackage.org/profiles/2.0/datapackage.json"
	profileSchema  = "https://datapackage.org/profiles/2.0/tableschema.json"
)

// Package is a datapackage.json in memory. It may be read from several
// goroutines at once, but not while one changes it.
type Package struct {
	doc   *document
	style style
}

// Parse reads a datapackage.json. It keeps no part of data. It fails with an
// [*Error] that wraps [ErrSyntax] if data is not JSON with one meaning, or
// [ErrShape] if resources, schemas, fields or primary keys are something else
// than the standard says.
func Parse(data []byte) (*Package, error) {
	src := string(data)
	doc, err := scan(src)
	if err != nil {
		return nil, err
	}
	if at, msg := checkShape(doc.root); msg != "" {
		return nil, place(src, at, ErrShape, msg)
	}
	return &Package{doc: doc, style: styleOf(doc, src)}, nil
}

// New returns a description that says nothing yet but its name, which is made
// of name as [Slug] does it, and its title, unless that is empty.
func New(name, title string) *Package {
	st := style{newline: "\n", indent: "  ", colon: ": "}
	content := object{{"$schema", profilePackage}, {"name", Slug(name)}}
	if title != "" {
		content = append(content, property{"title", title})
	}
	content = append(content, property{"resources", inline{array{}}})
	return &Package{style: st, doc: &document{root: st.build(content, ""), after: "\n"}}
}

// Bytes returns the file. If nothing was changed it is the bytes that were
// parsed. The caller owns the slice.
func (p *Package) Bytes() []byte {
	var b strings.Builder
	b.WriteString(p.doc.before)
	p.doc.root.appendTo(&b)
	b.WriteString(p.doc.after)
	return []byte(b.String())
}

// Name returns the dataset's short name, or "".
func (p *Package) Name() string { return p.doc.root.text("name") }

// ID returns the property id: a DOI, a URL or another text that names the dataset
// everywhere, or "".
func (p *Package) ID() string { return p.doc.root.text("id") }

// Title returns the dataset's title, or "".
func (p *Package) Title() string { return p.doc.root.text("title") }

// Description returns the description, in Markdown, or "".
func (p *Package) Description() string { return p.doc.root.text("description") }

// Version returns the version that people gave the dataset, or "".
func (p *Package) Version() string { return p.doc.root.text("version") }

// SetTitle writes the title because a person asked for it: it replaces one that
// stands there.
func (p *Package) SetTitle(title string) { p.set("title", title) }

// SetDescription writes the description, as [Package.SetTitle] does.
func (p *Package) SetDescription(text string) { p.set("description", text) }

// SetVersion writes the version, as [Package.SetTitle] does.
func (p *Package) SetVersion(version string) { p.set("version", version) }

func (p *Package) set(key string, v any) { p.doc.root.set(p.style, "", key, v) }

// list returns the array under key in the root, which it adds if it is missing,
// and the indentation of its line.
func (p *Package) list(key string) (*node, string) {
	root := p.doc.root
	i := root.index(key)
	if i < 0 {
		if i = root.index("resources"); i < 0 {
			i = len(root.members)
		}
		root.insert(i, p.style, "", key, inline{array{}})
	}
	return root.members[i].value, root.members[i].indentOf("")
}

// Resources returns the resources in the file's order.
func (p *Package) Resources() []*Resource {
	root := p.doc.root
	i := root.index("resources")
	if i < 0 {
		return nil
	}
	indent := root.members[i].indentOf("")
	elems := root.members[i].value.elems()
	out := make([]*Resource, len(elems))
	for j := range elems {
		out[j] = &Resource{node: elems[j].value, indent: elems[j].indentOf(indent), style: p.style}
	}
	return out
}

// Resource returns the resource that describes the file at path (relative to
// the working copy, with slashes), and whether there is one. A resource that is
// spread over several files describes each of them.
func (p *Package) Resource(path string) (*Resource, bool) {
	for _, r := range p.Resources() {
		if r.describes(path) {
			return r, true
		}
	}
	return nil, false
}

// AddResource describes the file at path (relative to the working copy, with
// slashes) unless a resource does already, and reports whether it did. It fails
// with [ErrPath] for what the standard bars: absolute paths, "..", hidden files and
// folders, and what looks like a home folder or a file's URL (~ and file: in front).
func (p *Package) AddResource(path string, t Table) (added bool, err error) {
	if err := checkPath(path); err != nil {
		return false, err
	}
	if _, ok := p.Resource(path); ok {
		return false, nil
	}
	list, indent := p.list("resources")
	list.insert(len(list.members), p.style, indent, "", t.resource(p.freeName(path, t.Name), path))
	return true, nil
}

// DropResource takes away the entry of a file that is gone, if it carries
// nothing but what constl writes, and reports whether it did. An entry to which
// a person added anything stays.
func (p *Package) DropResource(path string) (dropped bool) {
	list := p.doc.root.get("resources")
	for i, r := range p.Resources() {
		if r.describes(path) && r.plain() {
			list.remove(i)
			return true
		}
	}
	return false
}

func checkPath(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsRune(name, '\\') {
		return fmt.Errorf("%w: %q is no path within the dataset", ErrPath, name)
	}
	if name[0] == '~' || strings.HasPrefix(name, "file:") {
		return fmt.Errorf("%w: %q is no path that a data package may have", ErrPath, name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part[0] == '.' {
			return fmt.Errorf("%w: %q is hidden", ErrPath, name)
		}
	}
	return nil
}

// freeName returns a resource name that no other resource has.
func (p *Package) freeName(file, wish string) string {
	if wish == "" {
		wish = path.Base(file)
		for _, end := range []string{".gz", path.Ext(strings.TrimSuffix(wish, ".gz"))} {
			wish = strings.TrimSuffix(wish, end)
		}
	}
	taken := make(map[string]bool)
	for _, r := range p.Resources() {
		taken[r.Name()] = true
	}
	base := Slug(wish)
	name := base
	for n := 2; taken[name]; n++ {
		name = base + "-" + strconv.Itoa(n)
	}
	return name
}

// Slug returns a text as the standard wants names: lower-case letters a to z,
// digits, ".", "_" and "-". Accents are taken off; a text of which nothing is
// left becomes "data".
func Slug(text string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(norm.NFKD.String(text)) {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '_':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		case 0x300 <= r && r < 0x370:
			// An accent that NFKD has parted from its letter.
		default:
			dash = true
		}
	}
	if s := strings.Trim(b.String(), "."); s != "" {
		return s
	}
	return "data"
}

// checkShape returns where and what is wrong with the parts that are edited, or
// no message.
func checkShape(root *node) (at int, msg string) {
	if root.kind != kindObject {
		return root.at, "expected an object in { }"
	}
	list := root.get("resources")
	if list != nil && list.kind != kindArray {
		return list.at, "resources must be a list in [ ]"
	}
	for _, m := range list.elems() {
		r := m.value
		if r.kind != kindObject {
			return r.at, "a resource must be an object in { }"
		}
		if at, msg := checkSchema(r.get("schema")); msg != "" {
			return at, msg
		}
	}
	return 0, ""
}

func checkSchema(s *node) (at int, msg string) {
	if s == nil || s.kind == kindString {
		return 0, ""
	}
	if s.kind != kindObject {
		return s.at, "a schema must be an object in { }, or the path of one"
	}
	fields := s.get("fields")
	if fields != nil && fields.kind != kindArray {
		return fields.at, "fields must be a list in [ ]"
	}
	for _, f := range fields.elems() {
		if f.value.kind != kindObject {
			return f.value.at, "a field must be an object in { }"
		}
		if name := f.value.get("name"); name == nil || name.kind != kindString {
			return f.value.at, "a field must have a name, which is a text"
		}
	}
	key := s.get("primaryKey")
	if key == nil || key.kind == kindString {
		return 0, ""
	}
	if key.kind != kindArray {
		return key.at, "primaryKey must be a field's name or a list of them"
	}
	for _, k := range key.elems() {
		if k.value.kind != kindString {
			return k.value.at, "a primaryKey's field must be given by its name"
		}
	}
	return 0, ""
}
