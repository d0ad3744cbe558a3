package validate

import (
	"fmt"
	"io"
	"strings"
)

// maxResults is how many results GitHub shows of a SARIF file.
const maxResults = 5000

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Short sarifText `json:"shortDescription"`
	Full  sarifText `json:"fullDescription"`
	Help  sarifText `json:"help"`
}

type sarifRegion struct {
	StartLine   int64 `json:"startLine"`
	StartColumn int   `json:"startColumn,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	} `json:"physicalLocation"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

func writeSARIF(w io.Writer, r *Report, o WriteOptions) error {
	rules, results := []sarifRule{}, []sarifResult{}
	known, prints := make(map[string]bool), make(fingerprints)
	most, left := r.fairShare(maxResults), int64(0)
	for i := range r.Kinds {
		k := &r.Kinds[i]
		if !known[k.Rule] {
			known[k.Rule] = true
			text := sarifText{describeRule(k.Rule)}
			rules = append(rules, sarifRule{k.Rule, text, text, sarifText{text.Text + " See constl help validate."}})
		}
		shown := k.Findings[:min(most, len(k.Findings))]
		left += k.Count - int64(len(shown))
		for j := range shown {
			f := &shown[j]
			var at sarifLocation
			at.Physical.Artifact.URI = uriPath(o.Prefix + k.Path)
			at.Physical.Region = sarifRegion{max(1, f.Line), f.Column}
			// A link in brackets would be one on the page.
			text := strings.ReplaceAll(k.sentence(f), "](", "] (")
			results = append(results, sarifResult{k.Rule, string(k.Severity), sarifText{text}, []sarifLocation{at},
				map[string]string{"primaryLocationLineHash": prints.of(k, f)}})
		}
	}
	type note struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	notes := []note{}
	if left > 0 {
		notes = append(notes, note{"note", sarifText{fmt.Sprintf("%d more are not listed.", left)}})
	}
	for _, text := range r.Notes {
		notes = append(notes, note{"note", sarifText{text}})
	}
	return encode(w, map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []any{map[string]any{
			"tool": map[string]any{"driver": map[string]any{
				"name": "constl validate", "semanticVersion": o.Version, "informationUri": "https://github.com/constl/constl", "rules": rules,
			}},
			"invocations": []any{map[string]any{"executionSuccessful": true, "toolExecutionNotifications": notes}},
			"columnKind":  "unicodeCodePoints",
			"results":     results,
		}},
	})
}

// fairShare returns how many findings of each kind can be listed if there is room for
// most in all.
func (r *Report) fairShare(most int) int {
	for share := most; share > 0; share-- {
		n := 0
		for i := range r.Kinds {
			n += min(share, len(r.Kinds[i].Findings))
		}
		if n <= most {
			return share
		}
	}
	return 1
}

// uriPath writes a path as a relative URI.
func uriPath(path string) string {
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c == '/' || c == '.' || c == '-' || c == '_' || c == '~' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
