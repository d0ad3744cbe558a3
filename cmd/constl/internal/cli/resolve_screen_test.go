package cli

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/merge"
	"github.com/google/go-cmp/cmp"
)

func cellConflict(number int, path, key, column, base, ours, theirs string) repo.Conflict {
	text := func(s string) merge.Version { return merge.Version{Present: true, Text: s} }
	return repo.Conflict{Number: number, Conflict: merge.Conflict{Path: path, Kind: merge.KindCell, Key: []string{key}, Row: 1,
		Column: column, Base: text(base), Ours: text(ours), Theirs: text(theirs)}}
}

// someConflicts are of three files and several kinds.
func someConflicts() []repo.Conflict {
	row := repo.Conflict{Number: 4, Conflict: merge.Conflict{Path: "sites.csv", Kind: merge.KindRowDeleted, Key: []string{"s1"}, Row: 1,
		Columns: []string{"id", "name"}, Base: merge.Version{Present: true, Cells: []string{"s1", "pond"}},
		Theirs: merge.Version{Present: true, Cells: []string{"s1", "lake"}}, Detail: "the changed row stays"}}
	file := repo.Conflict{Number: 5, Conflict: merge.Conflict{Path: "map.png", Kind: merge.KindFile,
		Base: merge.Version{Present: true, ID: [32]byte{1}}, Ours: merge.Version{Present: true, ID: [32]byte{2}}, Theirs: merge.Version{Present: true, ID: [32]byte{3}}}}
	return []repo.Conflict{
		cellConflict(1, "birds.csv", "7", "count", "20", "21", "22"),
		cellConflict(2, "birds.csv", "7", "種名", "ウグイス", "うぐいす", "鶯"),
		cellConflict(3, "birds.csv", "8", "count", "5", "", strings.Repeat("とても長い", 60)),
		row, file,
	}
}

// testScreen is a screen of 80×24, and what it has saved.
func testScreen(t *testing.T) (*resolveScreen, map[int]string) {
	t.Helper()
	saved := make(map[int]string)
	s := newResolveScreen(someConflicts(), "Ana, 2026-11-20 14:02, recount", "Ben, 2026-11-21 09:10")
	s.save = func(m map[int]string) error {
		maps.Copy(saved, m)
		return nil
	}
	s.nearby = func(c *repo.Conflict) ([]repo.Near, error) {
		return []repo.Near{{Name: "site", Text: "pond"}, {Name: "empty"}}, nil
	}
	s.Init()
	return s, saved
}

// press sends keys; it returns whether the screen wants to end.
func press(s *resolveScreen, keys ...string) (quit bool) {
	for _, key := range keys {
		msg := tea.KeyPressMsg{Text: key, Code: []rune(key)[0]}
		switch key {
		case "enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "esc":
			msg = tea.KeyPressMsg{Code: tea.KeyEscape}
		case "down":
			msg = tea.KeyPressMsg{Code: tea.KeyDown}
		case "left":
			msg = tea.KeyPressMsg{Code: tea.KeyLeft}
		case "tab":
			msg = tea.KeyPressMsg{Code: tea.KeyTab}
		case "backspace":
			msg = tea.KeyPressMsg{Code: tea.KeyBackspace}
		case "ctrl+u":
			msg = tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl}
		case "ctrl+c":
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		}
		_, cmd := s.Update(msg)
		quit = cmd != nil
	}
	return quit
}

func TestScreenShowsAConflict(t *testing.T) {
	s, _ := testScreen(t)
	screen := s.View().Content
	for _, want := range []string{"0 of 5 decided", "birds.csv  3 of 3 open", "> [ ] row with key 7: count", "base   20", "ours   21   Ana, 2026-11-20 14:02, recount",
		"theirs 22   Ben, 2026-11-21 09:10", "the row: site pond", "? help"} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is missing:\n%s", want, screen)
		}
	}
	if strings.Contains(screen, "\x1b") {
		t.Errorf("colours without being asked for:\n%q", screen)
	}
}

func TestScreenFitsEverySize(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {40, 10}, {20, 5}, {200, 60}, {1, 1}, {8, 3}} {
		for at := range someConflicts() {
			for _, key := range []string{"s", "v", "?", "e", "A"} {
				t.Run(fmt.Sprintf("%dx%d/%d/%s", size[0], size[1], at, key), func(t *testing.T) {
					s, _ := testScreen(t)
					s.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
					s.move(at)
					press(s, key)
					lines := strings.Split(s.View().Content, "\n")
					if len(lines) > size[1] {
						t.Errorf("%d lines of %d", len(lines), size[1])
					}
					for _, line := range lines {
						if w := ansi.StringWidth(line); w > size[0] {
							t.Errorf("a line takes %d of %d columns: %q", w, size[0], line)
						}
					}
				})
			}
		}
	}
}

