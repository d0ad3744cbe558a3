package repo

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// MergeOptions tunes [Repo.Merge], [Repo.CherryPick] and [Repo.Revert].
type MergeOptions struct {
	Message string // "" makes one
	// Strict makes a conflict of every row that both sides changed.
	Strict bool
	// AllowViolations commits a merge that breaks a rule of datapackage.json which
	// both sides keep. Otherwise it stops, as with a conflict.
	AllowViolations bool
	// Validate refuses a result that is not valid, with an [*InvalidError].
	Validate bool

	// settle makes no commit where one side has nothing but merges of its own: it is for
	// those that nobody asked for (merge/RULES.md §11).
	settle bool
}

// rules is what datapackage.json says of a table's fields beyond their types.
type rules struct {
	Fields []struct {
		Name   string `json:"name"`
		Constl struct {
			Merge merge.Policy `json:"merge"`
		} `json:"constl"`
	} `json:"fields"`
	ForeignKeys []foreignKey `json:"foreignKeys"`
}

// foreignKey says that the cells of fields stand in the fields of another
// resource too; of the same one if its name is empty.
type foreignKey struct {
	Fields    names `json:"fields"`
	Reference struct {
		Resource string `json:"resource"`
		Fields   names  `json:"fields"`
	} `json:"reference"`
}

// names is one name or several.
type names []string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = names{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// rulesOf returns the rules of a resource's table. What is written otherwise than
// the standard says is no rule.
func rulesOf(res *datapackage.Resource) (out rules) {
	data, ok := res.SchemaJSON()
	if !ok || json.Unmarshal(data, &out) != nil {
		return rules{}
	}
	return out
}

// mergeOptions returns the options for a merge of two commits' trees.
func (r *Repo) mergeOptions(ctx context.Context, o MergeOptions, ours, theirs *object.Commit) (*merge.Options, error) {
	out := &merge.Options{Codecs: codecs(), Strict: o.Strict}
	var sides [2]map[string]map[string]merge.Policy
	confirmed := make(map[string]bool)
	any := false
	for i, c := range []*object.Commit{ours, theirs} {
		pkg, err := packageAt(ctx, r.store, c.Tree)
		if err != nil {
			return nil, err
		}
		sides[i] = policiesOf(pkg)
		any = any || len(sides[i]) > 0
		confirmedKeys(pkg, confirmed)
	}
	out.Inferred = func(path string) merge.Inferred { return merge.Inferred{Key: !confirmed[path]} }
	if !any {
		return out, nil
	}
	out.Policies = func(path string) map[string]merge.Policy { return joinPolicies(sides[0][path], sides[1][path]) }
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	maintains := func(c *object.Commit) bool {
		person, known := chain.Current().Person(refs.PeerID(c.Key))
		return known && person.Role == refs.Maintainer
	}
	switch a, b := maintains(ours), maintains(theirs); {
	case a && !b:
		out.Maintained = merge.RankOurs
	case b && !a:
		out.Maintained = merge.RankTheirs
	}
	return out, nil
}

// joinPolicies returns the policies that at least one side names and the other
// does not contradict.
func joinPolicies(ours, theirs map[string]merge.Policy) map[string]merge.Policy {
	out := make(map[string]merge.Policy, len(ours)+len(theirs))
	for _, side := range []map[string]merge.Policy{ours, theirs} {
		for name, p := range side {
			if before, ok := out[name]; ok && before != p {
				p = ""
			}
			out[name] = p
		}
	}
	return out
}

// packageAt returns the datapackage.json of a tree, as [packageOf] does.
func packageAt(ctx context.Context, objects object.Reader, tree object.ID) (*datapackage.Package, error) {
	top := &fileSet{files: make(map[string]object.TreeEntry)}
	for e, err := range object.TreeEntries(ctx, objects, tree) {
		if err != nil {
			return nil, err
		}
		if e.Name == datapackage.FileName {
			top.files[e.Name] = e
		}
	}
	return packageOf(ctx, objects, top)
}

// confirmedKeys notes the tables whose primary key a person stands by.
func confirmedKeys(pkg *datapackage.Package, paths map[string]bool) {
	if pkg == nil {
		return
	}
	for _, res := range pkg.Resources() {
		if len(res.PrimaryKey()) == 0 || res.KeyInferred() {
			continue
		}
		for _, path := range res.Paths() {
			paths[path] = true
		}
	}
}

// policiesOf returns the policies in datapackage.json, by path and field; none if
// there is no such file.
func policiesOf(pkg *datapackage.Package) map[string]map[string]merge.Policy {
	if pkg == nil {
		return nil
	}
	out := make(map[string]map[string]merge.Policy)
	for _, res := range pkg.Resources() {
		for _, f := range rulesOf(res).Fields {
			if !slices.Contains(merge.Policies(), f.Constl.Merge) {
				continue
			}
			for _, path := range res.Paths() {
				if out[path] == nil {
					out[path] = make(map[string]merge.Policy)
				}
				out[path][f.Name] = f.Constl.Merge
			}
		}
	}
	return out
}
