package merge

// Additions says what becomes of equal rows that both sides added to a table
// without a primary key (RULES.md §3).
type Additions string

const (
	// AdditionsUnion keeps one of each pair of equal rows that both sides added,
	// and lets both sides' deletions of equal rows count once. It is the default:
	// people who merged by hand have kept one in every real merge that we know.
	AdditionsUnion Additions = "union"
	// AdditionsSum keeps every row that was added and drops every one deleted.
	AdditionsSum Additions = "sum"
)

// Options tunes a merge. A nil *Options, and every zero field, stands for the default.
type Options struct {
	// Layouts are the codecs' own mergers of layouts, by codec name. A layout
	// without one is taken whole.
	Layouts map[string]LayoutMerger
	// Additions is the policy for tables without a key; AdditionsUnion if empty.
	Additions Additions
	// Workers bounds the goroutines that encode tables; 0 stands for one a processor.
	Workers int
}
