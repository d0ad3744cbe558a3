package validate

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
)

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
	if err := Write(&b, r, f, "sub dir/"); err != nil {
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
	if err := WriteSummary(&b, hostile()); err != nil {
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
	if err := WriteSummary(&b, big); err != nil || b.Len() > maxSummary || !strings.Contains(b.String(), "more are not shown here") {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

func TestSARIF(t *testing.T) {
	r := hostile()
	for range 6000 {
		r.Kinds[0].Findings = append(r.Kinds[0].Findings, Finding{Line: 9, Row: 8, Message: "m"})
	}
	var doc struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
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
	if err := json.Unmarshal([]byte(written(t, r, FormatSARIF)), &doc); err != nil {
		t.Fatal(err)
	}
	run := doc.Runs[0]
	if doc.Version != "2.1.0" || len(run.Results) != maxResults || run.Tool.Driver.Rules[0].ID != RuleType {
		t.Errorf("%s, %d results, %v", doc.Version, len(run.Results), run.Tool.Driver.Rules)
	}
	first := run.Results[0]
	at := first.Locations[0].PhysicalLocation
	if at.ArtifactLocation.URI != "sub%20dir/a%2Cb%3Ac%25.csv" || at.Region.StartLine != 2 || first.Level != "error" || first.PartialFingerprints["primaryLocationLineHash"] == "" {
		t.Errorf("%+v", first)
	}
}

func TestJUnit(t *testing.T) {
	out := written(t, hostile(), FormatJUnit)
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
	if cases != 3 || !strings.Contains(out, `tests="3" failures="1"`) || !strings.Contains(out, "sub dir/a,b:c%.csv:2: x|y: ") {
		t.Errorf("%d cases\n%s", cases, out)
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
