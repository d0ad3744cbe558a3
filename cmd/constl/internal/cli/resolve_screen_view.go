package cli

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/merge"
)

// View implements [tea.Model].
func (s *resolveScreen) View() tea.View {
	var lines []string
	v := tea.View{AltScreen: true, WindowTitle: "constl resolve"}
	if s.mode == modeAll || s.mode == modeHelp {
		lines = s.page()
	} else {
		list, detail := s.listHeight(), s.detailHeight()
		lines = append(lines, s.heading(), s.rule())
		lines = append(lines, fill(s.listLines(list), list)...)
		lines = append(lines, s.rule())
		lines = append(lines, fill(s.detailLines(detail), detail)...)
		lines = append(lines, s.rule())
		lines = append(lines, s.foot()...)
		if s.mode == modeEdit {
			_, x := s.input.shown(s.inputRoom())
			v.Cursor = tea.NewCursor(ansi.StringWidth(inputLabel)+x, len(lines)-2)
		}
	}
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], s.width, "…")
	}
	v.Content = strings.Join(lines[:min(len(lines), max(1, s.height))], "\n")
	return v
}

// What stands around list and detail: the heading, three rules and two lines below.
const frameLines = 6

func (s *resolveScreen) listHeight() int { return max(1, (s.height-frameLines)*2/5) }

func (s *resolveScreen) detailHeight() int { return max(1, s.height-frameLines-s.listHeight()) }

func (s *resolveScreen) rule() string {
	return s.style(faint, strings.Repeat("─", s.width))
}

// fill makes lines exactly n.
func fill(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	return lines[:n]
}

func (s *resolveScreen) heading() string {
	open := openOf(s.list)
	right := fmt.Sprintf("%d of %d decided", len(s.list)-open, len(s.list))
	left := s.style(bold, "constl resolve")
	return left + strings.Repeat(" ", max(2, s.width-ansi.StringWidth(left)-ansi.StringWidth(right))) + right
}

// listLines shows the conflicts around the current one, by file.
func (s *resolveScreen) listLines(room int) []string {
	var lines []string
	marked := 0
	path := ""
	for i := range s.list {
		c := &s.list[i]
		if c.Path != path {
			path = c.Path
			lines = append(lines, s.style(bold, diffview.Visible(path))+"  "+s.style(faint, s.openIn(path)))
		}
		if i == s.at {
			marked = len(lines)
		}
		lines = append(lines, s.listLine(i))
	}
	from := min(max(0, marked-room/2), max(0, len(lines)-room))
	return lines[from:min(len(lines), from+room)]
}

func (s *resolveScreen) openIn(path string) string {
	open, all := 0, 0
	for i := range s.list {
		if s.list[i].Path == path {
			all++
			if s.list[i].Resolution == "" {
				open++
			}
		}
	}
	return fmt.Sprintf("%d of %d open", open, all)
}

func (s *resolveScreen) listLine(i int) string {
	c := &s.list[i]
	mark, box := "  ", "[ ] "
	if i == s.at {
		mark = "> "
	}
	text := placeText(c)
	if c.Resolution != "" {
		box = "[x] "
		text += "  = " + clipped(decisionText(c), 40)
	}
	line := mark + box + text
	switch {
	case i == s.at:
		return s.style(bold, line)
	case c.Resolution != "":
		return s.style(green, line)
	}
	return line
}

// placeText says where a conflict is, without its file.
func placeText(c *repo.Conflict) string {
	text := strings.TrimSuffix(c.Place(), ": ")
	switch {
	case text == "" && c.Part != "":
		text = c.Part
	case text == "":
		return "the whole file"
	case c.Part != "":
		text += ": " + c.Part
	}
	if c.Kind == merge.KindOrder {
		text += ": order"
	}
	return diffview.Visible(text)
}

func decisionText(c *repo.Conflict) string {
	switch c.Resolution {
	case repo.TakeOurs, repo.TakeTheirs, repo.TakeBase:
		return c.Resolution
	case repo.TakeDone:
		return "as edited in the file"
	}
	return `"` + strings.TrimPrefix(c.Resolution, "=") + `"`
}

func clipped(text string, room int) string { return ansi.Truncate(diffview.Visible(text), room, "…") }

