package cli

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/merge"
)

// lineInput is a text that is typed, as the characters that a person sees.
type lineInput struct {
	clusters []string
	at       int
}

func (l *lineInput) text() string { return strings.Join(l.clusters, "") }

func (l *lineInput) set(text string) {
	l.clusters = clustersOf(text)
	l.at = len(l.clusters)
}

// clustersOf takes a text apart into what a person sees as one character.
func clustersOf(text string) []string {
	var list []string
	for len(text) > 0 {
		cluster, _ := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
		if cluster == "" {
			cluster = text[:1]
		}
		list = append(list, cluster)
		text = text[len(cluster):]
	}
	return list
}

// insert puts a text where the cursor is, without what nobody sees. Line ends stay
// if the value may have several lines.
func (l *lineInput) insert(text string, multiLine bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && multiLine, r == '\t':
			return r
		case r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, text)
	// What is typed may join what stands before it, as an accent does.
	before := strings.Join(l.clusters[:l.at], "") + text
	after := strings.Join(l.clusters[l.at:], "")
	l.clusters = clustersOf(before + after)
	l.at = len(clustersOf(before))
}

func (l *lineInput) erase() {
	if l.at > 0 {
		l.at--
		l.clusters = append(l.clusters[:l.at:l.at], l.clusters[l.at+1:]...)
	}
}

// key changes the text as a key asks for.
func (l *lineInput) key(msg tea.KeyPressMsg, multiLine bool) {
	switch msg.String() {
	case "left":
		l.at = max(0, l.at-1)
	case "right":
		l.at = min(len(l.clusters), l.at+1)
	case "home", "ctrl+a":
		l.at = 0
	case "end", "ctrl+e":
		l.at = len(l.clusters)
	case "backspace":
		l.erase()
	case "delete":
		if l.at < len(l.clusters) {
			l.at++
			l.erase()
		}
	case "ctrl+u":
		l.clusters, l.at = nil, 0
	case "ctrl+j", "alt+enter":
		if multiLine {
			l.insert("\n", true)
		}
	default:
		l.insert(msg.Text, multiLine)
	}
}

// shown returns the part of the text for which there is room, and the cursor's
// column in it.
func (l *lineInput) shown(room int) (text string, cursor int) {
	visible := func(cluster string) string {
		switch cluster {
		case "\n":
			return "⏎"
		case "\t":
			return "→"
		}
		return cluster
	}
	from := 0
	width := func(a, b int) int {
		n := 0
		for _, c := range l.clusters[a:b] {
			n += ansi.StringWidth(visible(c))
		}
		return n
	}
	for width(from, l.at) >= room && from < l.at {
		from++
	}
	var b strings.Builder
	for _, c := range l.clusters[from:] {
		b.WriteString(visible(c))
	}
	return ansi.Truncate(b.String(), room, ""), width(from, l.at)
}

// multiLine reports whether the value of the conflict may have several lines.
func (s *resolveScreen) multiLine() bool {
	c := s.current()
	return c.Kind == merge.KindLines || c.Kind == merge.KindMember
}

// edit begins to take a value of one's own. It starts with what was decided, or else
// with ours.
func (s *resolveScreen) edit() {
	c := s.current()
	if !c.TakesValue() {
		s.message = "No value can be typed here: take ours (o), theirs (t) or base (b), or edit the file and press d."
		return
	}
	text := c.Ours.Text
	if len(c.Ours.Cells) > 0 {
		text = strings.Join(c.Ours.Cells, ", ")
	}
	switch c.Resolution {
	case "", repo.TakeOurs, repo.TakeTheirs, repo.TakeBase, repo.TakeDone:
	default:
		text = strings.TrimPrefix(c.Resolution, "=")
	}
	s.input.set(text)
	s.mode = modeEdit
}

func (s *resolveScreen) editKey(msg tea.KeyPressMsg) {
	switch msg.String() {
	case "esc":
		s.mode, s.message = modeList, "Nothing was decided."
	case "enter":
		s.mode = modeList
		s.decide("=" + s.input.text())
	default:
		s.input.key(msg, s.multiLine())
	}
}
