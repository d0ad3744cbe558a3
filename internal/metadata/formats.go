package metadata

import (
	"io"
	"slices"
)

// Format is a way to write a [Dataset].
type Format struct {
	Name  string // what people call it by
	File  string // the usual name of its file
	About string
	// Write writes the dataset; open writes the bytes of one of its files.
	Write func(w io.Writer, d *Dataset, open func(w io.Writer, path string) error) error
}

// Formats returns all formats, sorted by name. The caller owns the slice.
func Formats() []Format {
	whole := func(make func(*Dataset) ([]byte, error)) func(io.Writer, *Dataset, func(io.Writer, string) error) error {
		return func(w io.Writer, d *Dataset, _ func(io.Writer, string) error) error {
			data, err := make(d)
			if err == nil {
				_, err = w.Write(data)
			}
			return err
		}
	}
	return []Format{
		{"croissant", "croissant.json", "Croissant 1.1, for machine learning", whole(Croissant)},
		{"csvw", "csv-metadata.json", "CSV on the Web: the tables' columns", whole(CSVW)},
		{"dcat", "dcat.jsonld", "DCAT 3, for data catalogues", whole(DCAT)},
		{"dwca", "dwca.zip", "Darwin Core archive, for GBIF: the table that fits, with its description", DarwinCore},
		{"eml", "eml.xml", "Ecological Metadata Language 2.2.0", whole(EML)},
		{"ro-crate", ROCrateName, "RO-Crate 1.2, for repositories", whole(ROCrate)},
		{"schema.org", "schema.org.jsonld", "schema.org Dataset, for search engines", whole(SchemaOrg)},
	}
}

// FindFormat returns the format of a name, and whether there is one.
func FindFormat(name string) (Format, bool) {
	list := Formats()
	i := slices.IndexFunc(list, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return list[i], true
}

// Missing returns what nobody has said of the dataset and readers of the formats
// look for, as the options of constl describe that say it.
func Missing(d *Dataset) []string {
	var out []string
	for _, m := range []struct {
		missing bool
		option  string
	}{
		{d.Description == "", "description"}, {len(d.Licenses) == 0, "license"}, {len(d.Keywords) == 0, "keywords"}, {d.Language == "", "language"},
	} {
		if m.missing {
			out = append(out, m.option)
		}
	}
	return out
}
