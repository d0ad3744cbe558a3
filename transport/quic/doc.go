// Package quic gives the streams over which package transport speaks: QUIC
// connections between peers that know each other by their Ed25519 keys.
//
// How peers prove who they are says package link. Whoever dials says whom it expects
// and gets no connection to anybody else; whoever listens learns who came and
// decides later what to show them.
//
// A [Listener] bounds what strangers can make it hold: connections in all and per
// address, streams per connection, the time for the handshake, idle time, and
// the memory of flow control. A [Conn] opens streams, one for each request.
//
// QUIC runs faster with UDP buffers of 7 MB. Where the system grants less, the
// QUIC library would print a warning to the standard logger of the process; this
// package turns that off, through the environment variable that the library has
// for it. On Linux, "sysctl -w net.core.rmem_max=7340032 net.core.wmem_max=7340032"
// grants it.
//
// This package alone imports the QUIC library.
package quic
