// Package metrics counts what a service does and writes it in the text format of
// Prometheus, version 0.0.4.
//
// A [Set] is made of families, each with a name, a help text and the names of its labels.
// [Counter], [Histogram] hold their values; a gauge asks for them when they are read.
// The values of labels come from the program, never from peers, so a family stays as small
// as the program makes it. Everything is safe for use by several goroutines at once.
package metrics
