// Package hostile holds no code, but the kit of hostile peers: servers and clients that
// play any script of frames, in memory and over QUIC and TCP, and files that they wrote.
// They are written from transport/PROTOCOL.md alone, so that they can say what constl would never
// say. Attacks on identities and refs are in internal/attacks; here it is the exchange itself that is attacked.
//
// Whatever is played, four things must hold: nothing false is stored, shown or believed; memory
// stays within the budget; the exchange ends by itself, with an error of a class that says what the
// peer did; and whoever is honest is served meanwhile.
//
// Graphs and floods are some tens of thousands deep, wide and long. CONSTL_HOSTILE=full makes them a
// million; -short makes them small, and leaves out most offsets and most lies over QUIC and TCP. That an
// exchange which is cut between any two frames goes on with what is missing is tested here for pushes, and
// in package transport for clones, updates and several streams.
package hostile
