package validate

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/constl/constl/tabular/csv"
	"github.com/google/go-cmp/cmp"
)

func TestDamage(t *testing.T) {
	tests := []struct {
		name, schema, file string
		want               []string
	}{
		{"dates of genes", `{"fields":[{"name":"gene"}]}`, "gene\nTP53\nBRCA1\n2-Sep\nEGFR\nMYC\n1-Mar\nKRAS\nPTEN\n",
			[]string{`t.csv:4 spreadsheet-date gene: "2-Sep" looks like a date that a spreadsheet program made of a name or an id`,
				`t.csv:7 spreadsheet-date gene: "1-Mar" looks like a date that a spreadsheet program made of a name or an id`}},
		{"a column of dates", `{"fields":[{"name":"when"}]}`, "when\n2-Sep\n3-Sep\n4-Oct\n5-Oct\n", []string{}},
		{"a date among years", `{"fields":[{"name":"when"}]}`, "when\n2012\n2013\n2014-05\npre-2016\n2012-08-08\n", []string{}},
		{"notes may end in blanks", `{"fields":[{"name":"s"}]}`, "s\nThe nest was empty when we came back the next day. \nhttps://example.org/a/very/long/address/of/one/page \n",
			[]string{`t.csv:3 stray-space s: "https://example.org/a/very/long/address/of/one/page " begins or ends with a blank`}},
		{"zeros", `{"fields":[{"name":"zip","type":"string"}]}`, "zip\n01234\n98765\n1235\n45678\n02345\n00123\n12345\n12346\n12347\n12348\n",
			[]string{`t.csv:4 lost-zeros zip: "1235" is shorter than the other ids, some of which begin with 0`}},
		{"ids of many lengths", `{"fields":[{"name":"n","type":"string"}]}`, "n\n01\n123\n7\n45678\n", []string{}},
		{"rounded", `{"fields":[{"name":"id","type":"string"}]}`, "id\n2310009E13\n1.2E+11\n120000000123\nx\n",
			[]string{`t.csv:3 rounded-number id: "1.2E+11" looks like a long number that a spreadsheet program has rounded`}},
		{"commas", `{"fields":[{"name":"v","type":"string"}]}`, "v\n1.5\n2.5\n\"3,5\"\n4.5\n",
			[]string{`t.csv:4 decimal-comma v: "3,5" has a decimal comma`}},
		{"points", `{"fields":[{"name":"v","type":"string"}]}`, "v\n\"1,5\"\n\"2,5\"\n3.5\n",
			[]string{`t.csv:4 decimal-comma v: "3.5" has a decimal point`}},
		{"look-alikes", `{"fields":[{"name":"s"}]}`, "s\nLarus\nLаrus\nмоевка\nсосо\nLarus\nLarus\nLarus\nLarus\nLarus\nLarus\nLarus\nLarus\n",
			[]string{`t.csv:3 look-alike s: "Lаrus" has letters of two scripts that look alike`,
				`t.csv:5 look-alike s: "сосо" is written in letters of another script that look Latin`}},
		{"other scripts are no damage", `{"fields":[{"name":"s"}]}`, "s\nмоевка\nсосо\nόρνις\n中文\n", []string{}},
		{"blanks and what nobody sees", `{"fields":[{"name":"s"}]}`, "s\na \n\u00a0b\nc\u200bd\ne f\n",
			[]string{`t.csv:2 stray-space s: "a " begins or ends with a blank`, `t.csv:3 stray-space s: "\u00a0b" begins or ends with a blank`,
				`t.csv:4 invisible-character s: "c\u200bd" has characters that nobody sees`}},
		{"allowed", `{"fields":[{"name":"s","constl":{"allow":["stray-space"]}},{"name":"r","constl":{"allow":["*"]}}]}`, "s,r\na ,b \n", []string{}},
	}
	for _, tt := range tests {
		b := newBench(t, tt.schema)
		b.expect(tt.name, b.run(b.table(tt.file, nil), nil, false, nil), tt.want)
	}
}