// detailLines shows the current conflict as far as there is room.
func (s *resolveScreen) detailLines(room int) []string {
	c := s.current()
	lines := []string{s.style(bold, clipped(fmt.Sprintf("%s, %s", c.Path, placeText(c)), s.width-20)) +
		s.style(faint, fmt.Sprintf("  conflict %d", c.Number))}
	if c.Detail != "" {
		lines = append(lines, s.style(faint, clipped(c.Detail, s.width)))
	}
	near := s.nearLines()
	left := room - len(lines) - min(len(near), 2)
	for i, side := range s.versions() {
		part := fill(s.versionLines(side), max(1, min(len(s.versionLines(side)), (left-(2-i))/(3-i))))
		if all := s.versionLines(side); len(part) < len(all) {
			part[len(part)-1] = ansi.Truncate(part[len(part)-1], max(1, s.width-16), "…") + s.style(faint, "  (v shows all)")
		}
		left -= len(part)
		lines = append(lines, part...)
	}
	for _, text := range near {
		if len(lines) >= room {
			break
		}
		lines = append(lines, text)
	}
	return lines[:min(len(lines), room)]
}

// shownVersion is one of the three versions of a conflict, for people.
type shownVersion struct {
	word, who, colour string
	merge.Version
}

func (s *resolveScreen) versions() []shownVersion {
	c := s.current()
	return []shownVersion{
		{repo.TakeBase, "", faint, c.Base}, {repo.TakeOurs, s.ours, green, c.Ours}, {repo.TakeTheirs, s.theirs, yellow, c.Theirs},
	}
}

// versionLines shows a version; a "*" stands before the one that is taken.
func (s *resolveScreen) versionLines(v shownVersion) []string {
	c := s.current()
	mark := "  "
	if c.Resolution == v.word {
		mark = "* "
	}
	const indent = 9
	head := mark + fmt.Sprintf("%-*s", indent-2, v.word)
	var lines []string
	for _, text := range s.versionTexts(v.Version) {
		for _, part := range strings.Split(ansi.Hardwrap(text, max(8, s.width-indent), true), "\n") {
			lines = append(lines, s.style(faint, head)+s.style(v.colour, part))
			head = strings.Repeat(" ", indent)
		}
	}
	if v.who == "" {
		return lines
	}
	who := s.style(faint, clipped(v.who, s.width-indent))
	if first := lines[0] + "   " + who; len(lines) == 1 && ansi.StringWidth(first) <= s.width {
		return []string{first}
	}
	return append(lines, strings.Repeat(" ", indent)+who)
}

