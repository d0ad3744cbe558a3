package expr

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// Function sums rows up.
type Function string

// The functions over rows. Rows counts rows; Count those that have a value or, of an
// expression that is true or false, those where it is true; Distinct the different
// values. What is missing is left out.
const (
	Rows     Function = "rows"
	Count    Function = "count"
	Distinct Function = "distinct"
	Sum      Function = "sum"
	Mean     Function = "mean"
	Min      Function = "min"
	Max      Function = "max"
)

// Aggregate is a function of an expression over rows.
type Aggregate struct {
	Function Function
	Arg      *Program // nil for Rows
	Text     string   // as it is written, about
	Kind     Kind     // of its value
}

// Table is a compiled expression over the rows of a table. It is safe for use by
// several goroutines.
type Table struct {
	// Aggregates are those that the expression speaks of.
	Aggregates []Aggregate
	program    *Program
}

// CompileTable compiles an expression about many rows at once, which is true or
// false: columns stand in it only within functions, as in sum(count) > 0. It fails
// with an [*Error] that says where it is wrong.
func (e *Env) CompileTable(text string) (*Table, error) {
	whole, err := e.parse(text)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	var vars []Variable
	factory := ast.NewExprFactory()
	for _, x := range aggregatesIn(whole) {
		a, err := e.aggregate(text, whole.NativeRep(), len(t.Aggregates), x)
		if err != nil {
			return nil, err
		}
		vars = append(vars, Variable{Name: a.Text, Kind: a.Kind})
		t.Aggregates = append(t.Aggregates, *a)
		x.SetKindCase(factory.NewIdent(x.ID(), hidden(len(vars)-1, false)+"!"))
	}
	if err := e.refuseColumns(text, whole); err != nil {
		return nil, err
	}
	// Only now are the names of columns and of aggregates no more the same.
	visit(whole.NativeRep().Expr(), make(map[string]int), func(x ast.Expr) {
		if x.Kind() == ast.IdentKind && strings.HasPrefix(x.AsIdent(), "@") {
			x.SetKindCase(factory.NewIdent(x.ID(), strings.TrimSuffix(x.AsIdent(), "!")))
		}
	})
	for i := range vars {
		vars[i].Name = fmt.Sprintf("%s #%d", vars[i].Name, i) // the same may stand there twice
	}
	own, err := NewEnv(vars)
	if err != nil {
		return nil, err
	}
	if t.program, err = own.finish(text, whole); err != nil {
		return nil, err
	}
	if t.program.kind != Boolean {
		return nil, &Error{Text: text, Line: 1, Column: 1, Msg: "expected an expression that is true or false, this one is " + article(t.program.typeName)}
	}
	return t, nil
}

// aggregatesIn returns the calls of functions over rows, but for those within others.
func aggregatesIn(parsed *cel.Ast) []ast.Expr {
	var found []ast.Expr
	inside := make(map[int64]bool)
	visit(parsed.NativeRep().Expr(), make(map[string]int), func(x ast.Expr) {
		if x.Kind() != ast.CallKind || x.AsCall().IsMemberFunction() || inside[x.ID()] {
			return
		}
		switch Function(x.AsCall().FunctionName()) {
		case Rows, Count, Distinct, Sum, Mean, Min, Max:
			found = append(found, x)
			visit(x, make(map[string]int), func(below ast.Expr) { inside[below.ID()] = true })
		}
	})
	return found
}

// aggregate compiles the nth aggregate of an expression.
func (e *Env) aggregate(text string, whole *ast.AST, n int, x ast.Expr) (*Aggregate, error) {
	call := x.AsCall()
	a := &Aggregate{Function: Function(call.FunctionName()), Kind: Integer}
	if a.Function == Rows {
		a.Text = "rows()"
		if len(call.Args()) != 0 {
			return nil, errorAt(text, whole, x, "rows() takes nothing: count(expression) counts the rows where something is true")
		}
		return a, nil
	}
	if len(call.Args()) != 1 {
		return nil, errorAt(text, whole, x, fmt.Sprintf("%s takes one expression, found %d", a.Function, len(call.Args())))
	}
	again, err := e.parse(text)
	if err != nil {
		return nil, err
	}
	arg := aggregatesIn(again)[n].AsCall().Args()[0]
	again.NativeRep().Expr().SetKindCase(arg)
	if a.Arg, err = e.finish(text, again); err != nil {
		return nil, err
	}
	a.Text = string(a.Function) + "(…)"
	if i, missing, ok := e.variable(call.Args()[0]); ok && !missing {
		a.Text = fmt.Sprintf("%s(%s)", a.Function, e.vars[i].spelled())
	}
	numeric := a.Arg.kind == Integer || a.Arg.kind == Number
	switch a.Function {
	case Sum, Mean:
		if !numeric {
			return nil, errorAt(text, whole, x, fmt.Sprintf("%s needs numbers, this is %s", a.Function, article(a.Arg.typeName)))
		}
		if a.Kind = a.Arg.kind; a.Function == Mean {
			a.Kind = Number
		}
	case Min, Max:
		if !numeric && a.Arg.kind != Moment {
			return nil, errorAt(text, whole, x, fmt.Sprintf("%s needs numbers or dates, this is %s", a.Function, article(a.Arg.typeName)))
		}
		a.Kind = a.Arg.kind
	case Distinct:
		if _, _, column := e.variable(call.Args()[0]); a.Arg.kind == Text && !column {
			return nil, errorAt(text, whole, x, "distinct needs a column, or an expression that is no text")
		}
	case Count:
		if _, _, column := e.variable(call.Args()[0]); a.Arg.kind == Text && !column {
			return nil, errorAt(text, whole, x, "count needs a column, or an expression that is no text")
		}
	}
	return a, nil
}

// refuseColumns fails if a column stands outside of all functions.
func (e *Env) refuseColumns(text string, parsed *cel.Ast) error {
	var wrong *Error
	visit(parsed.NativeRep().Expr(), make(map[string]int), func(x ast.Expr) {
		if i, _, ok := e.variable(x); ok && wrong == nil {
			wrong = errorAt(text, parsed.NativeRep(), x,
				fmt.Sprintf("a rule about the table has many values of %s: write sum, mean, min, max, count or distinct around it", e.vars[i].spelled()))
		}
	})
	if wrong != nil {
		return wrong
	}
	return nil
}

// Uses returns the positions, ascending, of the variables that the expression
// needs.
func (t *Table) Uses() []int {
	var uses []int
	for _, a := range t.Aggregates {
		if a.Arg != nil {
			uses = append(uses, a.Arg.uses...)
		}
	}
	slices.Sort(uses)
	return slices.Compact(uses)
}

// Holds evaluates the expression for the values of its aggregates, one row of each.
func (t *Table) Holds(ctx context.Context, values []Column) (Verdict, error) {
	var out [1]Verdict
	err := t.program.Rows(ctx, values, nil, out[:])
	return out[0], err
}
