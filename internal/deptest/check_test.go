package deptest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checker collects what is wrong in a tree.
type checker struct {
	fset  *token.FileSet
	found []problem
}

// problem is a broken rule; a line of 0 is that of a whole file or folder.
type problem struct {
	file string
	line int
	msg  string
}

func (p problem) String() string {
	if p.line == 0 {
		return p.file + ": " + p.msg
	}
	return fmt.Sprintf("%s:%d: %s", p.file, p.line, p.msg)
}

func (p problem) compare(q problem) int {
	return cmp.Or(strings.Compare(p.file, q.file), cmp.Compare(p.line, q.line), strings.Compare(p.msg, q.msg))
}

// pkg is the code of one folder, without its tests.
type pkg struct {
	dir   string
	files []*ast.File
}

// check applies every rule to a tree and returns the problems, sorted by their
// place, and the folders of the packages that it read.
func check(tree fs.FS) (problems, packages []string, err error) {
	c := &checker{fset: token.NewFileSet()}
	if err := c.checkTop(tree); err != nil {
		return nil, nil, err
	}
	pkgs, err := c.read(tree)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range pkgs {
		packages = append(packages, p.dir)
		c.checkNames(p)
		c.checkComment(p)
		c.checkVariables(p)
		for _, f := range p.files {
			c.checkImports(p, f)
			c.checkDocs(f)
		}
	}
	slices.SortFunc(c.found, problem.compare)
	for _, p := range c.found {
		problems = append(problems, p.String())
	}
	return problems, packages, nil
}

func (c *checker) report(pos token.Pos, format string, args ...any) {
	at := c.fset.Position(pos)
	c.found = append(c.found, problem{at.Filename, at.Line, fmt.Sprintf(format, args...)})
}

func (c *checker) checkTop(tree fs.FS) error {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		allowed := topFiles
		if e.IsDir() {
			allowed = topFolders
		}
		if e.IsDir() && slices.Contains(ignoredFolders, name) {
			continue
		}
		isIgnored := func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok }
		if name[0] == '.' || slices.Contains(allowed, name) || !e.IsDir() && slices.ContainsFunc(ignored, isIgnored) {
			continue
		}
		c.found = append(c.found, problem{file: name, msg: "only these may stand at the top: " + strings.Join(allowed, ", ")})
	}
	return nil
}

// read parses all code but tests, whatever system it is for.
func (c *checker) read(tree fs.FS) ([]*pkg, error) {
	var pkgs []*pkg
	byDir := make(map[string]*pkg)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if base == "testdata" || name != "." && (base[0] == '.' || base[0] == '_') {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(c.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		p := byDir[dir]
		if p == nil {
			p = &pkg{dir: dir}
			byDir[dir] = p
			pkgs = append(pkgs, p)
		}
		p.files = append(p.files, f)
		return nil
	})
	return pkgs, err
}

func (c *checker) checkNames(p *pkg) {
	for part := range strings.SplitSeq(p.dir+"/"+p.files[0].Name.Name, "/") {
		if slices.Contains(badNames, part) {
			c.report(p.files[0].Name.Pos(), "%q says nothing about what is in a package", part)
			return
		}
	}
}

func (c *checker) checkComment(p *pkg) {
	want := "Package " + p.files[0].Name.Name + " "
	if p.files[0].Name.Name == "main" {
		want = "Command " + path.Base(p.dir) + " "
	}
	first := p.files[0]
	for _, f := range p.files {
		if f.Doc == nil {
			continue
		}
		if strings.HasPrefix(f.Doc.Text(), want) {
			return
		}
		first = f
	}
	c.report(first.Name.Pos(), "the package needs a comment that begins with %q", want)
}

func (c *checker) checkImports(p *pkg, f *ast.File) {
	for _, imp := range f.Imports {
		what, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			continue
		}
		if problem := importProblem(p.dir, what); problem != "" {
			c.report(imp.Pos(), "%s", problem)
		}
		// The compiler wants embed imported where nothing of it is named.
		if imp.Name != nil && imp.Name.Name == "_" && what != "embed" {
			c.report(imp.Pos(), "no import for its side effects: %s", what)
		}
	}
}
