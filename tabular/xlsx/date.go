package xlsx

import (
	"math"
	"strings"
	"time"
)

// dateForm is what a number format shows of a number.
type dateForm uint8

const (
	noDate  dateForm = iota
	dateOf           // a date, perhaps with a time of day
	clockOf          // a time of day alone
)

type stylesXML struct {
	Formats []struct {
		ID   int    `xml:"numFmtId,attr"`
		Code string `xml:"formatCode,attr"`
	} `xml:"numFmts>numFmt"`
	Cells []struct {
		Format int `xml:"numFmtId,attr"`
	} `xml:"cellXfs>xf"`
}

func (w *workbook) readStyles(name string) error {
	var s stylesXML
	if err := w.decode(name, &s); err != nil {
		return err
	}
	custom := make(map[int]dateForm)
	for _, f := range s.Formats {
		custom[f.ID] = formOf(f.Code)
	}
	for _, c := range s.Cells {
		form, ok := custom[c.Format]
		if !ok {
			form = builtin(c.Format)
		}
		w.dates = append(w.dates, form)
	}
	return nil
}

// builtin returns what the formats show that files name by number only.
func builtin(id int) dateForm {
	switch {
	case id >= 14 && id <= 17, id == 22, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return dateOf
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47, id == 55, id == 56:
		return clockOf
	}
	return noDate
}

// formOf tells what a format's code shows. A count of hours, as [h]:mm, is a number.
func formOf(code string) dateForm {
	var letters strings.Builder
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			if end := strings.IndexByte(code[i+1:], '"'); end >= 0 {
				i += end + 1
			}
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return noDate
			}
			if inside := strings.ToLower(code[i+1 : i+end]); strings.Trim(inside, "h") == "" || strings.Trim(inside, "m") == "" || strings.Trim(inside, "s") == "" {
				return noDate
			}
			i += end
		case ';':
			i = len(code)
		default:
			letters.WriteByte(c | 0x20)
		}
	}
	s := strings.ReplaceAll(letters.String(), "general", "")
	switch {
	case strings.ContainsAny(s, "yd"):
		return dateOf
	case strings.ContainsAny(s, "hs"):
		return clockOf
	case strings.Contains(s, "m"):
		return dateOf
	}
	return noDate
}

// lastDay is the number of 9999-12-31.
const lastDay = 2958465

// format returns the text of a number that is shown as a date or time; ok is false
// if it is none.
func (f dateForm) format(v float64, date1904 bool) (text string, ok bool) {
	if date1904 {
		v += 1462
	}
	if !(v >= 0 && v < lastDay+1) {
		return "", false
	}
	// Numbers are days; what is under a millisecond is noise of the double.
	day, milli := math.Modf(v)
	ms := int64(math.Round(milli * 86_400_000))
	if ms == 86_400_000 {
		day, ms = day+1, 0
	}
	if day == 60 && !date1904 {
		return "", false // 29 February 1900, which never was
	}
	if day < 60 && !date1904 {
		day++
	}
	t := time.Unix(int64(day-25569)*86400, 0).UTC().Add(time.Duration(ms) * time.Millisecond)
	if v < 1 && (f == clockOf || v > 0) {
		return t.Format("15:04:05.999"), true
	}
	if v < 1 {
		return "", false
	}
	if ms == 0 {
		return t.Format(time.DateOnly), true
	}
	return t.Format("2006-01-02T15:04:05.999"), true
}
