package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// peerRooms are the packages that read what peers, or files from elsewhere, say.
var peerRooms = []string{"object", "object/entry", "refs", "transport"}

var decoderName = regexp.MustCompile(`^([Pp]arse|[Dd]ecode)([A-Z]|$)`)

// TestEveryDecoderIsFuzzed asserts that each function which takes bytes or a text apart
// is called by a fuzz target, or by such a function that is.
func TestEveryDecoderIsFuzzed(t *testing.T) {
	for _, room := range peerRooms {
		decoders, fuzzed := decodersOf(t, filepath.Join(moduleRoot(t), filepath.FromSlash(room)))
		if len(decoders) == 0 || len(fuzzed) == 0 {
			t.Errorf("%s: %d decoders and %d names in fuzz targets were found", room, len(decoders), len(fuzzed))
		}
		for more := true; more; {
			more = false
			for name, called := range decoders {
				if !fuzzed[name] {
					continue
				}
				for other := range called {
					if _, ok := decoders[other]; ok && !fuzzed[other] {
						fuzzed[other], more = true, true
					}
				}
			}
		}
		for name := range decoders {
			if !fuzzed[name] {
				t.Errorf("%s: no fuzz target calls %s", room, name)
			}
		}
	}
}

// decodersOf returns the decoders in a folder, each with the names in its body, and the
// names in the bodies of the fuzz targets.
func decodersOf(t *testing.T, dir string) (decoders map[string]map[string]bool, fuzzed map[string]bool) {
	t.Helper()
	decoders, fuzzed = make(map[string]map[string]bool), make(map[string]bool)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, entry.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		inTest := strings.HasSuffix(entry.Name(), "_test.go")
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok || fn.Recv != nil || fn.Body == nil:
			case inTest && strings.HasPrefix(fn.Name.Name, "Fuzz"):
				for name := range namesIn(fn.Body) {
					fuzzed[name] = true
				}
			case !inTest && decoderName.MatchString(fn.Name.Name) && takesText(fn):
				decoders[fn.Name.Name] = namesIn(fn.Body)
			}
		}
	}
	return decoders, fuzzed
}

// takesText reports whether a function's first parameter is a text, bytes or an object.
func takesText(fn *ast.FuncDecl) bool {
	if len(fn.Type.Params.List) == 0 {
		return false
	}
	switch p := fn.Type.Params.List[0].Type.(type) {
	case *ast.ArrayType:
		return true
	case *ast.Ident:
		return p.Name == "string" || p.Name == "Object"
	case *ast.SelectorExpr:
		return p.Sel.Name == "Object"
	}
	return false
}

func namesIn(body ast.Node) map[string]bool {
	names := make(map[string]bool)
	ast.Inspect(body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			names[id.Name] = true
		}
		return true
	})
	return names
}
