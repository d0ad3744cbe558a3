package deptest

import (
	"path"
	"slices"
	"strings"
)

const module = "github.com/constl/constl"

// topFolders and topFiles are all that the checkout may hold at its top, besides
// what begins with a dot and what .gitignore names.
var (
	topFolders = []string{"cmd", "object", "tabular", "refs", "merge", "transport", "internal", "testdata"}
	topFiles   = []string{"README.md", "CHANGELOG.md", "LICENSE", "go.mod", "go.sum"}
)

// ignored holds the patterns of files in .gitignore, ignoredFolders its folders:
// what constl tour makes.
var (
	ignored        = []string{"constl", "constl.exe", "*.test", "*.prof", "*.out"}
	ignoredFolders = []string{"constl-tour"}
)

// below says which rooms the packages of a room may import, besides their own.
var below = map[string][]string{
	"object":    {},
	"tabular":   {"object"},
	"refs":      {"object"},
	"merge":     {"object", "tabular", "refs"},
	"transport": {"object", "refs"},
	"internal":  {"object", "tabular", "refs", "merge", "transport"},
	"cmd":       {"object", "tabular", "refs", "merge", "transport", "internal"},
}

// outside says who may import a module that is not the standard library: the
// package itself and those in the folders beneath it. "" is everybody.
var outside = map[string][]string{
	"github.com/zeebo/blake3":          {""},
	"github.com/klauspost/compress":    {""},
	"github.com/cespare/xxhash/v2":     {"object/chunk", "tabular"},
	"github.com/quic-go/quic-go":       {"transport/quic"},
	"github.com/go-git/go-git/v5":      {"transport/git"},
	"github.com/parquet-go/parquet-go": {"tabular/parquet"},
	"github.com/fsnotify/fsnotify":     {"refs"},
	"github.com/urfave/cli/v2":         {"cmd"},
	"charm.land/bubbletea/v2":          {"cmd"},
	"github.com/charmbracelet/x":       {"cmd"},
	"golang.org/x/sys":                 {""},
	"golang.org/x/term":                {"cmd", "internal"},
	"golang.org/x/text":                {"tabular", "refs", "merge", "transport", "internal", "cmd"},
	"golang.org/x/sync":                {"tabular", "refs", "merge", "transport", "internal", "cmd"},
	"golang.org/x/net":                 {"transport", "internal"},
	"golang.org/x/crypto":              {"refs", "transport", "internal"},
	"rsc.io/qr":                        {"internal/qr"},
	"filippo.io/age":                   {"internal/keyfile"},
	"cel.dev/cel-go":                   {"internal/expr"},
}

// forTests are imports that only tests and packages for tests may have.
var forTests = []string{
	"testing", "testing/fstest", "testing/iotest", "testing/quick", "testing/synctest", "testing/cryptotest", "testing/slogtest",
	"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "pgregory.net/rapid", "go.uber.org/goleak", "golang.org/x/tools",
	"github.com/santhosh-tekuri/jsonschema/v6", "go.yaml.in/yaml/v3",
}

// badNames say nothing about what is in a package.
var badNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}

// room returns the top folder of a package.
func room(pkg string) string {
	top, _, _ := strings.Cut(pkg, "/")
	return top
}

// isForTests reports whether a package exists for tests: its name ends in
// "test", or is testenv.
func isForTests(pkg string) bool {
	base := path.Base(pkg)
	return strings.HasSuffix(base, "test") || base == "testenv"
}

// within reports whether path is that of the folder or package dir, or beneath it.
func within(name, dir string) bool {
	return dir == "" || name == dir || strings.HasPrefix(name, dir+"/")
}

// importProblem says why code of pkg, which is no test, may not import what, or
// returns "".
func importProblem(pkg, what string) string {
	if what == "C" {
		return "no package may need a C compiler"
	}
	if slices.ContainsFunc(forTests, func(t string) bool { return within(what, t) }) {
		if isForTests(pkg) {
			return ""
		}
		return what + " is for tests, and for packages whose name ends in \"test\""
	}
	if within(what, module) {
		return houseProblem(pkg, strings.TrimPrefix(strings.TrimPrefix(what, module), "/"))
	}
	if first, _, _ := strings.Cut(what, "/"); !strings.Contains(first, ".") {
		return ""
	}
	for mod, users := range outside {
		if !within(what, mod) {
			continue
		}
		if slices.ContainsFunc(users, func(dir string) bool { return within(pkg, dir) }) {
			return ""
		}
		return mod + " may be imported only in " + strings.Join(users, ", ")
	}
	return what + " is of a module that no rule allows"
}

func houseProblem(pkg, what string) string {
	from, to := room(pkg), room(what)
	switch {
	case isForTests(what) && !isForTests(pkg):
		return what + " is for tests"
	case from == to || slices.Contains(below[from], to):
		return ""
	case len(below[from]) == 0:
		return from + " may import no other folder, not " + what
	}
	return from + " may import only " + strings.Join(below[from], ", ") + ", not " + what
}
