package validate

import "testing"

func TestDamage(t *testing.T) {
	tests := []struct {
		name, schema, file string
		want               []string
	}{
		{"dates of genes", `{"fields":[{"name":"gene"}]}`, "gene\nTP53\nBRCA1\n2-Sep\nEGFR\nMYC\n1-Mar\nKRAS\nPTEN\n",
			[]string{`t.csv:4 spreadsheet-date gene: "2-Sep" looks like a date that a spreadsheet program made of a name or an id`,
				`t.csv:7 spreadsheet-date gene: "1-Mar" looks like a date that a spreadsheet program made of a name or an id`}},
		{"a column of dates", `{"fields":[{"name":"when"}]}`, "when\n2-Sep\n3-Sep\n4-Oct\n5-Oct\n", []string{}},
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
	base := b.table("id,code\n1,0071\n2,SEPT2\n3,MARCH1\n4,2310009E13\n5,0071\n6,3/4\n", nil)
	b.expect("since", b.run(b.table("id,code\n1,71\n2,2-Sep\n3,44256\n4,2.31E+13\n5,72\n6,04.03.2026\n", base), base, true, &Options{}), []string{
		`t.csv:2 lost-zeros code: "71" was "0071" before`,
		`t.csv:3 spreadsheet-date code: "2-Sep" was "SEPT2" before`,
		`t.csv:4 spreadsheet-date code: "44256" was "MARCH1" before`,
		`t.csv:5 rounded-number code: "2.31E+13" was "2310009E13" before`,
	})
}