// versionTexts returns what a version has, line by line: of a whole row the cells
// that differ between the versions.
func (s *resolveScreen) versionTexts(v merge.Version) []string {
	c := s.current()
	switch {
	case !v.Present || !v.ID.IsZero():
		return []string{c.Text(v)}
	case v.Cells != nil && len(v.Cells) == len(c.Columns):
		var lines []string
		for i, text := range v.Cells {
			if s.mode == modeAll || differs(c, i) {
				lines = append(lines, diffview.Visible(c.Columns[i])+": "+diffview.Cell(text))
			}
		}
		if len(lines) == 0 {
			lines = []string{"(the cells are the same)"}
		}
		return lines
	case v.Cells != nil:
		return []string{diffview.Visible(strings.Join(v.Cells, ", "))}
	case c.Kind == merge.KindCell || c.Kind == merge.KindRowAdded:
		return []string{diffview.Cell(v.Text)}
	}
	lines := strings.Split(v.Text, "\n")
	for i := range lines {
		lines[i] = diffview.Visible(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return lines
}

// differs reports whether the versions of a row that there are differ in a column.
func differs(c *repo.Conflict, col int) bool {
	var texts []string
	for _, v := range []merge.Version{c.Base, c.Ours, c.Theirs} {
		if v.Present && col < len(v.Cells) {
			texts = append(texts, v.Cells[col])
		}
	}
	return len(slices.Compact(texts)) > 1
}

// nearLines shows what stands beside the conflict.
func (s *resolveScreen) nearLines() []string {
	if len(s.near) == 0 {
		return nil
	}
	if s.current().Kind == merge.KindLines {
		var lines []string
		for _, n := range s.near {
			lines = append(lines, s.style(faint, fmt.Sprintf("  line %s: ", n.Name))+clipped(n.Text, s.width-12))
		}
		return lines
	}
	var cells []string
	for _, n := range s.near {
		if n.Text != "" || s.mode == modeAll {
			cells = append(cells, diffview.Visible(n.Name)+" "+diffview.Cell(n.Text))
		}
	}
	head := "  the row: "
	var lines []string
	for _, part := range strings.Split(ansi.Hardwrap(strings.Join(cells, " · "), max(8, s.width-len(head)), true), "\n") {
		lines = append(lines, s.style(faint, head)+part)
		head = strings.Repeat(" ", len(head))
	}
	return lines
}

const inputLabel = "New value: "

func (s *resolveScreen) inputRoom() int { return max(4, s.width-ansi.StringWidth(inputLabel)-1) }

// foot is what stands below: what was done or is asked, and the keys.
func (s *resolveScreen) foot() []string {
	switch s.mode {
	case modeEdit:
		text, _ := s.input.shown(s.inputRoom())
		keys := "enter takes it   esc gives up   ctrl+u empties it"
		if s.multiLine() {
			keys += "   alt+enter begins a new line"
		}
		return []string{s.style(bold, inputLabel) + text, s.style(faint, keys)}
	case modeRest:
		c := s.current()
		column := ""
		if c.Column != "" {
			column = "in its column " + clipped(c.Column, 20) + ": O ours  T theirs  B base   "
		}
		return []string{"For all that is open in " + clipped(c.Path, 30) + ": o ours  t theirs  b base", column + s.style(faint, "any other key: nothing")}
	case modeConfirm:
		return []string{s.style(bold, fmt.Sprintf("Take %s for %s of %s? y yes, any other key no",
			s.bulk.resolution, plural(int64(len(s.bulk.numbers)), "open conflict"), clipped(s.bulk.what, 40))), ""}
	}
	return []string{s.style(yellow, clipped(s.message, s.width)),
		s.style(faint, "o ours  t theirs  b base  e edit  s skip  u undo  A rest  v all  ? help  q quit")}
}

// page is a view that takes the whole screen, as far as it is scrolled.
func (s *resolveScreen) page() []string {
	lines := s.pageLines()
	from := max(0, min(s.scroll, len(lines)-s.pageHeight()))
	shown := fill(lines[from:min(len(lines), from+s.pageHeight())], s.pageHeight())
	keys := "any other key goes back"
	if len(lines) > s.pageHeight() {
		keys = "up, down, page up, page down scroll   " + keys
	}
	return append(slices.Clone(shown), s.style(faint, keys))
}

func (s *resolveScreen) pageHeight() int { return max(1, s.height-1) }

func (s *resolveScreen) pageLines() []string {
	if s.mode == modeHelp {
		return strings.Split(screenHelp, "\n")
	}
	c := s.current()
	lines := strings.Split(ansi.Hardwrap(fmt.Sprintf("%s, %s", diffview.Visible(c.Path), placeText(c)), max(8, s.width), true), "\n")
	if c.Detail != "" {
		lines = append(lines, strings.Split(ansi.Wrap(diffview.Visible(c.Detail), max(8, s.width), ""), "\n")...)
	}
	for _, v := range s.versions() {
		lines = append(append(lines, ""), s.versionLines(v)...)
	}
	if len(s.near) > 0 {
		lines = append(append(lines, ""), s.nearLines()...)
	}
	return lines
}

const screenHelp = `Each conflict is something that you (ours) and somebody else (theirs) changed in
two ways since the version that both come from (base). Choose what it is to be:

  o   take ours            t   take theirs          b   take the base
  e   type a value         d   keep the file as you have edited it yourself
  s   skip: go to the next open one
  u   take the last decision back, again and again
  A   take one side for all that is open in this file or column

  up, k / down, j     go to another conflict    page up, page down   further
  home, g / end, G    the first, the last       tab                  next file
  v                   show everything about this conflict
  q, esc              leave; what was decided is kept

Every decision is written at once into the list beside the file, which is named
NAME.conflicts.csv and which a spreadsheet can fill in just as well. Nothing
changes in the files before constl commit; constl merge --abort gives it all up.`
