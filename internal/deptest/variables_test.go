package deptest

import (
	"go/ast"
	"go/token"
)

// checkVariables wants no package variable to change after it was made. It goes
// by names: within a function that has a variable of the same name of its own,
// it assumes that this is meant.
func (c *checker) checkVariables(p *pkg) {
	vars := make(map[string]bool)
	for _, f := range p.files {
		for _, decl := range f.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				for _, spec := range d.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						vars[name.Name] = name.Name != "_"
					}
				}
			}
		}
	}
	for _, f := range p.files {
		for _, decl := range f.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && d.Body != nil {
				c.checkAssignments(d, vars)
			}
		}
	}
}

func (c *checker) checkAssignments(fn *ast.FuncDecl, vars map[string]bool) {
	own := ownNames(fn)
	assigned := func(target ast.Expr) {
		if name := rootName(target); vars[name] && !own[name] {
			c.report(target.Pos(), "the package variable %s changes here", name)
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				for _, target := range s.Lhs {
					assigned(target)
				}
			}
		case *ast.IncDecStmt:
			assigned(s.X)
		case *ast.RangeStmt:
			if s.Tok == token.ASSIGN {
				assigned(s.Key)
				assigned(s.Value)
			}
		}
		return true
	})
}

// ownNames returns what a function declares: parameters, results, variables.
func ownNames(fn *ast.FuncDecl) map[string]bool {
	own := make(map[string]bool)
	ast.Inspect(fn, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.Field:
			for _, name := range s.Names {
				own[name.Name] = true
			}
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				for _, target := range s.Lhs {
					own[rootName(target)] = true
				}
			}
		case *ast.RangeStmt:
			if s.Tok == token.DEFINE {
				own[rootName(s.Key)] = true
				own[rootName(s.Value)] = true
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				own[name.Name] = true
			}
		}
		return true
	})
	return own
}

// rootName returns the variable that holds what an expression assigns to.
func rootName(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return ""
		}
	}
}
