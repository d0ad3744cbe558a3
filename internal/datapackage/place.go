package datapackage

import (
	"strings"
	"unicode/utf8"
)

// Place returns the line and the column, from 1, at which a part of the resource
// stands in the file that was parsed: path leads to it from the resource by the
// names of properties and the positions of elements. Where a part of the path is
// missing it is the place of the last that is there. A part that was added or
// changed since has the place 1, 1.
func (p *Package) Place(r *Resource, path ...any) (line, column int) {
	at := r.node
	for _, part := range path {
		var next *node
		switch part := part.(type) {
		case string:
			next = at.get(part)
		case int:
			if list := at.elems(); part >= 0 && part < len(list) {
				next = list[part].value
			}
		}
		if next == nil {
			break
		}
		at = next
	}
	src := string(p.Bytes())
	head := src[:min(at.at, len(src))]
	return 1 + strings.Count(head, "\n"), 1 + utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:])
}
