package validate

import (
	"cmp"
	"slices"
	"time"
)

// Severity says how bad a finding is.
type Severity string

// The severities: an error makes the data invalid, a warning does not.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Report is what a validation found.
type Report struct {
	// Valid says that there is no error. Warnings do not count.
	Valid    bool  `json:"valid"`
	Errors   int64 `json:"errors"`
	Warnings int64 `json:"warnings"`
	// Tables lists what was looked at, sorted by path.
	Tables []TableReport `json:"tables"`
	// Kinds lists what was found, errors first, then by path and place.
	Kinds []Kind `json:"findings"`
	// Notes are sentences on what was not checked, and why.
	Notes []string `json:"notes,omitempty"`
}

// TableReport says how much of a table was looked at.
type TableReport struct {
	Path string `json:"path"`
	Rows int64  `json:"rows"`
	// Checked is how many rows were checked one by one: all, or those that changed.
	Checked int64 `json:"rows_checked"`

	took time.Duration
}

// Kind is all findings of one check in one field of one file.
type Kind struct {
	Rule     string   `json:"rule"` // the id of the check
	Severity Severity `json:"severity"`
	Path     string   `json:"path"`
	Field    string   `json:"field,omitempty"`
	// Name is what a person called the rule that was broken.
	Name string `json:"name,omitempty"`
	// Expected says what would have been right.
	Expected string `json:"expected"`
	Count    int64  `json:"count"`
	// Findings are the first ones, in the order of the file.
	Findings []Finding `json:"first"`
}

// Finding is one thing that is not as it should be.
type Finding struct {
	// Line and Column are its place in the file, from 1; 0 if it has none. Column
	// is given for texts that people write by hand only.
	Line   int64 `json:"line,omitempty"`
	Column int   `json:"column,omitempty"`
	// Row is the number of the row, from 1, without the header; 0 if it is none.
	Row int64 `json:"row,omitempty"`
	// Key holds the texts of the row's primary key.
	Key   []string `json:"key,omitempty"`
	Value string   `json:"value,omitempty"`
	// Message says what was found, in one sentence.
	Message string `json:"message"`

	more bool // it stands for others, which are only counted
}

// finish counts and sorts what was found.
func (r *Report) finish() {
	slices.SortStableFunc(r.Kinds, func(a, b Kind) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Path, b.Path), cmp.Compare(firstLine(&a), firstLine(&b)))
	})
	slices.SortFunc(r.Tables, func(a, b TableReport) int { return cmp.Compare(a.Path, b.Path) })
	for i := range r.Kinds {
		if r.Kinds[i].Severity == SeverityError {
			r.Errors += r.Kinds[i].Count
		} else {
			r.Warnings += r.Kinds[i].Count
		}
	}
	r.Valid = r.Errors == 0
}

func firstLine(k *Kind) int64 {
	if len(k.Findings) == 0 {
		return 0
	}
	return k.Findings[0].Line
}
