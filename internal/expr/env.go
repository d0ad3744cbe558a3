package expr

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// Limits on expressions.
const (
	MaxText    = 16 << 10 // bytes of one expression
	maxNesting = 100
	// rowCost is what the evaluation of one row may cost, in CEL's own units: about
	// one for each operation.
	rowCost = 100_000
)

// Variable is a column as expressions know it.
type Variable struct {
	// Name is how an expression calls the column. In a row it is the column's own
	// name; where that is no identifier of CEL, row["the name"] stands for it. In two
	// versions of a row it begins with "old." or "new.".
	Name string
	Kind Kind
}

// Env is what expressions can speak of. It is safe for use by several goroutines.
type Env struct {
	vars []Variable
	at   map[string]int // by name
	cel  *cel.Env
}

// identifier is what CEL takes for a name; reserved are the words that it does not.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

var reserved = []string{
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
	"namespace", "null", "package", "return", "true", "var", "void", "while", "bool", "bytes", "double", "duration",
	"dyn", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint", "row", "old", "new", "google",
}

// NewEnv returns an environment with the given variables. Of several with one name
// the first counts.
func NewEnv(vars []Variable) (*Env, error) {
	e := &Env{vars: vars, at: make(map[string]int)}
	options := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxText), cel.ParserRecursionLimit(maxNesting),
		ext.Strings(), ext.Math(),
		cel.Function("date", cel.Overload("date_string", []*cel.Type{cel.StringType}, cel.TimestampType,
			cel.UnaryBinding(dateOf))),
	}
	for i, v := range vars {
		if _, twice := e.at[v.Name]; twice {
			continue
		}
		e.at[v.Name] = i
		options = append(options, cel.Variable(hidden(i, false), celType(v.Kind)), cel.Variable(hidden(i, true), cel.BoolType))
	}
	var err error
	if e.cel, err = cel.NewEnv(options...); err != nil {
		return nil, fmt.Errorf("preparing rules: %w", err)
	}
	return e, nil
}

// hidden is the name by which the library knows a variable, or whether it is
// missing: no expression can contain it, and it collides with nothing.
func hidden(i int, missing bool) string {
	if missing {
		return fmt.Sprintf("@%d?", i)
	}
	return fmt.Sprintf("@%d", i)
}

// shown is the inverse of hidden.
func shown(name string) (i int, missing, ok bool) {
	digits, is := strings.CutPrefix(name, "@")
	digits, missing = strings.CutSuffix(digits, "?")
	i, err := strconv.Atoi(digits)
	return i, missing, is && err == nil
}

func celType(k Kind) *cel.Type {
	switch k {
	case Integer:
		return cel.IntType
	case Number:
		return cel.DoubleType
	case Boolean:
		return cel.BoolType
	case Moment:
		return cel.TimestampType
	}
	return cel.StringType
}

func dateOf(v ref.Val) ref.Val {
	at, err := time.Parse(time.DateOnly, string(v.(types.String)))
	if err != nil {
		return types.NewErr("date(%q): expected YYYY-MM-DD", string(v.(types.String)))
	}
	return types.Timestamp{Time: at}
}

// parse parses an expression and puts the variables in place of their names.
func (e *Env) parse(text string) (*cel.Ast, error) {
	if len(text) > MaxText {
		return nil, &Error{Text: text[:40] + "…", Line: 1, Column: 1, Msg: fmt.Sprintf("the expression has %d bytes; at most %d are read", len(text), MaxText)}
	}
	parsed, iss := e.cel.Parse(text)
	if iss.Err() != nil {
		return nil, e.errorOf(text, iss)
	}
	native := parsed.NativeRep()
	factory := ast.NewExprFactory()
	bound := make(map[string]int) // variables of comprehensions
	var wrong *Error
	visit(native.Expr(), bound, func(x ast.Expr) {
		if why := e.noColumn(x, bound); why != "" && wrong == nil {
			wrong = errorAt(text, native, x, why)
		}
		if i, not, ok := e.nullTest(x, bound); ok {
			is := factory.NewIdent(x.ID(), hidden(i, true))
			if not {
				is = factory.NewCall(x.ID(), operators.LogicalNot, factory.NewIdent(x.AsCall().Args()[0].ID(), hidden(i, true)))
			}
			x.SetKindCase(is)
		} else if i, ok := e.lookUp(x, bound); ok {
			x.SetKindCase(factory.NewIdent(x.ID(), hidden(i, false)))
		}
	})
	if wrong != nil {
		return nil, wrong
	}
	return parsed, nil
}

