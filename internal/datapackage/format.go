package datapackage

import "slices"

// Formats returns the formats that Table Schema has for fields of a type. There are none
// if it leaves them open: those about time have a pattern as "%d.%m.%Y" besides.
func Formats(kind string) []string {
	switch kind {
	case "", "string":
		return []string{"default", "email", "uri", "binary", "uuid"}
	case "number", "integer", "boolean", "year", "yearmonth", "object", "array", "duration":
		return []string{"default"}
	case "geopoint":
		return []string{"default", "array", "object"}
	case "geojson":
		return []string{"default", "topojson"}
	}
	return nil
}

// FormatFits reports whether there is the format for fields of the type. What is no
// format of another type is taken for a pattern where there are patterns.
func FormatFits(kind, format string) bool {
	if own := Formats(kind); own != nil || format == "default" {
		return format == "default" || slices.Contains(own, format)
	}
	return kind == "any" || kind == "list" || !slices.Contains(append(Formats("string"), "array", "object", "topojson"), format)
}
