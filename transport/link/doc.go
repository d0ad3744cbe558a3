// Package link has what connections between peers have in common, whatever carries
// them: whom they are to, how they fail, and how many there may be. Packages
// quic and tcp beside it make connections; package reach tries both.
//
// Both sides show a self-signed certificate of their device key in a TLS 1.3
// handshake. Names and dates in certificates mean nothing; the key is the peer's
// id. A session that is resumed (over QUIC alone) stands for the keys that were proved
// when it began, and is checked like any other.
package link
