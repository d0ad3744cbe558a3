package expr

import (
	"bytes"
	"cmp"
	"math"
	"regexp"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// eval is a part of an expression, ready to be evaluated for a row; ok is false if
// it has no value there.
type eval[T any] func(columns []Column, row int) (value T, ok bool)

// fast is an expression made of what most rules are made of: columns, constants,
// comparisons, arithmetic, logic, and the usual questions about texts. It means
// exactly what the library makes of it, at a hundredth of the time.
type fast struct {
	kind Kind
	b    eval[bool]
	i    eval[int64] // whole numbers and moments
	f    eval[float64]
	t    eval[[]byte]
}

// number evaluates an expression that is no text.
func (x *fast) number(kind Kind, columns []Column, row int) (int64, bool) {
	switch kind {
	case Boolean:
		v, ok := x.b(columns, row)
		if v {
			return 1, ok
		}
		return 0, ok
	case Number:
		v, ok := x.f(columns, row)
		return floatBits(v), ok
	case Text:
		return 0, false
	}
	return x.i(columns, row)
}

func floatBits(v float64) int64 { return int64(math.Float64bits(v)) }

// fastOf returns the fast form of a checked expression; nil if it has none.
func fastOf(e *Env, a *ast.AST) *fast {
	c := &fastCompiler{env: e, ast: a}
	return c.compile(a.Expr())
}

type fastCompiler struct {
	env *Env
	ast *ast.AST
}

func (c *fastCompiler) compile(x ast.Expr) *fast {
	switch x.Kind() {
	case ast.LiteralKind:
		return constant(x)
	case ast.IdentKind:
		switch i, missing, ok := c.env.variable(x); {
		case missing && ok:
			return &fast{kind: Boolean, b: func(columns []Column, row int) (bool, bool) { return columns[i].IsAbsent(row), true }}
		case ok:
			return column(i, c.env.vars[i].Kind)
		}
	case ast.CallKind:
		return c.call(x.AsCall())
	}
	return nil
}

func always[T any](v T) eval[T] { return func([]Column, int) (T, bool) { return v, true } }

func constant(x ast.Expr) *fast {
	switch v := x.AsLiteral().(type) {
	case types.Bool:
		return &fast{kind: Boolean, b: always(bool(v))}
	case types.Int:
		return &fast{kind: Integer, i: always(int64(v))}
	case types.Double:
		return &fast{kind: Number, f: always(float64(v))}
	case types.String:
		return &fast{kind: Text, t: always([]byte(v))}
	}
	return nil
}

func column(i int, kind Kind) *fast {
	x := &fast{kind: kind}
	switch kind {
	case Text:
		x.t = func(columns []Column, row int) ([]byte, bool) { return columns[i].Text(row), true }
	case Boolean:
		x.b = func(columns []Column, row int) (bool, bool) {
			return columns[i].Values[row] != 0, !columns[i].IsAbsent(row)
		}
	case Number:
		x.f = func(columns []Column, row int) (float64, bool) {
			return columns[i].Float(row), !columns[i].IsAbsent(row)
		}
	default:
		x.i = func(columns []Column, row int) (int64, bool) {
			return columns[i].Values[row], !columns[i].IsAbsent(row)
		}
	}
	return x
}

func (c *fastCompiler) call(call ast.CallExpr) *fast {
	var args []*fast
	if call.IsMemberFunction() {
		args = append(args, c.compile(call.Target()))
	}
	name := call.FunctionName()
	if name == operators.In {
		return c.in(call)
	}
	for _, arg := range call.Args() {
		args = append(args, c.compile(arg))
	}
	for _, arg := range args {
		if arg == nil {
			return nil
		}
	}
	switch len(args) {
	case 1:
		return unary(name, args[0], call)
	case 2:
		if name == "matches" {
			return matches(call, args[0])
		}
		return binary(name, args[0], args[1])
	case 3:
		if name == operators.Conditional {
			return conditional(args[0], args[1], args[2])
		}
	}
	return nil
}

func unary(name string, a *fast, call ast.CallExpr) *fast {
	switch {
	case name == operators.LogicalNot && a.b != nil:
		return &fast{kind: Boolean, b: func(columns []Column, row int) (bool, bool) {
			v, ok := a.b(columns, row)
			return !v, ok
		}}
	case name == operators.Negate && a.f != nil:
		return &fast{kind: Number, f: func(columns []Column, row int) (float64, bool) {
			v, ok := a.f(columns, row)
			return -v, ok
		}}
	case name == operators.Negate && a.i != nil && a.kind == Integer:
		return &fast{kind: Integer, i: func(columns []Column, row int) (int64, bool) {
			v, ok := a.i(columns, row)
			return -v, ok && v != math.MinInt64
		}}
	case name == "size" && a.t != nil:
		return &fast{kind: Integer, i: func(columns []Column, row int) (int64, bool) {
			v, ok := a.t(columns, row)
			return int64(utf8.RuneCount(v)), ok
		}}
	case name == "double" && a.i != nil && a.kind == Integer:
		return &fast{kind: Number, f: func(columns []Column, row int) (float64, bool) {
			v, ok := a.i(columns, row)
			return float64(v), ok
		}}
	case name == "date" || name == "timestamp":
		return constantMoment(name, call)
	}
	return nil
}

// constantMoment is date("…") or timestamp("…").
func constantMoment(name string, call ast.CallExpr) *fast {
	if call.IsMemberFunction() || call.Args()[0].Kind() != ast.LiteralKind {
		return nil
	}
	text, ok := call.Args()[0].AsLiteral().(types.String)
	if !ok {
		return nil
	}
	out := text.ConvertToType(types.TimestampType)
	if name == "date" {
		out = dateOf(text)
	}
	at, ok := out.(types.Timestamp)
	if !ok || at.Nanosecond()%1000 != 0 {
		return nil
	}
	return &fast{kind: Moment, i: always(at.UnixMicro())}
}

func binary(name string, a, b *fast) *fast {
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		if a.b != nil && b.b != nil {
			return &fast{kind: Boolean, b: logic(a.b, b.b, name == operators.LogicalOr)}
		}
	case operators.Equals, operators.NotEquals:
		if x := equal(a, b, name == operators.NotEquals); x != nil {
			return &fast{kind: Boolean, b: x}
		}
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		if x := ordered(name, a, b); x != nil {
			return &fast{kind: Boolean, b: x}
		}
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo:
		return arithmetic(name, a, b)
	case "startsWith", "endsWith", "contains":
		if a.t != nil && b.t != nil {
			f := map[string]func(s, part []byte) bool{"startsWith": bytes.HasPrefix, "endsWith": bytes.HasSuffix, "contains": bytes.Contains}[name]
			return &fast{kind: Boolean, b: both(a.t, b.t, f)}
		}
	}
	return nil
}