// errorAt says what is wrong with a part of an expression.
func errorAt(text string, a *ast.AST, x ast.Expr, msg string) *Error {
	at := a.SourceInfo().GetStartLocation(x.ID())
	return &Error{Text: text, Line: max(1, at.Line()), Column: max(0, at.Column()) + 1, Msg: msg}
}

// lookUp returns which variable an expression is, before its name is hidden.
func (e *Env) lookUp(x ast.Expr, bound map[string]int) (int, bool) {
	if x.Kind() == ast.IdentKind && bound[x.AsIdent()] > 0 {
		return 0, false
	}
	name, ok := nameOf(x)
	i, known := e.at[name]
	return i, ok && known
}

// nullTest reports whether an expression is x == null or x != null.
func (e *Env) nullTest(x ast.Expr, bound map[string]int) (i int, not, ok bool) {
	if x.Kind() != ast.CallKind {
		return 0, false, false
	}
	call := x.AsCall()
	if name := call.FunctionName(); name != operators.Equals && name != operators.NotEquals {
		return 0, false, false
	}
	a, b := call.Args()[0], call.Args()[1]
	isNull := func(x ast.Expr) bool { return x.Kind() == ast.LiteralKind && x.AsLiteral() == types.NullValue }
	if isNull(a) {
		a, b = b, a
	}
	i, ok = e.lookUp(a, bound)
	return i, call.FunctionName() == operators.NotEquals, ok && isNull(b)
}

// nameOf returns the name of the variable that an expression is: x, row.x,
// row["x"], old.x or old["x"].
func nameOf(x ast.Expr) (string, bool) {
	switch x.Kind() {
	case ast.IdentKind:
		return x.AsIdent(), true
	case ast.SelectKind:
		s := x.AsSelect()
		if s.IsTestOnly() || s.Operand().Kind() != ast.IdentKind {
			return "", false
		}
		return memberOf(s.Operand().AsIdent(), s.FieldName())
	case ast.CallKind:
		c := x.AsCall()
		if c.FunctionName() != "_[_]" || c.Args()[0].Kind() != ast.IdentKind || c.Args()[1].Kind() != ast.LiteralKind {
			return "", false
		}
		name, ok := c.Args()[1].AsLiteral().(types.String)
		if !ok {
			return "", false
		}
		return memberOf(c.Args()[0].AsIdent(), string(name))
	}
	return "", false
}

func memberOf(object, name string) (string, bool) {
	switch object {
	case "row":
		return name, true
	case "old", "new":
		return object + "." + name, true
	}
	return "", false
}

// visit calls do for each part of an expression, the whole first, but for names
// that a comprehension binds.
func visit(x ast.Expr, bound map[string]int, do func(ast.Expr)) {
	if x.Kind() == ast.IdentKind && bound[x.AsIdent()] > 0 {
		return
	}
	do(x)
	switch x.Kind() {
	case ast.SelectKind:
		visit(x.AsSelect().Operand(), bound, do)
	case ast.CallKind:
		c := x.AsCall()
		if c.IsMemberFunction() {
			visit(c.Target(), bound, do)
		}
		for _, arg := range c.Args() {
			visit(arg, bound, do)
		}
	case ast.ListKind:
		for _, el := range x.AsList().Elements() {
			visit(el, bound, do)
		}
	case ast.MapKind:
		for _, entry := range x.AsMap().Entries() {
			visit(entry.AsMapEntry().Key(), bound, do)
			visit(entry.AsMapEntry().Value(), bound, do)
		}
	case ast.ComprehensionKind:
		c := x.AsComprehension()
		visit(c.IterRange(), bound, do)
		visit(c.AccuInit(), bound, do)
		own := []string{c.IterVar(), c.IterVar2(), c.AccuVar()}
		for _, name := range own {
			bound[name]++
		}
		for _, part := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
			visit(part, bound, do)
		}
		for _, name := range own {
			bound[name]--
		}
	}
}

