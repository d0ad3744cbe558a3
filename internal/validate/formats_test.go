package validate

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write golden files")

// hostile is a report with texts that mean something to what shows it.
func hostile() *Report {
	r := &Report{
		Tables: []TableReport{{Path: "a,b:c%.csv", Rows: 3, Checked: 3}, {Path: "fine.csv", Rows: 1, Checked: 1}},
		Kinds: []Kind{{
			Rule: RuleType, Severity: SeverityError, Path: "a,b:c%.csv", Field: "x|y", Expected: "a <b>", Count: 3,
			Findings: []Finding{
				{Line: 2, Row: 1, Key: []string{"@all"}, Value: "v", Message: "\n::error::forged %0A <script>alert(1)</script> | [x](http://x) \x1b[31m \u202e"},
				{Line: 3, Row: 2, Message: strings.Repeat("é", 5000)},
			},
		}, {
			Rule: RuleStraySpace, Severity: SeverityWarning, Path: "a,b:c%.csv", Count: 1, Findings: []Finding{{Line: 4, Row: 3, Message: "]]> & <"}},
		}},
	}
	r.finish()
	return r
}

func written(t *testing.T, r *Report, f Format) string {
	t.Helper()
	var b bytes.Buffer
	o := WriteOptions{Prefix: "sub dir/", Version: "1.2.3", Now: time.Date(2026, 5, 31, 14, 30, 0, 0, time.FixedZone("", 3600))}
	if err := Write(&b, r, f, o); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("%s holds characters that act on a terminal", f)
	}
	return b.String()
}

func TestGitHub(t *testing.T) {
	out := written(t, hostile(), FormatGitHub)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	command := regexp.MustCompile(`^::(error|warning) file=sub dir/a%2Cb%3Ac%25\.csv,line=\d+,title=[a-z-]+::[^\r\n]*$`)
	if len(lines) != 4 {
		t.Errorf("%d commands:\n%s", len(lines), out)
	}
	for _, line := range lines {
		if !command.MatchString(line) {
			t.Errorf("%s", line)
		}
	}
	if !strings.Contains(lines[0], "%0A::error::forged %250A") || len(lines[1]) > 2200 || !strings.Contains(lines[2], "and 1 more like this") {
		t.Errorf("%s", out)
	}
}

func TestSummary(t *testing.T) {
	var b bytes.Buffer
	if err := WriteSummary(&b, hostile(), 0); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script>", "[x]", "@all", "\n::", "\x1b"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the summary holds %q:\n%s", bad, b.String())
		}
	}
	big := &Report{Kinds: []Kind{{Path: "a.csv", Count: 9000}}}
	for range 9000 {
		big.Kinds[0].Findings = append(big.Kinds[0].Findings, Finding{Message: strings.Repeat("<", 200)})
	}
	b.Reset()
	for _, used := range []int64{0, maxSummary / 2, 2 * maxSummary} {
		b.Reset()
		if err := WriteSummary(&b, big, used); err != nil || int64(b.Len())+min(used, maxSummary-400) > maxSummary || !strings.Contains(b.String(), "more are not shown here") {
			t.Errorf("%d bytes after %d, %v", b.Len(), used, err)
		}
	}
}

// many adds more findings to a report than a SARIF file may list.
func many(r *Report) *Report {
	for i := range 6000 {
		r.Kinds[0].Findings = append(r.Kinds[0].Findings, Finding{Line: 9, Row: 8 + int64(i), Message: "m"})
	}
	r.Kinds[0].Count = 7000
	return r
}

// officialSchema compiles a JSON schema of the test data.
func officialSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("testdata/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSARIFKeepsToItsSchema(t *testing.T) {
	s := officialSchema(t, "sarif-2.1.0.json")
	for name, r := range map[string]*Report{"nothing": {}, "hostile": hostile(), "many": many(hostile())} {
		if err := s.Validate(parsed(t, written(t, r, FormatSARIF))); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
	}
	if err := s.Validate(parsed(t, `{"version":"2.1.0","runs":[{"tool":{}}]}`)); err == nil {
		t.Error("the schema takes a run without a driver")
	}
}