// logic is "and", or "or": one side that decides is enough, whatever the other is.
func logic(a, b eval[bool], or bool) eval[bool] {
	return func(columns []Column, row int) (bool, bool) {
		v, ok := a(columns, row)
		if ok && v == or {
			return or, true
		}
		w, ok2 := b(columns, row)
		if ok2 && w == or {
			return or, true
		}
		return !or, ok && ok2
	}
}

// both joins two values that must be there.
func both[T, R any](a, b eval[T], f func(x, y T) R) eval[R] {
	return func(columns []Column, row int) (R, bool) {
		x, ok := a(columns, row)
		y, ok2 := b(columns, row)
		if !ok || !ok2 {
			var none R
			return none, false
		}
		return f(x, y), true
	}
}

// equal is == or !=.
func equal(a, b *fast, not bool) eval[bool] {
	switch {
	case a.t != nil && b.t != nil:
		return both(a.t, b.t, func(x, y []byte) bool { return bytes.Equal(x, y) != not })
	case a.b != nil && b.b != nil:
		return both(a.b, b.b, func(x, y bool) bool { return x == y != not })
	case a.i != nil && b.i != nil && a.kind == b.kind:
		return both(a.i, b.i, func(x, y int64) bool { return x == y != not })
	case a.f != nil && b.f != nil:
		return both(a.f, b.f, func(x, y float64) bool { return x == y != not })
	}
	return nil
}

// ordered is <, <=, > or >=. What is no number is neither.
func ordered(name string, a, b *fast) eval[bool] {
	fits := map[string]func(order int) bool{
		operators.Less: func(o int) bool { return o < 0 }, operators.LessEquals: func(o int) bool { return o <= 0 },
		operators.Greater: func(o int) bool { return o > 0 }, operators.GreaterEquals: func(o int) bool { return o >= 0 },
	}[name]
	switch {
	case a.t != nil && b.t != nil:
		return both(a.t, b.t, func(x, y []byte) bool { return fits(bytes.Compare(x, y)) })
	case a.i != nil && b.i != nil && a.kind == b.kind:
		return both(a.i, b.i, func(x, y int64) bool { return fits(cmp.Compare(x, y)) })
	case a.f != nil && b.f != nil:
		return both(a.f, b.f, func(x, y float64) bool {
			if x != x || y != y {
				return false
			}
			return fits(cmp.Compare(x, y))
		})
	}
	return nil
}

