// Package metadata writes what is known of a version of a dataset in the formats
// of others: schema.org, Croissant 1.1, RO-Crate 1.2, DCAT 3, EML 2.2, CSVW and
// Darwin Core archives.
//
// A [Dataset] is one version, described: what its datapackage.json says, what its
// tables hold, and how it is cited. Each writer takes it and returns a file. What
// a format cannot say is left out, and what it demands but nobody has said is
// filled in from what is known, never made up: [Missing] lists what a person
// should add for it.
//
// Generated files do not belong into the dataset itself, since they name the hash
// of what they describe.
package metadata
