// Package tcp gives the streams over which package transport speaks where UDP is
// blocked: TLS 1.3 over TCP, with the certificates and the protocol's name as
// over QUIC (package link). A TCP connection carries one request; a [Conn] makes
// one for each stream, the first of which proved who the peer is before any
// request. It is slower to begin than QUIC and one lost packet holds up all.
package tcp