func arithmetic(name string, a, b *fast) *fast {
	switch {
	case a.f != nil && b.f != nil:
		f := map[string]func(x, y float64) float64{
			operators.Add: func(x, y float64) float64 { return x + y }, operators.Subtract: func(x, y float64) float64 { return x - y },
			operators.Multiply: func(x, y float64) float64 { return x * y }, operators.Divide: func(x, y float64) float64 { return x / y },
		}[name]
		if f != nil {
			return &fast{kind: Number, f: both(a.f, b.f, f)}
		}
	case a.i != nil && b.i != nil && a.kind == Integer && b.kind == Integer:
		f := map[string]func(x, y int64) (int64, bool){
			operators.Add: add, operators.Subtract: subtract, operators.Multiply: multiply,
			operators.Divide: divide, operators.Modulo: modulo,
		}[name]
		return &fast{kind: Integer, i: func(columns []Column, row int) (int64, bool) {
			x, ok := a.i(columns, row)
			y, ok2 := b.i(columns, row)
			if !ok || !ok2 {
				return 0, false
			}
			return f(x, y)
		}}
	}
	return nil
}

// Whole numbers that do not fit into 64 bits have no value.

func add(x, y int64) (int64, bool) { return x + y, (x+y < x) == (y < 0) }

func subtract(x, y int64) (int64, bool) { return x - y, (x-y > x) == (y < 0) }

func multiply(x, y int64) (int64, bool) {
	if x == 0 || y == 0 {
		return 0, true
	}
	v := x * y
	return v, v/y == x && !(x == -1 && y == math.MinInt64) && !(y == -1 && x == math.MinInt64)
}

func divide(x, y int64) (int64, bool) {
	if y == 0 || x == math.MinInt64 && y == -1 {
		return 0, false
	}
	return x / y, true
}

func modulo(x, y int64) (int64, bool) {
	if y == 0 || x == math.MinInt64 && y == -1 {
		return 0, false
	}
	return x % y, true
}

func conditional(cond, a, b *fast) *fast {
	if cond.b == nil || a.kind != b.kind {
		return nil
	}
	return &fast{kind: a.kind, b: choose(cond.b, a.b, b.b), i: choose(cond.b, a.i, b.i), f: choose(cond.b, a.f, b.f), t: choose(cond.b, a.t, b.t)}
}

func choose[T any](cond eval[bool], a, b eval[T]) eval[T] {
	if a == nil || b == nil {
		return nil
	}
	return func(columns []Column, row int) (T, bool) {
		yes, ok := cond(columns, row)
		switch {
		case !ok:
			var none T
			return none, false
		case yes:
			return a(columns, row)
		}
		return b(columns, row)
	}
}

// in is x in [constants].
func (c *fastCompiler) in(call ast.CallExpr) *fast {
	x := c.compile(call.Args()[0])
	if x == nil || call.Args()[1].Kind() != ast.ListKind {
		return nil
	}
	texts, numbers := make(map[string]bool), make(map[int64]bool)
	for _, el := range call.Args()[1].AsList().Elements() {
		if el.Kind() != ast.LiteralKind {
			return nil
		}
		switch v := el.AsLiteral().(type) {
		case types.String:
			texts[string(v)] = true
		case types.Int:
			numbers[int64(v)] = true
		default:
			return nil
		}
	}
	switch {
	case x.t != nil && len(numbers) == 0:
		return &fast{kind: Boolean, b: func(columns []Column, row int) (bool, bool) {
			v, ok := x.t(columns, row)
			return texts[string(v)], ok
		}}
	case x.i != nil && x.kind == Integer && len(texts) == 0:
		return &fast{kind: Boolean, b: func(columns []Column, row int) (bool, bool) {
			v, ok := x.i(columns, row)
			return numbers[v], ok
		}}
	}
	return nil
}

// matches is x.matches(constant).
func matches(call ast.CallExpr, x *fast) *fast {
	pattern := call.Args()[len(call.Args())-1]
	if x.t == nil || pattern.Kind() != ast.LiteralKind {
		return nil
	}
	text, ok := pattern.AsLiteral().(types.String)
	if !ok {
		return nil
	}
	re, err := regexp.Compile(string(text))
	if err != nil {
		return nil
	}
	return &fast{kind: Boolean, b: func(columns []Column, row int) (bool, bool) {
		v, ok := x.t(columns, row)
		return re.Match(v), ok
	}}
}
