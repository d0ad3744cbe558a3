package validate

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object/mem"
)

const benchSchema = `{"fields":[
	{"name":"id","type":"integer","constraints":{"required":true,"minimum":0}},
	{"name":"site","type":"string","constraints":{"required":true,"pattern":"S[0-9]{3}"}},
	{"name":"at","type":"datetime","constraints":{"minimum":"2005-01-01T00:00:00Z"}},
	{"name":"species","type":"string","constraints":{"enum":["Larus argentatus","Pica pica"]}},
	{"name":"temp_c","type":"number","constraints":{"minimum":-60,"maximum":60}}],
	"primaryKey":"id","constl":{"rules":[{"row":"temp_c > -60.0 && (id == 0 || species != '')"}]}}`

func benchTables(b *testing.B) (*bench, []string) {
	pkg, err := datapackage.Parse([]byte(`{"name":"x","resources":[{"name":"t","path":"t.csv","schema":` + benchSchema + `}]}`))
	if err != nil {
		b.Fatal(err)
	}
	rows := []string{"id,site,at,species,temp_c"}
	for i := range 200_000 {
		rows = append(rows, fmt.Sprintf("%d,S%d,2026-01-%02dT12:%02d:00Z,%s,%d.%d", i, 100+i%400, 1+i%28, i%60,
			[]string{"Larus argentatus", "Pica pica"}[i%2], i*7919%40-10, i%10))
	}
	return &bench{t: b, store: mem.New(), pkg: pkg}, rows
}

func BenchmarkValidate(b *testing.B) {
	bench, rows := benchTables(b)
	now := bench.table(strings.Join(rows, "\n")+"\n", nil)
	in := &Input{Package: bench.pkg, Tables: []Table{{Path: "t.csv", Now: now}}}
	for b.Loop() {
		if _, err := Run(context.Background(), in, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(now.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkChangedOnly(b *testing.B) {
	bench, rows := benchTables(b)
	base := bench.table(strings.Join(rows, "\n")+"\n", nil)
	for i := 1; i < len(rows); i += 2000 {
		rows[i] = strings.Replace(rows[i], "Larus argentatus", "Pica pica", 1)
	}
	now := bench.table(strings.Join(rows, "\n")+"\n", base)
	in := &Input{Package: bench.pkg, Tables: []Table{{Path: "t.csv", Now: now, Base: base}}, ChangedOnly: true}
	for b.Loop() {
		if _, err := Run(context.Background(), in, nil); err != nil {
			b.Fatal(err)
		}
	}
}
