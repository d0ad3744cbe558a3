// Package site writes the landing page of a version of a dataset: one HTML file
// that needs nothing else, works from a disk, without scripts, in light and dark,
// on a telephone and with a screen reader, in five languages.
//
// The page's own words stand in it in every language, each marked with its own; the
// switch above them shows one. What people wrote about the dataset, and what is in
// its tables, is shown as it is, and escaped wherever it stands.
package site
