package xlsx

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// ErrNoSheet says that a workbook has no sheet of the name that was asked for.
var ErrNoSheet = errors.New("xlsx: no such sheet")

// Limits, so that a small file cannot ask for any amount of memory.
const (
	maxPart    = 4 << 30  // bytes of one part, decompressed
	maxSmall   = 64 << 20 // of one that is held whole
	maxText    = 2 << 30  // bytes of text of all cells
	maxColumns = 1 << 14  // as Excel has it
	maxRows    = 1 << 20
	batchRows  = 1 << 12
)

// Sheet is a sheet that was read. It is safe for use by several goroutines.
type Sheet struct {
	// Name is the sheet's name.
	Name string
	// Others are the names of the workbook's other visible sheets.
	Others []string

	names   []string
	batches [][]tabular.Cells
}

var _ tabular.Texts = (*Sheet)(nil)

// Open reads a sheet of the workbook of the given file name; "" is the first that
// is visible. It fails with [ErrNoSheet], and with an error that wraps
// [object.ErrCorrupt] if the file is no workbook.
func Open(ctx context.Context, name, sheet string) (*Sheet, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	s, err := read(ctx, file, info.Size(), sheet)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return s, nil
}

func read(ctx context.Context, file io.ReaderAt, size int64, sheet string) (*Sheet, error) {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no Excel workbook (.xlsx): %w", object.ErrCorrupt, err)
	}
	return (&workbook{ctx: ctx, zip: z}).read(sheet)
}

// Names implements [tabular.Texts].
func (s *Sheet) Names() []string { return s.names }

// Batches implements [tabular.Texts].
func (s *Sheet) Batches(context.Context) iter.Seq2[tabular.Batch, error] {
	return func(yield func(tabular.Batch, error) bool) {
		for _, cells := range s.batches {
			if !yield(func(context.Context) ([]tabular.Cells, error) { return cells, nil }, nil) {
				return
			}
		}
	}
}

// workbook is a file that is being read.
type workbook struct {
	ctx      context.Context
	zip      *zip.Reader
	strings  []string
	dates    []dateForm // by cell style
	date1904 bool
}

// relations are the parts that a part refers to, by id.
type relations struct {
	List []struct {
		ID     string `xml:"Id,attr"`
		Type   string `xml:"Type,attr"`
		Target string `xml:"Target,attr"`
	} `xml:"Relationship"`
}

// target returns the name of the part of an id, or of the first whose type ends so.
func (r *relations) target(base, id, kind string) string {
	for _, x := range r.List {
		if id != "" && x.ID == id || kind != "" && strings.HasSuffix(x.Type, "/"+kind) {
			if strings.HasPrefix(x.Target, "/") {
				return strings.TrimPrefix(x.Target, "/")
			}
			return path.Join(path.Dir(base), x.Target)
		}
	}
	return ""
}

type bookXML struct {
	Properties struct {
		Date1904 string `xml:"date1904,attr"`
	} `xml:"workbookPr"`
	Sheets []struct {
		Name  string     `xml:"name,attr"`
		State string     `xml:"state,attr"`
		Attrs []xml.Attr `xml:",any,attr"`
	} `xml:"sheets>sheet"`
}

func (w *workbook) read(sheet string) (*Sheet, error) {
	var top, rels relations
	if err := w.decode("_rels/.rels", &top); err != nil {
		return nil, err
	}
	book := top.target("", "", "officeDocument")
	var b bookXML
	if err := w.decode(book, &b); err != nil {
		return nil, err
	}
	if err := w.decode(path.Join(path.Dir(book), "_rels", path.Base(book)+".rels"), &rels); err != nil {
		return nil, err
	}
	w.date1904 = b.Properties.Date1904 == "1" || b.Properties.Date1904 == "true"
	s, part := &Sheet{}, ""
	for _, x := range b.Sheets {
		if x.State != "" && x.State != "visible" && x.Name != sheet {
			continue
		}
		if part != "" || sheet != "" && x.Name != sheet {
			s.Others = append(s.Others, x.Name)
			continue
		}
		s.Name = x.Name
		for _, a := range x.Attrs {
			if a.Name.Local == "id" {
				part = rels.target(book, a.Value, "")
			}
		}
	}
	if part == "" {
		return nil, fmt.Errorf("%w: %q; there are: %s", ErrNoSheet, sheet, strings.Join(s.Others, ", "))
	}
	if name := rels.target(book, "", "styles"); name != "" {
		if err := w.readStyles(name); err != nil {
			return nil, err
		}
	}
	if name := rels.target(book, "", "sharedStrings"); name != "" {
		if err := w.readStrings(name); err != nil {
			return nil, err
		}
	}
	return s, w.readSheet(part, s)
}

// open opens a part of the file.
func (w *workbook) open(name string) (io.ReadCloser, error) {
	for _, f := range w.zip.File {
		if f.Name != name {
			continue
		}
		if f.UncompressedSize64 > maxPart {
			return nil, fmt.Errorf("%w: %s has %d bytes", tabular.ErrTooLarge, name, f.UncompressedSize64)
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", object.ErrCorrupt, name, err)
		}
		return r, nil
	}
	return nil, fmt.Errorf("%w: it is no Excel workbook (.xlsx): there is no part %q", object.ErrCorrupt, name)
}

func (w *workbook) decode(name string, to any) error {
	r, err := w.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if err := xml.NewDecoder(io.LimitReader(r, maxSmall)).Decode(to); err != nil {
		return fmt.Errorf("%w: %s: %w", object.ErrCorrupt, name, err)
	}
	return nil
}

// text is a string with or without parts of their own form.
type text struct {
	Plain string   `xml:"t"`
	Runs  []string `xml:"r>t"`
}

func (t *text) join() string { return unescape(t.Plain + strings.Join(t.Runs, "")) }

func (w *workbook) readStrings(name string) error {
	r, err := w.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	total := 0
	return eachElement(w.ctx, r, name, "si", func(d *xml.Decoder, start *xml.StartElement) error {
		var t text
		if err := d.DecodeElement(&t, start); err != nil {
			return err
		}
		s := t.join()
		if total += len(s) + 16; total > maxText {
			return fmt.Errorf("%w: more than %d bytes of text", tabular.ErrTooLarge, maxText)
		}
		w.strings = append(w.strings, s)
		return nil
	})
}

// eachElement calls use at the start of each element of the given name.
func eachElement(ctx context.Context, r io.Reader, part, name string, use func(*xml.Decoder, *xml.StartElement) error) error {
	d := xml.NewDecoder(r)
	for n := 0; ; n++ {
		if n%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if start, ok := token.(xml.StartElement); ok && err == nil && start.Name.Local == name {
			err = use(d, &start)
		}
		if err != nil {
			if errors.Is(err, tabular.ErrTooLarge) {
				return err
			}
			return fmt.Errorf("%w: %s: %w", object.ErrCorrupt, part, err)
		}
	}
}

// unescape reads the characters that XML has no way to write, as _x000D_.
func unescape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for {
		at := strings.Index(s, "_x")
		if at < 0 || len(s) < at+7 {
			return b.String() + s
		}
		var r rune
		if n, err := fmt.Sscanf(s[at+2:at+6], "%04x", &r); n == 1 && err == nil && s[at+6] == '_' {
			b.WriteString(s[:at])
			b.WriteRune(r)
			s = s[at+7:]
			continue
		}
		b.WriteString(s[:at+2])
		s = s[at+2:]
	}
}
