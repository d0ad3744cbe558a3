// Package datapackage reads, fills in and writes datapackage.json, the
// description of a dataset after Frictionless Data Package v2: title, licence,
// authors, and for every table its fields and primary key.
//
// The file belongs to the people who write it. A [Package] keeps it as it
// stands: the order of properties, the spelling of numbers and strings, the
// white space. Whatever is not changed through this package comes back byte for
// byte from [Package.Bytes], and what is added follows the indentation that the
// file already has. Filling in adds what is missing and never replaces or
// removes what a person wrote: an entry is taken away only when it carries
// nothing but what constl itself writes.
//
// [Parse] refuses what two readers could understand differently (a name that
// stands twice, a byte order mark, a trailing comma) and says in which line and
// column.
//
// Besides the standard's own properties these are read and written, which are
// extensions as it allows them:
//
//   - of the package: "languages", those of titles and descriptions (BCP 47), the
//     default one first; "temporal", {"start", "end"} after ISO 8601; "spatial", with
//     "name" and "bbox", [west, south, east, north] in degrees of WGS 84; "methods", a
//     list of texts; "funding", a list of {"funder", "ror", "award", "title"};
//   - of a contributor: "ror", the organisation's identifier;
//   - of a field: "unit", a code of UCUM; "rdfType" is the standard's own;
//   - of package, resource and field: "title@de", "description@pt-BR" and the like,
//     the text in another language.
//
// A [Package] and its [Resource]s may be read from several goroutines at once,
// but not while one of them changes it.
package datapackage
