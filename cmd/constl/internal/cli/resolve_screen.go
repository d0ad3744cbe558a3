package cli

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"
	"github.com/constl/constl/internal/repo"
)

// resolveScreen decides conflicts one after the other on the whole screen. What is
// decided is saved before the next key is looked at.
type resolveScreen struct {
	list         []repo.Conflict
	ours, theirs string // who made each side, and when
	nearby       func(*repo.Conflict) ([]repo.Near, error)
	save         func(map[int]string) error
	style        func(code, text string) string

	at      int // the conflict that is looked at
	near    []repo.Near
	mode    screenMode
	bulk    bulk
	input   lineInput
	scroll  int // in the views that take the whole screen
	undo    []decision
	message string

	width, height int
}

type screenMode int

const (
	modeList    screenMode = iota
	modeEdit               // a value is typed
	modeRest               // which side for the rest
	modeConfirm            // whether to take it
	modeAll                // everything about one conflict
	modeHelp
)

// bulk is a decision about all open conflicts of a file, or of one column of it.
type bulk struct {
	resolution string
	numbers    []int
	what       string
}

// decision is what one step changed.
type decision struct {
	at     int
	before map[int]string // resolutions, by the conflict's number
}

func newResolveScreen(list []repo.Conflict, ours, theirs string) *resolveScreen {
	s := &resolveScreen{list: list, ours: ours, theirs: theirs, width: 80, height: 24,
		nearby: func(*repo.Conflict) ([]repo.Near, error) { return nil, nil },
		save:   func(map[int]string) error { return nil },
		style:  func(_, text string) string { return text }}
	s.at = max(0, slices.IndexFunc(list, func(c repo.Conflict) bool { return c.Resolution == "" }))
	return s
}

// Init implements [tea.Model].
func (s *resolveScreen) Init() tea.Cmd {
	s.look()
	return nil
}

// Update implements [tea.Model].
func (s *resolveScreen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
	case tea.PasteMsg:
		if s.mode == modeEdit {
			s.input.insert(msg.Content, s.multiLine())
		}
	case tea.KeyPressMsg:
		s.message = ""
		if msg.String() == "ctrl+c" {
			return s, tea.Quit
		}
		switch s.mode {
		case modeEdit:
			s.editKey(msg)
		case modeRest:
			s.restKey(msg.String())
		case modeConfirm:
			s.confirmKey(msg.String())
		case modeAll, modeHelp:
			s.scrollKey(msg.String())
		default:
			return s, s.listKey(msg.String())
		}
	}
	return s, nil
}

func (s *resolveScreen) current() *repo.Conflict { return &s.list[s.at] }

// look fetches what stands beside the conflict.
func (s *resolveScreen) look() {
	var err error
	if s.near, err = s.nearby(s.current()); err != nil {
		s.message = err.Error()
	}
}

func (s *resolveScreen) move(to int) {
	s.at = min(max(to, 0), len(s.list)-1)
	s.scroll = 0
	s.look()
}

// sideKeys are the keys that take a version.
func sideKey(key string) string {
	switch key {
	case "o":
		return repo.TakeOurs
	case "t":
		return repo.TakeTheirs
	case "b":
		return repo.TakeBase
	case "d":
		return repo.TakeDone
	}
	return ""
}

func (s *resolveScreen) listKey(key string) tea.Cmd {
	switch key {
	case "q", "esc":
		return tea.Quit
	case "down", "j":
		s.move(s.at + 1)
	case "up", "k":
		s.move(s.at - 1)
	case "pgdown", "space":
		s.move(s.at + s.listHeight())
	case "pgup":
		s.move(s.at - s.listHeight())
	case "home", "g":
		s.move(0)
	case "end", "G":
		s.move(len(s.list) - 1)
	case "tab":
		s.nextFile()
	case "s", "n":
		if !s.nextOpen() {
			s.message = "There is no other open conflict."
		}
	case "u":
		s.takeBack()
	case "e", "enter":
		s.edit()
	case "v":
		s.mode, s.scroll = modeAll, 0
	case "A", "a":
		s.mode = modeRest
	case "?", "h":
		s.mode, s.scroll = modeHelp, 0
	default:
		if word := sideKey(key); word != "" {
			s.decide(word)
		}
	}
	return nil
}