func TestScreenDecides(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []string
		want map[int]string
	}{
		{"each to the next", []string{"o", "t", "b", "t", "d"}, map[int]string{1: "ours", 2: "theirs", 3: "base", 4: "theirs", 5: "done"}},
		{"moved", []string{"down", "j", "k", "t"}, map[int]string{2: "theirs"}},
		{"skipped", []string{"s", "s", "o"}, map[int]string{3: "ours"}},
		{"the next file", []string{"tab", "o"}, map[int]string{4: "ours"}},
		{"the last and back", []string{"G", "o", "g", "t"}, map[int]string{5: "ours", 1: "theirs"}},
		{"typed", []string{"e", "ctrl+u", "3", "é", "鶯", "enter"}, map[int]string{1: "=3é鶯"}},
		{"typed within", []string{"e", "left", "5", "backspace", "0", "enter"}, map[int]string{1: "=201"}},
		{"a word is a value when typed", []string{"e", "ctrl+u", "o", "u", "r", "s", "enter"}, map[int]string{1: "=ours"}},
		{"typed nothing", []string{"e", "ctrl+u", "enter"}, map[int]string{1: "="}},
		{"not taken", []string{"e", "9", "esc"}, map[int]string{}},
		{"a row takes no value", []string{"tab", "e", "9"}, map[int]string{}},
		{"the rest of the file", []string{"o", "A", "t", "y"}, map[int]string{1: "ours", 2: "theirs", 3: "theirs"}},
		{"the rest of the column", []string{"A", "T", "y"}, map[int]string{1: "theirs", 3: "theirs"}},
		{"not confirmed", []string{"A", "t", "n"}, map[int]string{}},
		{"undone", []string{"o", "t", "u"}, map[int]string{1: "ours", 2: ""}},
		{"undone twice, then once too often", []string{"o", "t", "u", "u", "u"}, map[int]string{1: "", 2: ""}},
		{"undone at once", []string{"A", "t", "y", "u"}, map[int]string{1: "", 2: "", 3: ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, saved := testScreen(t)
			press(s, tt.keys...)
			if diff := cmp.Diff(tt.want, saved); diff != "" {
				t.Errorf("saved (-want +got):\n%s\n%s", diff, s.View().Content)
			}
			for _, c := range s.list {
				if c.Resolution != saved[c.Number] {
					t.Errorf("conflict %d shows %q, saved is %q", c.Number, c.Resolution, saved[c.Number])
				}
			}
		})
	}
}

func TestScreenKeepsWhatCannotBeSavedOpen(t *testing.T) {
	s, _ := testScreen(t)
	s.save = func(map[int]string) error { return errors.New("disk full") }
	press(s, "o")
	if screen := s.View().Content; !strings.Contains(screen, "Not saved: disk full") || !strings.Contains(screen, "0 of 5 decided") {
		t.Errorf("the failure can't be seen:\n%s", screen)
	}
}

func TestScreenShowsAll(t *testing.T) {
	s, _ := testScreen(t)
	s.move(2)
	if screen := s.View().Content; !strings.Contains(screen, "(v shows all)") {
		t.Errorf("a long value that is cut does not say so:\n%s", screen)
	}
	press(s, "v")
	all := strings.Join(s.pageLines(), "")
	if got := strings.Count(strings.ReplaceAll(all, " ", ""), "とても長い"); got < 55 {
		t.Errorf("%d of 60 parts of the value are there:\n%s", got, all)
	}
	press(s, "x")
	press(s, "q")
	if s.mode != modeList {
		t.Error("a key does not go back")
	}
}

func TestScreenEnds(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"esc"}, {"ctrl+c"}, {"e", "q", "ctrl+c"}, {"A", "ctrl+c"}} {
		s, _ := testScreen(t)
		if !press(s, keys...) {
			t.Errorf("%v does not end it", keys)
		}
	}
}

func TestScreenShowsNoControls(t *testing.T) {
	s := newResolveScreen([]repo.Conflict{cellConflict(1, "a\x1b.csv", "\x1b[2J", "c\x07", "\x1b]0;x\x07", "\u202e", "b\r\n")}, "\x1b[1m", "")
	for _, key := range []string{"down", "v", "x", "A"} {
		press(s, key)
		if screen := s.View().Content; strings.ContainsAny(screen, "\x1b\x07\r\u202e") {
			t.Errorf("a control sequence reaches the terminal: %q", screen)
		}
	}
}
