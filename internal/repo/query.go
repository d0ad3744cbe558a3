package repo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/zeebo/blake3"

	"github.com/constl/constl/internal/cite"
	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/tabular"
)

// ErrQuery says that a query makes no sense for its table.
var ErrQuery = errors.New("the query cannot be run")

// QueryTags begins the names of the tags that hold stored queries.
const QueryTags = "query/"

// queryHead begins the message of such a tag.
const queryHead = "constl query 1\n"

// storedQuery is what the message of a query's tag says (QUERY.md).
type storedQuery struct {
	Table       string              `json:"table"`
	Query       string              `json:"query"` // in its normal form
	Rows        int64               `json:"rows"`
	Fingerprint tabular.Fingerprint `json:"fingerprint"`
}

func (q *storedQuery) text() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(q) // texts and a number
	return queryHead + b.String()
}

// id names the query, the version and the result, whoever stores it.
func (q *storedQuery) id(commit object.ID) string {
	sum := blake3.Sum256(append(commit[:], q.text()...))
	return hex.EncodeToString(sum[:16])
}

// CiteQuery runs a query on a table of the revision and returns what is cited of it.
// The query is stored as a signed tag, so that it can be run again and checked,
// unless the same one with the same result is there already. An empty query stands
// for the whole table and stores nothing. It fails with [ErrQuery], or with
// [ErrNotFile] if there is no such table.
func (r *Repo) CiteQuery(ctx context.Context, rev, table, text string) (*cite.Part, error) {
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	res, err := r.runQuery(ctx, commit, table, text)
	if err != nil {
		return nil, err
	}
	print, err := tabular.FingerprintOf(ctx, res, nil)
	if err != nil {
		return nil, err
	}
	part := &cite.Part{Table: table, Rows: res.rows, Fingerprint: cite.Fingerprint(print.Fingerprint)}
	if strings.TrimSpace(text) == "" {
		return part, nil
	}
	q := &storedQuery{Table: table, Query: res.query.String(), Rows: res.rows, Fingerprint: print.Fingerprint}
	part.Query, part.ID = q.Query, q.id(commit)
	_, err = r.CreateTag(ctx, QueryTags+part.ID, commit.String(), q.text())
	if errors.Is(err, ErrExists) {
		_, _, err = r.loadQuery(ctx, part.ID)
	}
	return part, err
}

// loadQuery reads a stored query. It fails with [ErrUnknownRevision] if there is
// none, and with [object.ErrCorrupt] or [object.ErrSignature] if it is not what its
// id says.
func (r *Repo) loadQuery(ctx context.Context, id string) (*storedQuery, object.ID, error) {
	target, err := r.tagObject(ctx, QueryTags+id)
	if err != nil {
		return nil, object.ID{}, err
	}
	o, err := r.store.Get(ctx, target)
	if err != nil {
		return nil, object.ID{}, err
	}
	t, err := object.DecodeTag(o)
	if err == nil {
		err = t.Verify()
	}
	if err != nil {
		return nil, object.ID{}, fmt.Errorf("the stored query %s: %w", id, err)
	}
	q := &storedQuery{}
	data, ok := strings.CutPrefix(t.Message, queryHead)
	if !ok || json.Unmarshal([]byte(data), q) != nil || q.text() != t.Message || q.id(t.Target) != id {
		return nil, object.ID{}, fmt.Errorf("the stored query %s: %w: its text is not the one that the id names", id, object.ErrCorrupt)
	}
	return q, t.Target, nil
}

// tagObject returns what a tag's ref points at, here or as a remote was seen to have it.
func (r *Repo) tagObject(ctx context.Context, tag string) (object.ID, error) {
	name, err := refs.Tag(tag)
	if err != nil {
		return object.ID{}, err
	}
	own, err := r.refs.Own(ctx)
	if err != nil {
		return object.ID{}, err
	}
	if id, ok := own[name]; ok {
		return id, nil
	}
	seen, err := r.readRemotes()
	if err != nil {
		return object.ID{}, err
	}
	for _, remote := range seen {
		if id, ok := remote.Refs[name]; ok {
			return id, nil
		}
	}
	return object.ID{}, fmt.Errorf("%w: the query %s is not here; fetch from whoever cites it", ErrUnknownRevision, tag)
}

