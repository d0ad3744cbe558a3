// Package progress tells people on standard error how far a long operation is.
//
// Nothing is shown in the first second, so that short operations stay silent.
// After it a terminal gets one line that is rewritten in place, with rate and
// estimated time left; anything else (a log, a pipe) gets a plain line every few
// seconds.
//
// Counting is cheap: [Task.Add] is one atomic addition, and drawing follows a
// timer of its own, so that an operation that stands still shows it. Everything
// may be called from several goroutines at once. Errors of the writer are
// ignored: no operation fails because nobody could watch it.
package progress
