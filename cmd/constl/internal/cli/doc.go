// Package cli is constl's command line: one file per command. Commands parse
// what people write, call the rooms below, and print; they decide nothing about
// data themselves.
package cli
