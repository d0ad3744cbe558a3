package deptest

import (
	"go/ast"
	"go/token"
	"strings"
)

// checkDocs wants a comment on every exported name of a file that begins with
// the name. One comment is enough for a group of constants or variables.
func (c *checker) checkDocs(f *ast.File) {
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			c.checkFunc(d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					c.checkType(d, s)
				case *ast.ValueSpec:
					c.checkValue(d, s)
				}
			}
		}
	}
}

func (c *checker) checkFunc(d *ast.FuncDecl) {
	if d.Recv == nil && d.Name.Name == "init" {
		c.report(d.Pos(), "no init functions: nothing happens by being imported")
	}
	name := d.Name.Name
	if d.Recv != nil && len(d.Recv.List) == 1 {
		receiver := receiverName(d.Recv.List[0].Type)
		if !ast.IsExported(receiver) {
			return
		}
		name = receiver + "." + name
	}
	if d.Name.IsExported() {
		c.wantDoc(d.Pos(), name, d.Name.Name, d.Doc)
	}
}

func receiverName(t ast.Expr) string {
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func (c *checker) checkType(d *ast.GenDecl, s *ast.TypeSpec) {
	if !s.Name.IsExported() {
		return
	}
	doc := s.Doc
	if doc == nil && len(d.Specs) == 1 {
		doc = d.Doc
	}
	c.wantDoc(s.Pos(), s.Name.Name, s.Name.Name, doc)
	iface, ok := s.Type.(*ast.InterfaceType)
	if !ok {
		return
	}
	for _, m := range iface.Methods.List {
		for _, name := range m.Names {
			if name.IsExported() {
				c.wantDoc(name.Pos(), s.Name.Name+"."+name.Name, name.Name, m.Doc)
			}
		}
	}
}

func (c *checker) checkValue(d *ast.GenDecl, s *ast.ValueSpec) {
	if d.Lparen.IsValid() && (d.Doc != nil || s.Doc == nil && s.Comment != nil) {
		return
	}
	doc := s.Doc
	if doc == nil && !d.Lparen.IsValid() {
		doc = d.Doc
	}
	for _, name := range s.Names {
		if name.IsExported() {
			c.wantDoc(name.Pos(), name.Name, name.Name, doc)
			return
		}
	}
}

func (c *checker) wantDoc(pos token.Pos, full, name string, doc *ast.CommentGroup) {
	if doc == nil || strings.TrimSpace(doc.Text()) == "" {
		c.report(pos, "%s is exported and has no comment", full)
		return
	}
	text := doc.Text()
	for _, article := range []string{"A ", "An ", "The "} {
		text = strings.TrimPrefix(text, article)
	}
	rest, ok := strings.CutPrefix(text, name)
	if !ok || rest != "" && (rest[0] == '_' || isLetterOrDigit(rest[0])) {
		c.report(pos, "the comment on %s does not begin with its name", full)
	}
}

func isLetterOrDigit(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}