// VerifyQuery runs a stored query again and compares the result with what was
// stored. It fails with [ErrMismatch] if that is another one or if the query is of
// another version, and as the query's loading does.
func (r *Repo) VerifyQuery(ctx context.Context, id string, commit object.ID) (*cite.Part, error) {
	q, target, err := r.loadQuery(ctx, id)
	if err != nil {
		return nil, err
	}
	if !commit.IsZero() && commit != target {
		return nil, fmt.Errorf("%w: the query %s is of version %s", ErrMismatch, id, target.Short())
	}
	res, err := r.runQuery(ctx, target, q.Table, q.Query)
	if err != nil {
		return nil, err
	}
	print, err := tabular.FingerprintOf(ctx, res, nil)
	if err != nil {
		return nil, err
	}
	if print.Fingerprint != q.Fingerprint || res.rows != q.Rows {
		return nil, fmt.Errorf("%w: the query gives %d rows with %s, expected %d with %s", ErrMismatch, res.rows, print.Fingerprint, q.Rows, q.Fingerprint)
	}
	return &cite.Part{Table: q.Table, Query: q.Query, ID: id, Rows: q.Rows, Fingerprint: cite.Fingerprint(q.Fingerprint)}, nil
}

// CatQuery writes the result of a stored query as CSV in UTF-8. It fails as
// [Repo.VerifyQuery] does for a query that cannot be loaded.
func (r *Repo) CatQuery(ctx context.Context, w io.Writer, id string) error {
	q, target, err := r.loadQuery(ctx, id)
	if err != nil {
		return err
	}
	res, err := r.runQuery(ctx, target, q.Table, q.Query)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	_ = out.Write(res.names)
	for _, row := range res.order {
		record := make([]string, len(res.shown))
		for i := range record {
			record[i] = string(res.shown[i].At(row))
		}
		_ = out.Write(record)
	}
	out.Flush()
	return out.Error()
}

// queryResult is the rows that a query selects, as texts.
type queryResult struct {
	query *query
	names []string
	texts []tabular.Cells // of the columns asked for, as they are read
	shown []tabular.Cells // the same as they stand in the file
	order []int           // the rows in the order asked for
	rows  int64
}

var _ tabular.Texts = (*queryResult)(nil)

// Names implements [tabular.Texts].
func (q *queryResult) Names() []string { return q.names }

// Batches implements [tabular.Texts].
func (q *queryResult) Batches(context.Context) iter.Seq2[tabular.Batch, error] {
	return func(yield func(tabular.Batch, error) bool) {
		yield(func(context.Context) ([]tabular.Cells, error) { return q.texts, nil }, nil)
	}
}

// maxResult is how many bytes of text a result may have: it is held in memory.
const maxResult = 1 << 30

func (r *Repo) runQuery(ctx context.Context, commit object.ID, table, text string) (*queryResult, error) {
	t, err := r.tableAt(ctx, commit, table)
	if err != nil {
		return nil, err
	}
	q, err := parseQuery(text)
	if err != nil {
		return nil, err
	}
	run := &queryRun{t: t, query: q, res: &queryResult{query: q}}
	if err := run.plan(); err != nil {
		return nil, err
	}
	read, err := r.textsOf(ctx, commit, table, t, nil)
	if err != nil {
		return nil, err
	}
	run.res.names = make([]string, len(run.cols))
	for i, col := range run.cols {
		run.res.names[i] = read.Names()[col]
	}
	raw := t.Texts(nil, nil, nil)
	next, stop := iter.Pull2(raw.Batches(ctx))
	defer stop()
	for batch, err := range read.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		plain, err, _ := next()
		if err != nil {
			return nil, err
		}
		if err := run.add(ctx, batch, plain); err != nil {
			return nil, err
		}
	}
	run.sort()
	return run.res, nil
}

