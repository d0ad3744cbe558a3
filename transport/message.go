package transport

import (
	"errors"
	"fmt"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// Flags of requests (PROTOCOL.md §3). A flag that a receiver does not know is
// answered with ErrUnsupported.
const (
	flagNoObjects = 1 << 0 // sync: statements alone
	flagFlat      = 1 << 1 // the wants alone, and of commits the ancestors, not what they link to
	flagWhole     = 1 << 2 // no deltas
	flagGuess     = 1 << 3 // deltas against bases that the receiver may lack; it asks again for those
	flagInner     = 1 << 4 // nothing that is linked to by objects that link to leaves alone
	flagExact     = 1 << 5 // the wants alone, whatever they are

	syncFlags = flagNoObjects | flagFlat | flagWhole | flagGuess | flagInner
	wantFlags = flagFlat | flagWhole | flagGuess | flagInner | flagExact
	pushFlags = 0
)

// extension is room for later versions: a receiver skips one with an odd tag
// that it does not know, and refuses an even one.
type extension struct {
	tag  uint64
	data []byte
}

func encodeExtensions(e *object.Encoder, list []extension) {
	e.Uvarint(uint64(len(list)))
	for _, x := range list {
		e.Uvarint(x.tag)
		e.Bytes(x.data)
	}
}

func decodeExtensions(d *object.Decoder) []extension {
	n := d.Count(2)
	if n > maxExtensions {
		d.Fail("%d extensions, at most %d are allowed", n, maxExtensions)
		return nil
	}
	var list []extension
	for i := range n {
		x := extension{tag: d.Uvarint(), data: d.Bytes(maxExtension)}
		if i > 0 && x.tag <= list[i-1].tag {
			d.Fail("extensions are not in order")
		}
		list = append(list, x)
	}
	return list
}

// checkFeatures fails with an error that wraps ErrUnsupported for anything that
// the receiver would have to know.
func checkFeatures(version, flags, known uint64, list []extension) error {
	if version != Version {
		return fmt.Errorf("%w: version %d of the protocol; this side has version %d", ErrUnsupported, version, Version)
	}
	if flags&^known != 0 {
		return fmt.Errorf("%w: the flags %#x", ErrUnsupported, flags&^known)
	}
	for _, x := range list {
		if x.tag%2 == 0 {
			return fmt.Errorf("%w: the extension %d", ErrUnsupported, x.tag)
		}
	}
	return nil
}

// KnownLog says up to where a log is known.
type KnownLog struct {
	Log       refs.LogID
	Seq       uint64
	Statement object.ID // the statement with that sequence number
}

// syncMessage is the body of a sync frame (PROTOCOL.md §3.1), and of a watch frame (§3.4).
type syncMessage struct {
	version    uint64
	flags      uint64
	dataset    object.ID
	identities uint64 // the newest version of the identity that is known
	logs       []KnownLog
	patterns   []refs.Pattern
	wants      []object.ID
	haves      []object.ID
	budget     uint64 // bytes of objects after which the answer may stop; 0 for no end
	extensions []extension
}

func (m *syncMessage) encode() []byte {
	var e object.Encoder
	e.Uvarint(m.version)
	e.Uvarint(m.flags)
	e.ID(m.dataset)
	e.Uvarint(m.identities)
	encodeLogs(&e, m.logs)
	e.Uvarint(uint64(len(m.patterns)))
	for _, p := range m.patterns {
		e.Text(string(p))
	}
	encodeIDs(&e, m.wants)
	encodeIDs(&e, m.haves)
	e.Uvarint(m.budget)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

// decodeSync fails with an error that wraps object.ErrCorrupt, or ErrUnsupported
// for a version that this package does not have.
func decodeSync(body []byte) (*syncMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &syncMessage{version: d.Uvarint()}
	if d.Err() == nil && m.version != Version {
		return nil, checkFeatures(m.version, 0, 0, nil)
	}
	m.flags = d.Uvarint()
	m.dataset = d.ID()
	m.identities = d.Uvarint()
	m.logs = decodeLogs(d, MaxLogs)
	n := d.Count(1)
	if n > MaxPatterns {
		d.Fail("%d patterns, at most %d are allowed", n, MaxPatterns)
		n = 0
	}
	for range n {
		p := refs.Pattern(d.Text(refs.MaxName))
		if d.Err() == nil && p.Check() != nil {
			d.Fail("%q is no pattern of refs", string(p))
		}
		m.patterns = append(m.patterns, p)
	}
	m.wants = decodeIDs(d, MaxWants)
	m.haves = decodeIDs(d, MaxHaves)
	m.budget = d.Uvarint()
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("sync request: %w", err)
	}
	return m, checkFeatures(m.version, m.flags, syncFlags, m.extensions)
}

func encodeLogs(e *object.Encoder, logs []KnownLog) {
	e.Uvarint(uint64(len(logs)))
	for i := range logs {
		l := &logs[i]
		e.Raw(l.Log.Signer[:])
		e.Raw(l.Log.Copy[:])
		e.Uvarint(l.Seq)
		e.ID(l.Statement)
	}
}

func decodeLogs(d *object.Decoder, limit int) []KnownLog {
	n := d.Count(len(refs.PeerID{}) + len(refs.CopyID{}) + 1 + object.IDSize)
	if n > limit {
		d.Fail("%d logs, at most %d are allowed", n, limit)
		return nil
	}
	var logs []KnownLog
	for range n {
		l := KnownLog{}
		copy(l.Log.Signer[:], d.Raw(len(l.Log.Signer)))
		copy(l.Log.Copy[:], d.Raw(len(l.Log.Copy)))
		l.Seq = d.Uvarint()
		l.Statement = d.ID()
		logs = append(logs, l)
	}
	return logs
}

func encodeIDs(e *object.Encoder, ids []object.ID) {
	e.Uvarint(uint64(len(ids)))
	for i := range ids {
		e.ID(ids[i])
	}
}

func decodeIDs(d *object.Decoder, limit int) []object.ID {
	n := d.Count(object.IDSize)
	if n > limit {
		d.Fail("%d ids, at most %d are allowed", n, limit)
		return nil
	}
	var ids []object.ID
	for range n {
		ids = append(ids, d.ID())
	}
	return ids
}

// contact returns what the client says of where it serves the dataset; nil is nothing.
// It fails if that is not of the client itself.
func (m *syncMessage) contact(peer refs.PeerID) (*refs.Contact, error) {
	for _, x := range m.extensions {
		if x.tag != tagContact {
			continue
		}
		c, err := refs.DecodeContact(x.data)
		switch {
		case errors.Is(err, refs.ErrNewerFormat):
			return nil, nil
		case err != nil:
			return nil, err
		case c.Peer() != peer || c.Dataset() != m.dataset:
			return nil, fmt.Errorf("%w: a contact of %s for %s", refs.ErrUntrusted, c.Peer().Short(), c.Dataset().Short())
		}
		return c, nil
	}
	return nil, nil
}

// knownMessage is the body of a known frame (PROTOCOL.md §3.4).
type knownMessage struct {
	logs       []KnownLog
	extensions []extension
}

func (m *knownMessage) encode() []byte {
	var e object.Encoder
	encodeLogs(&e, m.logs)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

func decodeKnown(body []byte) (*knownMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &knownMessage{logs: decodeLogs(d, maxKnown)}
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("known logs: %w", err)
	}
	return m, checkFeatures(Version, 0, 0, m.extensions)
}

// wantMessage is the body of a want frame (PROTOCOL.md §3.2).
type wantMessage struct {
	flags      uint64
	wants      []object.ID
	haves      []object.ID
	budget     uint64
	extensions []extension
}

func (m *wantMessage) encode() []byte {
	var e object.Encoder
	e.Uvarint(m.flags)
	encodeIDs(&e, m.wants)
	encodeIDs(&e, m.haves)
	e.Uvarint(m.budget)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

func decodeWant(body []byte) (*wantMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &wantMessage{flags: d.Uvarint(), wants: decodeIDs(d, MaxWants), haves: decodeIDs(d, MaxHaves), budget: d.Uvarint()}
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("want: %w", err)
	}
	return m, checkFeatures(Version, m.flags, wantFlags, m.extensions)
}

// pushMessage is the body of a push frame (PROTOCOL.md §3.3).
type pushMessage struct {
	version    uint64
	flags      uint64
	dataset    object.ID
	identities uint64 // identity frames that follow
	statements uint64 // statement frames that follow those
	extensions []extension
}

func (m *pushMessage) encode() []byte {
	var e object.Encoder
	e.Uvarint(m.version)
	e.Uvarint(m.flags)
	e.ID(m.dataset)
	e.Uvarint(m.identities)
	e.Uvarint(m.statements)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

func decodePush(body []byte) (*pushMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &pushMessage{version: d.Uvarint()}
	if d.Err() == nil && m.version != Version {
		return nil, checkFeatures(m.version, 0, 0, nil)
	}
	m.flags = d.Uvarint()
	m.dataset = d.ID()
	m.identities = uint64(d.Size(MaxIdentities))
	m.statements = uint64(d.Size(MaxLogs))
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("push request: %w", err)
	}
	return m, checkFeatures(m.version, m.flags, pushFlags, m.extensions)
}

// endStatus says why a run of objects ended.
type endStatus byte

const (
	endComplete endStatus = 0
	endBudget   endStatus = 1 // the budget was used up
	endMissing  endStatus = 2 // the sender lacks some of what was wanted

	maxEndStatus = endMissing
)

// endMessage is the body of an end frame (PROTOCOL.md §4.5).
type endMessage struct {
	status     endStatus
	objects    uint64 // object frames since the request or want
	missing    uint64 // wanted objects that the sender lacks
	extensions []extension
}

func (m *endMessage) encode() []byte {
	var e object.Encoder
	e.Byte(byte(m.status))
	e.Uvarint(m.objects)
	e.Uvarint(m.missing)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

func decodeEnd(body []byte) (*endMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &endMessage{status: endStatus(d.Byte()), objects: d.Uvarint(), missing: d.Uvarint()}
	if m.status > maxEndStatus {
		d.Fail("unknown status %d", m.status)
	}
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("end: %w", err)
	}
	return m, checkFeatures(Version, 0, 0, m.extensions)
}

// resultMessage is the body of a result frame: the push was taken.
type resultMessage struct {
	statements uint64 // statements that were new
	extensions []extension
}

// The tags of extensions.
const (
	tagContact = 1 // of a sync: the client's own contact
	tagRemark  = 1 // of a result: what it tells people
)

func (m *resultMessage) encode() []byte {
	var e object.Encoder
	e.Uvarint(m.statements)
	encodeExtensions(&e, m.extensions)
	return e.Body()
}

// remark returns what the server says to people, safe to print; "" is nothing.
func (m *resultMessage) remark() string {
	for _, x := range m.extensions {
		if x.tag == tagRemark {
			return wireText(string(x.data))
		}
	}
	return ""
}

func decodeResult(body []byte) (*resultMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &resultMessage{statements: d.Uvarint()}
	m.extensions = decodeExtensions(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return m, checkFeatures(Version, 0, 0, m.extensions)
}

// errorMessage is the body of an error frame (PROTOCOL.md §6).
type errorMessage struct {
	code Code
	text string
}

func (m *errorMessage) encode() []byte {
	var e object.Encoder
	e.Uvarint(uint64(m.code))
	e.Text(m.text)
	return e.Body()
}

func decodeError(body []byte) (*errorMessage, error) {
	d := object.NewBodyDecoder(body)
	m := &errorMessage{code: Code(d.Uvarint()), text: d.Text(maxErrorText)}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("error: %w", err)
	}
	return m, nil
}

// decodeObject takes an object frame apart (PROTOCOL.md §4.4). The entry's data
// is a part of the body.
func decodeObject(body []byte) (object.ID, entry.Entry, error) {
	d := object.NewBodyDecoder(body)
	id := d.ID()
	e, err := entry.Parse(d.Raw(d.Remaining()))
	if err := d.Close(); err != nil {
		return id, e, fmt.Errorf("object: %w", err)
	}
	if err != nil {
		return id, e, fmt.Errorf("object %s: %w", id.Short(), err)
	}
	return id, e, nil
}
