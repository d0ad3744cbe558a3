package validate

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The report keeps to two schemas, that of Ant and that of the xUnit plugin for
// Jenkins, of which neither allows all that is common elsewhere.

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitSuite struct {
	Name       string      `xml:"name,attr"`
	Package    string      `xml:"package,attr"`
	ID         int         `xml:"id,attr"`
	Timestamp  string      `xml:"timestamp,attr"`
	Host       string      `xml:"hostname,attr"`
	Tests      int         `xml:"tests,attr"`
	Failures   int         `xml:"failures,attr"`
	Errors     int         `xml:"errors,attr"`
	Time       string      `xml:"time,attr"`
	Properties struct{}    `xml:"properties"`
	Cases      []junitCase `xml:"testcase"`
	Out        string      `xml:"system-out"`
	Err        string      `xml:"system-err"`
}

// writeJUnit writes each file as a suite, in which each kind of error is a test that
// has failed, and what is only a warning is output. A file in which nothing is wrong
// is a test that has passed.
func writeJUnit(w io.Writer, r *Report, o WriteOptions) error {
	var paths []string
	for i := range r.Kinds {
		paths = append(paths, r.Kinds[i].Path)
	}
	for i := range r.Tables {
		paths = append(paths, r.Tables[i].Path)
	}
	slices.Sort(paths)
	suites := []junitSuite{}
	for i, path := range slices.Compact(paths) {
		suites = append(suites, r.junitSuite(path, i, o))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	err := e.Encode(struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}{Suites: suites})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// junitSuite writes down what was found in a file.
func (r *Report) junitSuite(path string, id int, o WriteOptions) junitSuite {
	const none = "0" // how long a check takes is not measured
	s := junitSuite{Name: o.Prefix + path, Package: "constl", ID: id, Timestamp: o.Now.UTC().Format("2006-01-02T15:04:05"),
		Host: "localhost", Time: none}
	checked := ""
	for _, t := range r.Tables {
		if t.Path == path {
			checked = ": " + count(t.Checked, "row") + " checked"
			s.Time = fmt.Sprintf("%.3f", t.took.Round(time.Millisecond).Seconds())
		}
	}
	for i := range r.Kinds {
		k := &r.Kinds[i]
		if k.Path != path {
			continue
		}
		var text strings.Builder
		for j := range k.Findings {
			f := &k.Findings[j]
			fmt.Fprintf(&text, "%s%s: %s\n", o.Prefix, place(k, f), k.sentence(f))
		}
		if more := k.Count - int64(len(k.Findings)); more > 0 {
			fmt.Fprintf(&text, "and %d more\n", more)
		}
		if k.Severity != SeverityError {
			s.Out += text.String()
			continue
		}
		s.Failures++
		name := strings.TrimSpace(k.subjectText() + k.Rule + " " + k.Name)
		s.Cases = append(s.Cases, junitCase{Name: visible(name, maxShown), Class: s.Name, Time: none,
			Failure: &junitFailure{k.Rule, count(k.Count, "error") + ", expected " + visible(k.Expected, maxShown), text.String()}})
	}
	if s.Failures == 0 {
		s.Cases = append(s.Cases, junitCase{Name: "valid" + checked, Class: s.Name, Time: none})
	}
	s.Tests = len(s.Cases)
	return s
}
