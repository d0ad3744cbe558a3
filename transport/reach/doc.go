// Package reach makes connections to peers over whatever gets through: QUIC, or TCP
// where UDP is blocked. Both speak the same protocol at the same port; a peer
// serves both.
//
// [Dial] begins with QUIC and tries TCP beside it if there is no answer soon;
// whichever proves first that it has reached the right peer is used. A port that
// refuses TCP is taken for one on which nobody listens.
package reach
