// Package bundle finds bundles where they lie, in a file or on a web server, and
// writes them. What a bundle is says transport/PROTOCOL.md §9; package transport
// reads and writes what is in one.
package bundle
