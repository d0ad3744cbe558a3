// Package transport is the wire protocol constl/1: how two peers exchange the
// identities, statements and objects of a dataset over one stream of bytes. It
// never dials; package quic beside it gives the streams.
//
// One stream carries one request. [Sync] asks a peer for a dataset, or for what
// is new in it; [Watch] asks for that, too, and for whatever becomes new from then
// on; [Push] offers a peer what one has; a [Server] answers all three. The
// side that holds the objects walks from what is wanted and stops at what the
// other side has, so that an exchange costs about the difference and one round
// trip. The side that receives verifies every object against its id, takes only
// what it asked for or what a received object links to, stores it at once, and
// in the end checks that nothing is missing before any ref is believed. A peer
// can therefore withhold, but not forge; and a transfer that was cut goes on
// from where it stopped.
//
// The protocol is specified in PROTOCOL.md beside this file.
package transport
