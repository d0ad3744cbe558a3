package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

var syntaxError = regexp.MustCompile(`^Syntax error: .*?(?:input|at:|at input) ?('.*?')`)

var missingPart = regexp.MustCompile(`^Syntax error: missing ('.*?') at`)

// instead says how CEL writes what people write otherwise.
var instead = map[string]string{
	"'= '": "; write == to compare", "'='": "; write == to compare", "'and'": "; write &&", "'AND'": "; write &&", "'or'": "; write ||",
	"'OR'": "; write ||", "'not'": "; write !", "'NOT'": "; write !", "'<>'": "; write !=", "'&'": "; write &&", "'|'": "; write ||",
}

var variableName = regexp.MustCompile(`@\d+`)

// words says in the words of people what the library says in its own.
func (e *Env) words(msg string, call bool) string {
	msg = variableName.ReplaceAllStringFunc(msg, func(m string) string {
		if i, _, ok := shown(m); ok && i < len(e.vars) {
			return e.vars[i].Name
		}
		return m
	})
	msg = strings.NewReplacer(" (in container '')", "", "google.protobuf.Timestamp", "timestamp").Replace(msg)
	if name, ok := strings.CutPrefix(msg, "undeclared reference to '"); ok {
		name, _, _ = strings.Cut(name, "'")
		if call {
			return unknownFunction(name)
		}
		return e.unknown(name)
	}
	if m := missingPart.FindStringSubmatch(msg); m != nil {
		return m[1] + " is missing"
	}
	if m := syntaxError.FindStringSubmatch(msg); m != nil {
		if strings.Contains(m[1], "<EOF>") {
			return "the expression ends where something must follow"
		}
		return m[1] + " cannot stand here" + instead[m[1]]
	}
	if strings.HasPrefix(msg, "found no matching overload for '_") {
		op, _, _ := strings.Cut(strings.TrimPrefix(msg, "found no matching overload for '_"), "_'")
		_, given, _ := strings.Cut(msg, "applied to '")
		given = strings.TrimSuffix(strings.TrimSuffix(given, "'"), "'")
		hint := ""
		switch {
		case strings.Contains(given, "double, int") || strings.Contains(given, "int, double"):
			hint = ": write 2.0 for 2, or double(x)"
		case strings.Contains(given, "string, null"):
			hint = ": a missing text is ''"
		case strings.Contains(given, "timestamp, string"), strings.Contains(given, "string, timestamp"):
			hint = `: write date("2026-05-31") for a day`
		}
		return fmt.Sprintf("%s cannot be used with %s%s", op, given, hint)
	}
	return msg
}

// unknown says that there is no such column, and which it could be.
func (e *Env) unknown(name string) string {
	switch name {
	case "row", "old", "new":
		return fmt.Sprintf("write %s.name, or %s[\"name\"] with the name of a column", name, name)
	case "NULL", "None", "NA", "nil":
		return fmt.Sprintf("there is no column %q; what is missing is null", name)
	}
	var near []string
	for _, v := range e.vars {
		plain := strings.TrimPrefix(strings.TrimPrefix(v.Name, "old."), "new.")
		if strings.EqualFold(plain, name) || distance(plain, name) <= 1+len(name)/5 {
			near = append(near, v.spelled())
		}
	}
	if len(near) > 0 {
		return fmt.Sprintf("there is no column %q; did you mean %s?", name, strings.Join(near, " or "))
	}
	var all []string
	for i, v := range e.vars {
		if i == 20 {
			all = append(all, "…")
			break
		}
		all = append(all, v.spelled())
	}
	return fmt.Sprintf("there is no column %q; there are: %s", name, strings.Join(all, ", "))
}

// unknownFunction says that there is no such function, and what could be meant.
func unknownFunction(name string) string {
	switch Function(name) {
	case Rows, Count, Distinct, Sum, Mean, Min, Max:
		return fmt.Sprintf(`%s is about many rows: it can stand in a rule under "table", not under "row" or "change"`, name)
	}
	if name == "now" || name == "today" {
		return fmt.Sprintf("there is no function %q: the same data must give the same answer on every day", name)
	}
	return fmt.Sprintf("there is no function %q", name)
}

// noColumn says of row.x, old.x or new.x that there is no such column; "" if there is,
// or if the part is none of these.
func (e *Env) noColumn(x ast.Expr, bound map[string]int) string {
	if x.Kind() == ast.IdentKind {
		return ""
	}
	name, ok := nameOf(x)
	if _, known := e.at[name]; !ok || known {
		return ""
	}
	object := objectOf(x)
	if bound[object] > 0 || e.at[object] > 0 {
		return ""
	}
	versions := slices.ContainsFunc(e.vars, func(v Variable) bool { return strings.HasPrefix(v.Name, "old.") })
	only := versions && !slices.ContainsFunc(e.vars, func(v Variable) bool { return v.Name != "change" && !strings.Contains(v.Name, ".") })
	switch {
	case object == "row" && only:
		return `a change has an old and a new row: write old.name or new.name`
	case object != "row" && !versions:
		return fmt.Sprintf(`%s.name stands in rules under "change" only`, object)
	}
	return e.unknown(strings.TrimPrefix(strings.TrimPrefix(name, "old."), "new."))
}

// objectOf returns the name before the dot or the bracket.
func objectOf(x ast.Expr) string {
	if x.Kind() == ast.SelectKind {
		return x.AsSelect().Operand().AsIdent()
	}
	return x.AsCall().Args()[0].AsIdent()
}

// badConstant looks for texts in an expression that must be a pattern, a date or a
// time, and are none.
func badConstant(text string, a *ast.AST) (wrong *Error) {
	visit(a.Expr(), make(map[string]int), func(x ast.Expr) {
		if x.Kind() != ast.CallKind || wrong != nil {
			return
		}
		call := x.AsCall()
		if len(call.Args()) == 0 || call.FunctionName() == "timestamp" && call.IsMemberFunction() {
			return
		}
		arg := call.Args()[len(call.Args())-1]
		if arg.Kind() != ast.LiteralKind {
			return
		}
		constant, ok := arg.AsLiteral().(types.String)
		if !ok {
			return
		}
		var err error
		switch call.FunctionName() {
		case "matches":
			_, err = regexp.Compile(string(constant))
		case "date":
			if types.IsError(dateOf(constant)) {
				err = fmt.Errorf("%q is no date: expected YYYY-MM-DD", string(constant))
			}
		case "timestamp":
			if types.IsError(constant.ConvertToType(types.TimestampType)) {
				err = fmt.Errorf("%q is no time: expected one as 2026-05-31T14:30:00Z", string(constant))
			}
		}
		if err != nil {
			wrong = errorAt(text, a, arg, err.Error())
		}
	})
	return wrong
}

// article puts "a" or "an" before a word.
func article(word string) string {
	if word != "" && strings.ContainsRune("aeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}