// Compile compiles an expression that is true or false for each row. It fails with
// an [*Error] that says where it is wrong.
func (e *Env) Compile(text string) (*Program, error) {
	parsed, err := e.parse(text)
	if err != nil {
		return nil, err
	}
	p, err := e.finish(text, parsed)
	if err != nil {
		return nil, err
	}
	if p.kind != Boolean {
		return nil, &Error{Text: text, Line: 1, Column: 1, Msg: "expected an expression that is true or false, this one is " + article(p.typeName)}
	}
	return p, nil
}

// finish checks and plans a parsed expression.
func (e *Env) finish(text string, parsed *cel.Ast) (*Program, error) {
	checked, iss := e.cel.Check(parsed)
	if iss.Err() != nil {
		return nil, e.errorOf(text, iss)
	}
	if wrong := badConstant(text, checked.NativeRep()); wrong != nil {
		return nil, wrong
	}
	planned, err := e.cel.Program(checked, cel.CostLimit(rowCost), cel.InterruptCheckFrequency(1000), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &Error{Text: text, Line: 1, Column: 1, Msg: err.Error()}
	}
	p := &Program{slow: planned, kind: Text, typeName: cel.FormatCELType(checked.OutputType())}
	switch checked.OutputType().Kind() {
	case types.BoolKind:
		p.kind = Boolean
	case types.IntKind:
		p.kind = Integer
	case types.DoubleKind:
		p.kind = Number
	case types.TimestampKind:
		p.kind = Moment
	case types.StringKind:
	default:
		return nil, &Error{Text: text, Line: 1, Column: 1, Msg: "its value is a " + p.typeName + ", which is no value of a cell"}
	}
	native := checked.NativeRep()
	visit(native.Expr(), make(map[string]int), func(x ast.Expr) {
		if i, _, ok := e.variable(x); ok && !slices.Contains(p.uses, i) {
			p.uses = append(p.uses, i)
		}
	})
	slices.Sort(p.uses)
	p.fast = fastOf(e, native)
	return p, nil
}

// variable returns which variable a checked expression is, or is the question
// whether it is missing.
func (e *Env) variable(x ast.Expr) (i int, missing, ok bool) {
	if x.Kind() != ast.IdentKind {
		return 0, false, false
	}
	i, missing, ok = shown(x.AsIdent())
	return i, missing, ok && i < len(e.vars)
}

// errorOf takes the first of the library's findings over.
func (e *Env) errorOf(text string, iss *cel.Issues) error {
	list := iss.Errors()
	if len(list) == 0 {
		return errors.New(iss.Err().Error())
	}
	first := list[0]
	for _, other := range list[1:] {
		if l := other.Location; l.Line() < first.Location.Line() || l.Line() == first.Location.Line() && l.Column() < first.Location.Column() {
			first = other
		}
	}
	return &Error{Text: text, Line: max(1, first.Location.Line()), Column: max(0, first.Location.Column()) + 1, Msg: e.words(first.Message, isCall(text, first.Location.Line(), first.Location.Column()))}
}

// isCall reports whether a call's brackets open at a place of a text.
func isCall(text string, line, column int) bool {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return false
	}
	runes := []rune(lines[line-1])
	return column >= 0 && column < len(runes) && runes[column] == '('
}

// spelled is how an expression writes the variable.
func (v *Variable) spelled() string {
	object, name := "row", v.Name
	for _, prefix := range []string{"old", "new"} {
		if rest, ok := strings.CutPrefix(v.Name, prefix+"."); ok {
			object, name = prefix, rest
		}
	}
	switch plain := identifier.MatchString(name) && !slices.Contains(reserved, name); {
	case plain && object == "row":
		return name
	case plain:
		return object + "." + name
	}
	return fmt.Sprintf("%s[%q]", object, name)
}

// distance is how many letters must be changed, added or taken away to make one
// word of the other.
func distance(a, b string) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		diagonal := last[0]
		last[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = last[j+1]
			last[j+1] = min(cost, last[j]+1, last[j+1]+1)
		}
	}
	return last[len(b)]
}