// queryRun is a query that is being run.
type queryRun struct {
	t       *tabular.Table
	query   *query
	res     *queryResult
	cols    []int // asked for
	order   []int // positions of the columns that the rows are ordered by
	where   *expr.Program
	kinds   []expr.Kind
	sorting []expr.Column // by order
	size    int
}

func (run *queryRun) plan() (err error) {
	s := run.t.Schema
	if run.cols, err = positionsOf(s, run.query.columns); err != nil {
		return err
	}
	for _, o := range run.query.order {
		at, err := positionsOf(s, []string{o.column})
		if err != nil {
			return err
		}
		run.order = append(run.order, at[0])
	}
	var vars []expr.Variable
	for i, f := range s.Fields {
		run.kinds = append(run.kinds, kindOfType(f.Type))
		vars = append(vars, expr.Variable{Name: columnName(s, i), Kind: run.kinds[i]})
	}
	run.res.texts = make([]tabular.Cells, len(run.cols))
	run.res.shown = make([]tabular.Cells, len(run.cols))
	for _, col := range run.order {
		run.sorting = append(run.sorting, expr.Column{Kind: run.kinds[col]})
	}
	if run.query.where == "" {
		return nil
	}
	env, err := expr.NewEnv(vars)
	if err != nil {
		return err
	}
	if run.where, err = env.Compile(run.query.where); err != nil {
		return fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return nil
}

// add takes the rows of a batch that the filter lets through. A row for which the
// filter has no value, since one that it needs is missing, is left out, as in SQL.
func (run *queryRun) add(ctx context.Context, read, plain tabular.Batch) error {
	cells, err := read(ctx)
	if err != nil {
		return err
	}
	stored, err := plain(ctx)
	if err != nil || len(cells) == 0 {
		return err
	}
	verdicts := make([]expr.Verdict, cells[0].Len())
	if run.where == nil {
		for i := range verdicts {
			verdicts[i] = expr.True
		}
	} else {
		columns := make([]expr.Column, len(cells))
		for _, col := range run.where.Uses() {
			columns[col] = typed(run.kinds[col], cells[col])
		}
		if err := run.where.Rows(ctx, columns, nil, verdicts); err != nil {
			return fmt.Errorf("%w: %w", ErrQuery, err)
		}
	}
	text := cellText(run.t)
	for row, v := range verdicts {
		if v != expr.True {
			continue
		}
		for i, col := range run.cols {
			run.res.texts[i].Append(cells[col].At(row))
			shown := []byte(text(stored[col].At(row)))
			run.res.shown[i].Append(shown)
			run.size += len(shown) + 8
		}
		for i, col := range run.order {
			run.sorting[i].Texts.Append(cells[col].At(row))
		}
		run.res.rows++
	}
	if run.size > maxResult {
		return fmt.Errorf("%w: %w: the result has more than %d bytes", ErrQuery, tabular.ErrTooLarge, maxResult)
	}
	return nil
}

// sort orders the rows; those that are equal stay in the table's order. Missing
// values come last.
func (run *queryRun) sort() {
	run.res.order = make([]int, run.res.rows)
	for i := range run.res.order {
		run.res.order[i] = i
	}
	for i := range run.sorting {
		run.sorting[i] = typed(run.sorting[i].Kind, run.sorting[i].Texts)
	}
	slices.SortStableFunc(run.res.order, func(a, b int) int {
		for i := range run.sorting {
			c := &run.sorting[i]
			if x, y := c.IsAbsent(a), c.IsAbsent(b); x || y {
				if x != y {
					return map[bool]int{true: 1, false: -1}[x]
				}
				continue
			}
			if d := compareValues(c, a, b); d != 0 {
				if run.query.order[i].descending {
					return -d
				}
				return d
			}
		}
		return 0
	})
}

func compareValues(c *expr.Column, a, b int) int {
	switch c.Kind {
	case expr.Text:
		return bytes.Compare(c.Text(a), c.Text(b))
	case expr.Number:
		return cmp.Compare(c.Float(a), c.Float(b))
	}
	return cmp.Compare(c.Values[a], c.Values[b])
}
