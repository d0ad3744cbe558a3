package diffview

import (
	"bufio"
	"context"
	"io"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/tabular"
)

// Markdown writes the difference as GitHub shows it in comments: a table for each
// table, changed cells as old → new, texts as unified diff.
func Markdown(ctx context.Context, w io.Writer, s *changes.Set, o *Options) error {
	m := &markdown{ctx: ctx, w: bufio.NewWriter(w)}
	if o != nil {
		m.Options = *o
	}
	if s.Empty() {
		m.put("Nothing differs.\n")
	}
	for i, t := range s.Tables {
		m.between(i)
		if err := m.table(t); err != nil {
			return err
		}
	}
	for i, f := range s.Files {
		m.between(len(s.Tables) + i)
		if err := m.file(f); err != nil {
			return err
		}
	}
	return m.w.Flush()
}

type markdown struct {
	Options
	ctx context.Context
	w   *bufio.Writer
}

func (m *markdown) put(parts ...string) {
	for _, s := range parts {
		m.w.WriteString(s)
	}
}

func (m *markdown) between(i int) {
	if i > 0 {
		m.put("\n")
	}
}

func (m *markdown) table(t *changes.Table) error {
	m.put("### ", mdText(t.Path), "\n\n", mdText(summary(t)), "\n")
	for i, s := range t.Schema {
		if i == 0 {
			m.put("\n")
		}
		m.put("- ", mdText(schemaText(s)), "\n")
	}
	if t.Note != "" {
		m.put("\nNote: ", mdText(t.Note), "\n")
	}
	if changed(t) == 0 {
		return nil
	}
	columns := t.Columns()
	names, rule := []string{""}, []string{"---"}
	for _, c := range columns {
		name := mdText(c.Name)
		switch {
		case c.Added():
			name += " *(new)*"
		case c.Dropped():
			name += " *(dropped)*"
		case c.Was != "":
			name += " *(was " + mdText(c.Was) + ")*"
		}
		names, rule = append(names, name), append(rule, "---")
	}
	m.put("\n")
	m.row(names)
	m.row(rule)
	shown := int64(0)
	for line, err := range t.Lines(m.ctx, false) {
		if err != nil {
			return err
		}
		if m.Most > 0 && shown == m.Most {
			break
		}
		shown++
		m.row(m.line(columns, &line))
	}
	if rest := changed(t) - shown; rest > 0 {
		m.put("\n… and ", Plural(rest, "more row"), "\n")
	}
	return nil
}

func (m *markdown) row(cells []string) { m.put("| ", strings.Join(cells, " | "), " |\n") }

func (m *markdown) line(columns []changes.Column, line *changes.Line) []string {
	cells := []string{map[tabular.ChangeKind]string{tabular.RowAdded: "➕", tabular.RowDeleted: "➖", tabular.RowModified: "✏️"}[line.Kind]}
	for i := range columns {
		switch {
		case line.Changed[i]:
			cells = append(cells, "~~"+mdText(Cell(line.Before[i]))+"~~ → **"+mdText(Cell(line.Now[i]))+"**")
		case line.Kind == tabular.RowDeleted || columns[i].Dropped():
			cells = append(cells, mdText(line.Before[i]))
		default:
			cells = append(cells, mdText(line.Now[i]))
		}
	}
	return cells
}

// mdText writes a text so that nothing in it is markup, a mention or a link.
func mdText(text string) string {
	var b strings.Builder
	text = visible(text)
	for i, r := range text {
		switch r {
		case '<':
			b.WriteString("&lt;")
		case '&':
			b.WriteString("&amp;")
		case '@':
			b.WriteString("&#64;")
		case '#':
			b.WriteString("&#35;")
		case ':':
			if strings.HasPrefix(text[i:], "://") {
				b.WriteString("&#58;")
				continue
			}
			b.WriteRune(r)
		case '\\', '`', '*', '_', '{', '}', '[', ']', '|', '~', '>':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (m *markdown) file(f *changes.File) error {
	lines, ok, err := unified(m.ctx, f)
	if err != nil {
		return err
	}
	m.put("### ", mdText(f.Path), "\n\n")
	if !ok {
		m.put(mdText(fileText(f)), "  \n`", sums(f), "`\n")
		return nil
	}
	fence := "```"
	for strings.Contains(strings.Join(lines, "\n"), fence) {
		fence += "`"
	}
	m.put(mdText(f.Status+", "+lineCounts(lines)), "\n\n", fence, "diff\n")
	for i, line := range lines {
		if m.Most > 0 && int64(i) == m.Most {
			m.put("@@ … and ", Plural(int64(len(lines)-i), "more line"), " @@\n")
			break
		}
		m.put(visible(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    ")), "\n")
	}
	m.put(fence, "\n")
	return nil
}