func TestSARIF(t *testing.T) {
	r := many(hostile())
	var doc struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Invocations []struct {
				ToolExecutionNotifications []struct{ Message struct{ Text string } }
			}
			Results []struct {
				RuleID    string
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
				PartialFingerprints map[string]string
			}
		}
	}
	text := written(t, r, FormatSARIF)
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	run := doc.Runs[0]
	if doc.Version != "2.1.0" || len(run.Results) != maxResults || run.Tool.Driver.Rules[0].ID != RuleType {
		t.Errorf("%s, %d results, %v", doc.Version, len(run.Results), run.Tool.Driver.Rules)
	}
	if notes := run.Invocations[0].ToolExecutionNotifications; len(notes) != 1 || notes[0].Message.Text != "2001 more are not listed." {
		t.Errorf("%+v", notes)
	}
	// The one warning is listed beside thousands of errors.
	if last := run.Results[maxResults-1]; last.RuleID != RuleStraySpace || last.Level != "warning" {
		t.Errorf("%+v", last)
	}
	first := run.Results[0]
	at := first.Locations[0].PhysicalLocation
	if at.ArtifactLocation.URI != "sub%20dir/a%2Cb%3Ac%25.csv" || at.Region.StartLine != 2 || first.Level != "error" || first.PartialFingerprints["primaryLocationLineHash"] == "" {
		t.Errorf("%+v", first)
	}
	if strings.Contains(text, "[x](http") {
		t.Error("a cell makes a link")
	}
	// GitHub takes 10 MB, compressed.
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, text); err != nil || z.Close() != nil || packed.Len() > 10<<20 {
		t.Errorf("%d bytes", packed.Len())
	}
}

// The golden file keeps to the schemas beside it (see their README), and this is it.
func TestJUnit(t *testing.T) {
	const name = "testdata/schemas/junit.golden.xml"
	out := written(t, hostile(), FormatJUnit)
	if *update {
		if err := os.WriteFile(name, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d := xml.NewDecoder(strings.NewReader(out))
	cases := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "testcase" {
			cases++
		}
	}
	if cases != 2 {
		t.Errorf("%d cases", cases)
	}
}

func TestGitLab(t *testing.T) {
	var issues []struct {
		Description, Fingerprint, Severity string
		Check                              string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal([]byte(written(t, hostile(), FormatGitLab)), &issues); err != nil {
		t.Fatal(err)
	}
	prints := make(map[string]bool)
	for _, i := range issues {
		prints[i.Fingerprint] = true
	}
	s := officialSchema(t, "codeclimate.json")
	for _, issue := range parsed(t, written(t, hostile(), FormatGitLab)).([]any) {
		if err := s.Validate(issue); err != nil {
			t.Errorf("%#v", err)
		}
	}
	if len(issues) != 4 || len(prints) != 4 || issues[0].Severity != "major" || issues[3].Severity != "minor" || issues[0].Location.Lines.Begin != 2 {
		t.Errorf("%+v", issues)
	}
	if got := written(t, &Report{}, FormatGitLab); strings.TrimSpace(got) != "[]" {
		t.Errorf("nothing found: %q", got)
	}
}

func TestHTML(t *testing.T) {
	out := written(t, hostile(), FormatHTML)
	if strings.Contains(out, "<script") || strings.Contains(out, "<b>") || !strings.Contains(out, "&lt;script&gt;") {
		t.Errorf("%s", out)
	}
}

// An alert stays the same one when rows are added above it, or others are found.
func TestFingerprintsStay(t *testing.T) {
	print := func(k Kind) string {
		var doc []struct{ Fingerprint string }
		if err := json.Unmarshal([]byte(written(t, &Report{Kinds: []Kind{k}}, FormatGitLab)), &doc); err != nil {
			t.Fatal(err)
		}
		return doc[0].Fingerprint
	}
	k := Kind{Rule: RuleType, Severity: SeverityError, Path: "t.csv", Field: "n", Count: 1, Findings: []Finding{{Line: 2, Row: 1, Key: []string{"a"}, Message: "x"}}}
	was := print(k)
	k.Findings[0].Line, k.Findings[0].Row, k.Findings[0].Message = 9, 8, "y"
	if print(k) != was {
		t.Error("a moved row is another alert")
	}
	k.Findings[0].Key = []string{"b"}
	if print(k) == was {
		t.Error("another row is the same alert")
	}
}
