package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrNoMember says that a JSON document does not have the member, or the order of
// members, that a conflict of it is about.
var ErrNoMember = errors.New("the member is not there as it was")

// ResolveJSON returns the document that a merge made with a conflict in it, of
// [KindMember] or [KindOrder], decided: the member is as v has it. Where several
// conflicts of one document are decided, the last comes first. It fails with an
// error that wraps [ErrNoMember] if the document has changed since. The result is
// printed with an indentation of two spaces.
func ResolveJSON(doc []byte, c *Conflict, v Version) ([]byte, error) {
	root, ok := parseJSON(doc)
	if !ok {
		return nil, fmt.Errorf("%w: the document is no JSON any more", ErrNoMember)
	}
	var part *value
	if v.Present {
		if part, ok = parseJSON([]byte(v.Text)); !ok {
			return nil, fmt.Errorf("expected JSON, found %q", v.Text)
		}
	}
	top := &value{kind: '[', parts: []*value{root}}
	path := append([]string{"0"}, pointerTokens(c.Column)...)
	var err error
	switch {
	case c.Kind == KindOrder:
		err = top.reorder(path, part)
	case c.Row > 0:
		err = top.replaceElements(path, c, part)
	default:
		err = top.set(path, part)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Column, err)
	}
	if len(top.parts) == 0 {
		return nil, nil
	}
	return []byte(top.parts[0].print("") + "\n"), nil
}

// pointerTokens takes a JSON pointer apart.
func pointerTokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	tokens := strings.Split(pointer[1:], "/")
	for i := range tokens {
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(tokens[i])
	}
	return tokens
}

// place returns the index of the part that a token leads to, or -1. Elements of an
// array that were merged by name are found by the name as it stands.
func (v *value) place(token string) int {
	if v.kind == '{' {
		return v.index(token)
	}
	if n, err := strconv.Atoi(token); err == nil && n >= 0 && n < len(v.parts) && strconv.Itoa(n) == token {
		return n
	}
	for _, by := range namingMembers {
		if named, ok := v.named(by); ok {
			if i := named.index(token); i >= 0 {
				return i
			}
		}
	}
	return -1
}

// find returns the value at the end of a path.
func (v *value) find(path []string) (*value, error) {
	for _, token := range path {
		if v.kind == 0 {
			return nil, ErrNoMember
		}
		i := v.place(token)
		if i < 0 {
			return nil, ErrNoMember
		}
		v = v.parts[i]
	}
	return v, nil
}

// set puts part where the path leads; nil takes the member away. A member that is
// missing is added at the end.
func (v *value) set(path []string, part *value) error {
	last := path[len(path)-1]
	at, err := v.find(path[:len(path)-1])
	if err != nil {
		return err
	}
	if at.kind == 0 {
		return ErrNoMember
	}
	at.at = nil
	i := at.place(last)
	at.at = nil
	switch {
	case i >= 0 && part != nil:
		at.parts[i] = part
	case i >= 0:
		at.parts = slices.Delete(at.parts, i, i+1)
		if at.kind == '{' {
			at.names, at.quote = slices.Delete(at.names, i, i+1), slices.Delete(at.quote, i, i+1)
		}
	case part == nil:
	default:
		at.parts = append(at.parts, part)
		if at.kind == '{' {
			quoted, err := json.Marshal(last)
			if err != nil {
				return err
			}
			at.names, at.quote = append(at.names, last), append(at.quote, string(quoted))
		}
	}
	return nil
}

// replaceElements puts a version's elements of an array in the place of ours.
func (v *value) replaceElements(path []string, c *Conflict, part *value) error {
	at, err := v.find(path)
	if err != nil {
		return err
	}
	ours, ok := parseJSON([]byte(c.Ours.Text))
	from := int(c.Row) - 1
	if !ok || part == nil || part.kind != '[' || at.kind != '[' || from+len(ours.parts) > len(at.parts) ||
		!slices.EqualFunc(at.parts[from:from+len(ours.parts)], ours.parts, sameJSON) {
		return ErrNoMember
	}
	at.parts = slices.Replace(at.parts, from, from+len(ours.parts), part.parts...)
	return nil
}

// reorder puts members into the order in which a version names them.
func (v *value) reorder(path []string, order *value) error {
	at, err := v.find(path)
	if err != nil {
		return err
	}
	if order == nil || order.kind != '[' || at.kind == 0 {
		return ErrNoMember
	}
	var wanted []int
	for _, name := range order.parts {
		token := name.text
		if at.kind == '{' {
			if err := json.Unmarshal([]byte(name.text), &token); err != nil {
				return ErrNoMember
			}
		}
		if i := at.place(token); i >= 0 && !slices.Contains(wanted, i) {
			wanted = append(wanted, i)
		}
	}
	at.arrange(wanted)
	return nil
}

// arrange puts parts into the wanted order; those that it does not name keep
// following the one that they follow.
func (v *value) arrange(wanted []int) {
	named := make(map[int]bool, len(wanted))
	for _, i := range wanted {
		named[i] = true
	}
	followers, leader := make(map[int][]int), -1
	for i := range v.parts {
		if named[i] {
			leader = i
		} else {
			followers[leader] = append(followers[leader], i)
		}
	}
	sequence := followers[-1]
	for _, i := range wanted {
		sequence = append(append(sequence, i), followers[i]...)
	}
	v.parts = permuted(v.parts, sequence)
	if v.kind == '{' {
		v.names, v.quote, v.at = permuted(v.names, sequence), permuted(v.quote, sequence), nil
	}
}

func permuted[T any](list []T, sequence []int) []T {
	out := make([]T, len(sequence))
	for to, from := range sequence {
		out[to] = list[from]
	}
	return out
}
