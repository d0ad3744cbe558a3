// Package metricstest reads the text format of Prometheus strictly, for tests.
package metricstest

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Parse fails the test unless the text is of the format, version 0.0.4, as this project
// writes it, and returns the values by names and labels as they stand there.
func Parse(t testing.TB, text string) map[string]float64 {
	t.Helper()
	p := newParser()
	if err := p.read(text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p.values
}

// Check reports what is wrong with the text; nil if nothing is.
func Check(text string) error { return newParser().read(text) }

type parser struct {
	name     *regexp.Regexp
	label    *regexp.Regexp
	families map[string]string // type by name
	values   map[string]float64
	help     string // the family whose HELP stands in the line before
	current  string // the family to which samples belong
	series   map[string]*series
}

// series is one distribution of a histogram.
type series struct {
	last, bound, count float64
	infinite, counted  bool
}

func newParser() *parser {
	return &parser{
		name:     regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`),
		label:    regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"`),
		families: make(map[string]string), values: make(map[string]float64), series: make(map[string]*series),
	}
}

func (p *parser) read(text string) error {
	if !strings.HasSuffix(text, "\n") {
		return fmt.Errorf("the last line does not end")
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := p.line(line); err != nil {
			return fmt.Errorf("line %d: %w: %q", i+1, err, line)
		}
	}
	for key, s := range p.series {
		if !s.infinite || !s.counted || s.last != s.count {
			return fmt.Errorf("the histogram %s is not whole", key)
		}
	}
	return nil
}

func (p *parser) line(line string) error {
	if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
		name, _, ok := strings.Cut(rest, " ")
		if !ok || p.name.FindString(name) != name || p.families[name] != "" {
			return fmt.Errorf("no help for a new name")
		}
		p.help, p.current = name, ""
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
		name, kind, _ := strings.Cut(rest, " ")
		if name != p.help || kind != "counter" && kind != "gauge" && kind != "histogram" {
			return fmt.Errorf("no type that follows its help")
		}
		p.families[name], p.current, p.help = kind, name, ""
		return nil
	}
	return p.sample(line)
}

func (p *parser) sample(line string) error {
	name := p.name.FindString(line)
	rest := line[len(name):]
	family, kind := p.current, p.families[p.current]
	suffix, ok := strings.CutPrefix(name, family)
	if family == "" || name == "" || !ok || (suffix != "") != (kind == "histogram") {
		return fmt.Errorf("no sample of the family %q", family)
	}
	labels, rest, err := p.labels(rest)
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(rest, " ")
	v, err := strconv.ParseFloat(text, 64)
	key := line[:len(line)-len(rest)]
	if _, twice := p.values[key]; !ok || err != nil || twice || math.IsNaN(v) || kind != "gauge" && v < 0 {
		return fmt.Errorf("no value, or a second one")
	}
	p.values[key] = v
	if kind == "histogram" {
		return p.bucket(family, suffix, labels, v)
	}
	return nil
}

// labels reads what stands in braces.
func (p *parser) labels(text string) (map[string]string, string, error) {
	labels := make(map[string]string)
	rest, ok := strings.CutPrefix(text, "{")
	if !ok {
		return labels, text, nil
	}
	for {
		m := p.label.FindStringSubmatch(rest)
		if m == nil {
			return nil, "", fmt.Errorf("no label")
		}
		if _, twice := labels[m[1]]; twice {
			return nil, "", fmt.Errorf("a label that stands twice")
		}
		labels[m[1]] = m[2]
		rest = rest[len(m[0]):]
		if after, ok := strings.CutPrefix(rest, ","); ok {
			rest = after
			continue
		}
		after, ok := strings.CutPrefix(rest, "}")
		if !ok {
			return nil, "", fmt.Errorf("labels that do not end")
		}
		return labels, after, nil
	}
}

// bucket checks that a histogram's buckets ascend and that its count is that of the last.
func (p *parser) bucket(family, suffix string, labels map[string]string, v float64) error {
	le, isBucket := labels["le"]
	delete(labels, "le")
	key := fmt.Sprint(family, labels)
	s := p.series[key]
	if s == nil {
		s = &series{bound: math.Inf(-1)}
		p.series[key] = s
	}
	switch {
	case suffix == "_bucket" && isBucket:
		bound, err := strconv.ParseFloat(le, 64)
		if err != nil || bound <= s.bound || v < s.last {
			return fmt.Errorf("a bucket out of order")
		}
		s.bound, s.last, s.infinite = bound, v, math.IsInf(bound, 1)
	case suffix == "_sum" && !isBucket:
	case suffix == "_count" && !isBucket:
		s.count, s.counted = v, true
	default:
		return fmt.Errorf("no part of a histogram")
	}
	return nil
}
