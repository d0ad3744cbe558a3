package repo

import (
	"os"
	"path/filepath"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/tabular/csv"
)

// minTraced is from what size on a table's file is worth a trace, in bytes.
const minTraced = 1 << 20

func (r *Repo) tracePath(table object.ID) string {
	return filepath.Join(r.path(tracesDir), table.String())
}

// traceOf returns the trace of a table that was committed from here, or nil: it
// is a saving, nothing else.
func (r *Repo) traceOf(table object.ID) *csv.Trace {
	data, err := os.ReadFile(r.tracePath(table))
	if err != nil {
		return nil
	}
	t, err := csv.DecodeTrace(data)
	if err != nil || t.Table() != table {
		return nil
	}
	return t
}

// keepTrace puts a table's trace in place of that of the version before. A
// failure costs time later, nothing else.
func (r *Repo) keepTrace(before object.ID, t *csv.Trace) {
	if t == nil || os.MkdirAll(r.path(tracesDir), 0o777) != nil {
		return
	}
	if durable.WriteDerived(r.tracePath(t.Table()), t.Encode()) == nil && before != t.Table() {
		_ = os.Remove(r.tracePath(before))
	}
}