// nextOpen goes to the next open conflict, from the start again behind the last,
// and reports whether there is one but this.
func (s *resolveScreen) nextOpen() bool {
	for i := 1; i < len(s.list); i++ {
		if to := (s.at + i) % len(s.list); s.list[to].Resolution == "" {
			s.move(to)
			return true
		}
	}
	return false
}

func (s *resolveScreen) nextFile() {
	for i := range s.list {
		if to := (s.at + i) % len(s.list); s.list[to].Path != s.current().Path {
			s.move(to)
			return
		}
	}
}

// decide gives the conflict a resolution and goes to the next that is open.
func (s *resolveScreen) decide(resolution string) {
	c := s.current()
	if err := c.Fits(resolution); err != nil {
		s.message = err.Error()
		return
	}
	if s.put(map[int]string{c.Number: resolution}) && !s.nextOpen() && openOf(s.list) == 0 {
		s.message = "All are decided. q leaves; then: constl commit"
	}
}

// put saves resolutions, and remembers what they were for undo.
func (s *resolveScreen) put(resolutions map[int]string) bool {
	if err := s.save(resolutions); err != nil {
		s.message = "Not saved: " + err.Error()
		return false
	}
	before := make(map[int]string, len(resolutions))
	for i := range s.list {
		c := &s.list[i]
		if resolution, ok := resolutions[c.Number]; ok {
			before[c.Number], c.Resolution = c.Resolution, resolution
		}
	}
	s.undo = append(s.undo, decision{s.at, before})
	return true
}

func (s *resolveScreen) takeBack() {
	if len(s.undo) == 0 {
		s.message = "There is nothing to take back."
		return
	}
	last := s.undo[len(s.undo)-1]
	undo := s.undo[:len(s.undo)-1]
	if s.put(last.before) {
		s.undo = undo
		s.move(last.at)
		s.message = fmt.Sprintf("Took the decision about %s back.", plural(int64(len(last.before)), "conflict"))
	}
}

// restKey takes the side for the rest: small letters for the file, capitals for the
// column.
func (s *resolveScreen) restKey(key string) {
	s.mode = modeList
	c := s.current()
	b := bulk{what: c.Path}
	column := false
	switch key {
	case "O", "T", "B":
		column, key = true, string(key[0]+'a'-'A')
		b.what = "the column " + c.Column + " of " + c.Path
	}
	b.resolution = sideKey(key)
	if b.resolution == "" || b.resolution == repo.TakeDone {
		return
	}
	for i := range s.list {
		x := &s.list[i]
		if x.Resolution == "" && x.Path == c.Path && (!column || x.Column == c.Column) && x.Fits(b.resolution) == nil {
			b.numbers = append(b.numbers, x.Number)
		}
	}
	if len(b.numbers) == 0 {
		s.message = "No open conflict of " + b.what + " can be decided so."
		return
	}
	s.bulk, s.mode = b, modeConfirm
}

func (s *resolveScreen) confirmKey(key string) {
	s.mode = modeList
	if key != "y" && key != "enter" {
		s.message = "Nothing was decided."
		return
	}
	resolutions := make(map[int]string, len(s.bulk.numbers))
	for _, n := range s.bulk.numbers {
		resolutions[n] = s.bulk.resolution
	}
	if s.put(resolutions) {
		s.nextOpen()
		s.message = fmt.Sprintf("Took %s for %s. u takes it back.", s.bulk.resolution, plural(int64(len(resolutions)), "conflict"))
	}
}

func (s *resolveScreen) scrollKey(key string) {
	switch key {
	case "down", "j":
		s.scroll++
	case "up", "k":
		s.scroll--
	case "pgdown", "space":
		s.scroll += s.height - 2
	case "pgup":
		s.scroll -= s.height - 2
	case "home", "g":
		s.scroll = 0
	default:
		s.mode, s.scroll = modeList, 0
	}
	s.scroll = max(0, min(s.scroll, len(s.pageLines())-s.pageHeight()))
}
