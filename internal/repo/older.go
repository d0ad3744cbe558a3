package repo

import (
	"context"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// How far back olderTables looks.
const (
	maxOlderCommits = 8
	maxOlderTables  = 3
)

// olderTables returns what the file was before the version that is checked out,
// the latest first. It helps storage alone: what cannot be read is left out.
func (s *snapshot) olderTables(ctx context.Context, name string, old object.ID) []*tabular.Table {
	var tables []*tabular.Table
	seen := []object.ID{old}
	commit := s.head
	for i := 0; i < maxOlderCommits && len(tables) < maxOlderTables && !commit.IsZero(); i++ {
		c, err := object.ReadCommit(ctx, s.r.store, commit)
		if err != nil {
			return tables
		}
		e, err := s.r.entryAt(ctx, commit, name)
		if err == nil && e.Type == object.TypeTable && !slices.Contains(seen, e.ID) {
			seen = append(seen, e.ID)
			if t, err := tabular.Open(ctx, s.r.store, e.ID); err == nil {
				tables = append(tables, t)
			}
		}
		commit = object.ID{}
		if len(c.Parents) > 0 {
			commit = c.Parents[0]
		}
	}
	return tables
}
