// Package fingerprint opens files and tables of a dataset as the texts that a
// fingerprint is made of (tabular/FINGERPRINT.md §1): it chooses the format by the
// file's name, and reads cells as the Table Schema of a datapackage.json says.
package fingerprint