// Against the version before, what happened to a cell is sure.
func TestDamageSince(t *testing.T) {
	b := newBench(t, `{"fields":[{"name":"id","type":"integer"},{"name":"code"}],"primaryKey":"id"}`)
	base := b.table("id,code\n1,0071\n2,SEPT2\n3,MARCH1\n4,2310009E13\n5,0071\n6,3/4\n7,1234567890123456\n8,1.5\n9,1.5\n10,3-4\n11,SEPT2\n12,2\n", nil)
	now := "id,code\n1,71\n2,2-Sep\n3,44256\n4,2.31E+13\n5,72\n6,04.03.2026\n7,1234567890123450\n8,1. Mai\n9,\"1,5\"\n10,44258\n11,02-sept.\n12,44258\n"
	b.expect("since", b.run(b.table(now, base), base, true, &Options{}), []string{
		`t.csv:2 lost-zeros code: "71" was "0071" before`,
		`t.csv:3 spreadsheet-date code: "2-Sep" was "SEPT2" before`,
		`t.csv:4 spreadsheet-date code: "44256" was "MARCH1" before`,
		`t.csv:7 spreadsheet-date code: "04.03.2026" was "3/4" before`,
		`t.csv:9 spreadsheet-date code: "1. Mai" was "1.5" before`,
		`t.csv:11 spreadsheet-date code: "44258" was "3-4" before`,
		`t.csv:12 spreadsheet-date code: "02-sept." was "SEPT2" before`,
		`t.csv:5 rounded-number code: "2.31E+13" was "2310009E13" before`,
		`t.csv:8 rounded-number code: "1234567890123450" was "1234567890123456" before`,
		`t.csv:10 decimal-comma code: "1,5" was "1.5" before`,
	})
}

// Of the real tables in the test data, 244 files, those are named whose
// texts are damaged, and no others: each line was looked at. In PAGES of Concepticon,
// pages 3 to 13 and 1 to 15 have become "Mar 13" and "Jan 15".
func TestDamageInRealTables(t *testing.T) {
	want := []string{
		"merges/m01-both-append publication_doi stray-space",
		"merges/m01-both-append sample_age_doi stray-space",
		"merges/m01-both-append site_name stray-space",
		"merges/m02-both-append-nokey publication_doi stray-space",
		"merges/m02-both-append-nokey sample_age_doi stray-space",
		"merges/m02-both-append-nokey site_name stray-space",
		"merges/m06-lists-append-edit PAGES spreadsheet-date",
		"merges/m06-lists-append-edit URL stray-space",
		"merges/m07-lists-human-differs PAGES spreadsheet-date",
		"merges/m07-lists-human-differs PAGES stray-space",
		"merges/m07-lists-human-differs URL stray-space",
		"merges/m10-census-crlf censusdays stray-space",
		"odd/EvergladesWadingBird__Counts_maxcount_1993.csv colony_old stray-space",
		"odd/EvergladesWadingBird__Counts_maxcount_1993.csv latitude stray-space",
		"odd/ForC__database_management_records_ForC_data_additions_log.csv citation.author stray-space",
		"odd/ForC__database_management_records_ForC_data_additions_log.csv citation.doi stray-space",
		"odd/ForC__database_management_records_ForC_data_additions_log.csv variables stray-space",
		"odd/data__ahca-polls_ahca_polls.csv Pollster stray-space",
		"odd/data__ahca-polls_ahca_polls.csv Text invisible-character",
		"odd/data__avengers_avengers.csv Notes stray-space",
		"odd/data__state-of-the-polls-2024_2024_polls.csv sponsor_names stray-space",
		"odd/sqlite-utils__tests_sniff_example3.csv age stray-space",
		"versions/ameta-env-samples archive_accession stray-space",
		"versions/ameta-env-samples publication_doi stray-space",
		"versions/ameta-env-samples sample_age_doi stray-space",
		"versions/ameta-env-samples site_name stray-space",
		"versions/portal-plant-species Common Name stray-space",
		"versions/portal-plant-species Family stray-space",
		"versions/portal-plant-species Species stray-space",
		"versions/portal-plant-species commonname stray-space",
		"versions/portal-plant-species family stray-space",
		"versions/portal-plant-species species stray-space",
		"versions/portal-plant-species subspecies stray-space",
	}
	found := make(map[string]bool)
	files := 0
	root := filepath.Join("..", "..", "testdata")
	for _, dir := range []string{"odd", "merges", "versions"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !csv.IsName(name) || e.Name() == "INDEX.tsv" {
				return err
			}
			r, _, err := Loose(t.Context(), name, "", nil)
			if errors.Is(err, csv.ErrNotTable) {
				return nil
			}
			if err != nil {
				return err
			}
			files++
			at, err := filepath.Rel(root, name)
			if dir != "odd" {
				at = filepath.Dir(at)
			}
			for _, k := range r.Kinds {
				if k.Severity == SeverityWarning && k.Rule != RuleBlankLabel && k.Rule != RuleDuplicateLabel {
					found[filepath.ToSlash(at)+" "+k.Field+" "+k.Rule] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(found))); diff != "" || files < 200 {
		t.Errorf("%d files (-want +got):\n%s", files, diff)
	}
}
