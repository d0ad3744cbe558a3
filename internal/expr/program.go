package expr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// ErrSlow says that an evaluation took more time, or one row more steps, than it may.
var ErrSlow = errors.New("expr: took too long")

// SlowError says at which row of a batch an evaluation was stopped. It wraps
// [ErrSlow].
type SlowError struct {
	Row int // of the batch, from 0
	Err error
}

// Error says why it was stopped.
func (e *SlowError) Error() string { return e.Err.Error() }

// Unwrap returns what wraps ErrSlow.
func (e *SlowError) Unwrap() error { return e.Err }

// Verdict is what became of an expression in one row.
type Verdict uint8

// The verdicts.
const (
	False Verdict = iota
	True
	Unknown // a value that it needs is missing
	Failed  // it has no value, as after a division by zero
)

// Program is a compiled expression. It is safe for use by several goroutines.
type Program struct {
	uses     []int
	kind     Kind
	typeName string
	slow     cel.Program
	fast     *fast // nil if it is not among what can be evaluated without the library
}

// Uses returns the positions, ascending, of the variables that the expression
// needs. The caller must not change them.
func (p *Program) Uses() []int { return p.uses }

// Kind returns the kind of the expression's value.
func (p *Program) Kind() Kind { return p.kind }

// Rows evaluates an expression of kind Boolean for the rows of a batch, of which
// columns holds those that it uses, by the variables' positions, and writes the
// verdicts into out. Rows for which skip says so are left out; it may be nil. An
// evaluation that is stopped fails with a [*SlowError].
func (p *Program) Rows(ctx context.Context, columns []Column, skip []bool, out []Verdict) error {
	for row := range out {
		if skip != nil && skip[row] {
			continue
		}
		v, ok, err := p.value(ctx, columns, row)
		switch {
		case errors.Is(err, ErrSlow):
			return &SlowError{Row: row, Err: err}
		case err != nil:
			return err
		case ok && v != 0:
			out[row] = True
		case ok:
			out[row] = False
		default:
			out[row] = p.without(columns, row)
		}
	}
	return nil
}

// without is the verdict of a row for which there is no value.
func (p *Program) without(columns []Column, row int) Verdict {
	for _, i := range p.uses {
		if columns[i].IsAbsent(row) {
			return Unknown
		}
	}
	return Failed
}

// Value evaluates an expression for one row of a batch. The value is as in
// [Column.Values]; of a text there is none. ok is false if there is no value. An
// evaluation that is stopped fails with an error that wraps [ErrSlow].
func (p *Program) Value(ctx context.Context, columns []Column, row int) (value int64, ok bool, err error) {
	return p.value(ctx, columns, row)
}

func (p *Program) value(ctx context.Context, columns []Column, row int) (int64, bool, error) {
	if p.fast != nil {
		v, ok := p.fast.number(p.kind, columns, row)
		return v, ok, nil
	}
	out, err := p.interpret(ctx, columns, row)
	if err != nil || out == nil {
		return 0, false, err
	}
	v, ok := bitsOf(out)
	return v, ok, nil
}

// interpret evaluates an expression for one row with the library; nil if it has no
// value.
func (p *Program) interpret(ctx context.Context, columns []Column, row int) (ref.Val, error) {
	if ctx.Err() != nil {
		return nil, stopped(ctx)
	}
	out, _, err := p.slow.ContextEval(ctx, &activation{columns: columns, row: row})
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, stopped(ctx)
	case strings.Contains(err.Error(), "cost limit exceeded"):
		return nil, fmt.Errorf("%w: one row needs more than %d steps", ErrSlow, rowCost)
	}
	return nil, nil
}

func stopped(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: it was stopped when its time was over", ErrSlow)
	}
	return ctx.Err()
}

// activation gives the values of one row to the library.
type activation struct {
	columns []Column
	row     int
}

// ResolveName implements cel.Activation. What is missing is an error, so that
// nothing that needs it has a value.
func (a *activation) ResolveName(name string) (any, bool) {
	i, missing, ok := shown(name)
	if !ok || i >= len(a.columns) {
		return nil, false
	}
	c := &a.columns[i]
	switch {
	case missing:
		return types.Bool(c.IsAbsent(a.row)), true
	case c.Kind != Text && c.IsAbsent(a.row):
		return types.NewErr("missing"), true
	}
	return valueAt(c, a.row), true
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

func valueAt(c *Column, row int) ref.Val {
	if c.Kind == Text {
		return types.String(c.Text(row))
	}
	switch c.Kind {
	case Integer:
		return types.Int(c.Values[row])
	case Number:
		return types.Double(c.Float(row))
	case Boolean:
		return types.Bool(c.Values[row] != 0)
	}
	return types.Timestamp{Time: time.UnixMicro(c.Values[row]).UTC()}
}

// bitsOf returns a value as a column holds it.
func bitsOf(v ref.Val) (int64, bool) {
	switch v := v.(type) {
	case types.Int:
		return int64(v), true
	case types.Double:
		return floatBits(float64(v)), true
	case types.Bool:
		if v {
			return 1, true
		}
		return 0, true
	case types.Timestamp:
		return v.UnixMicro(), true
	}
	return 0, false
}
