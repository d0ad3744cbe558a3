// Package cite writes how a dataset is cited, and reads citations back.
//
// A citation names one exact version: the identifier
//
//	constl:DATASET_ID@COMMIT_ID
//
// where both ids are 64 lower-case hexadecimal digits. It stands in every form,
// [Text], [BibTeX] and [JSON], and [Find] gets it out of any of them, and out
// of a page that somebody copied it from. Beside it stands, labelled, what
// always leads to the newest version.
//
// All functions are pure and may be called from several goroutines at once.
package cite
