package transport

import (
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// Protocol is the name of the protocol, as TLS negotiates it (ALPN).
const Protocol = "constl/1"

// Version is the version of the messages that this package writes and reads.
const Version = 1

// Limits of messages (PROTOCOL.md §7). A peer that goes beyond one breaks the protocol.
const (
	MaxRequest    = 1 << 20 // bytes of a request's body
	MaxHaves      = 256     // commits named as held in one request
	MaxWants      = 4096    // objects asked for in one request
	MaxLogs       = 4096    // logs named as known in one request, and statements in one answer
	MaxPatterns   = 64      // patterns of refs in one request
	MaxIdentities = refs.MaxIdentityVersions
	MaxProofs     = 256      // equivocations in one answer
	MaxContacts   = 16       // contacts in one answer
	MaxOffer      = 64 << 20 // bytes of the identities, statements and equivocations of one answer
	maxKnown      = 1024     // logs in one known frame
	maxErrorText  = 1 << 10  // bytes
	maxExtensions = 16
	maxExtension  = 4 << 10 // bytes of one extension's data

	maxControlFrame   = 96 << 10 // bytes of the body of a frame that is none of those below
	maxWantFrame      = 160 << 10
	maxObjectFrame    = object.IDSize + entry.MaxSize
	maxStatementFrame = refs.MaxSignedStatement
	maxIdentityFrame  = refs.MaxSignedIdentity
	maxIgnored        = 1 << 20 // bytes of all frames of unknown types on one stream
	maxProofFrame     = 2 * refs.MaxSignedStatement
)

// Bounds of the work and memory that one exchange takes.
const (
	batchBytes    = 256 << 20       // received objects are made durable at least this often,
	batchTime     = 4 * time.Second // and this often as long as some come
	orphanBytes   = 16 << 20        // deltas that are kept until their base comes,
	orphanCost    = 256             // each of which takes so many more
	inFlightBytes = 1 << 20         // entries that wait for the wire
	aheadBytes    = 4 << 20         // frames that were read and not yet dealt with
	sliceSize     = 64 << 10        // ids of one level that a walk keeps before it descends
	maxHaveTrees  = 16              // held commits whose trees are compared, besides the parents of new ones
	haveReads     = 4096            // objects of the have side that a walk reads freely,
	haveReadRatio = 8               // and then this many for each one of the want side
	bufferBytes   = 64 << 10
	maxOpening    = 8 << 10 // bytes of a request that goes along with the handshake

	guestAheadBytes = 256 << 10 // as aheadBytes, of what a client sends
	streamMemory    = 32 << 10  // what an open stream holds, before its request is served
	requestMemory   = inFlightBytes + 128<<10
	walkMemory      = 128 << 10                       // what a walk keeps without asking for more
	watchMemory     = 2 * bufferBytes                 // what a watch holds besides, while nothing is new
	knownMemory     = 192                             // and for each log that it knows
	pushMemory      = verifyBytes + 2*guestAheadBytes // what a push of small objects holds besides
)

// Times and bounds of a watch (PROTOCOL.md §3.4).
const (
	stillEvery  = 25 * time.Second // after so long without anything new a server says that it is there
	silence     = 90 * time.Second // after so long without a sign a peer is given up
	unanswered  = 4                // stills, after which a client is given up
	stillBurst  = 16               // stills that may come at once,
	stillRefill = 5 * time.Second  // and one more each
	knownBurst  = 1 << 20          // bytes of known frames that may come at once,
	knownRefill = time.Second / (16 << 10)
	// Offers that bring nothing new may have so many frames at once, and one more each;
	// an update counts for some.
	uselessBurst  = 16 << 10
	uselessRefill = 10 * time.Millisecond
	uselessUpdate = 16
)

// The defaults of options.
const (
	defaultStall       = 60 * time.Second
	defaultMinProgress = 16 << 10
)
