package refs

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/constl/constl/object"
)

// compactLevel is the level of compact addresses that is written, and the only one
// that is read.
const compactLevel = 1

// How a compact address says where a peer listens (FORMAT.md §7.1).
const (
	placeUnknown = 0
	placeIPv4    = 1
	placeIPv6    = 2
	placeText    = 3 // a DNS name, or an IPv6 address with a zone
)

// IsURL reports whether a text is meant as the address of a dataset, in either form.
func IsURL(s string) bool {
	const prefix = scheme + ":"
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// Compact returns the address in its compact form, of capital letters, digits and a
// colon alone, so that it makes a small QR code. [ParseURL] reads it.
func (u URL) Compact() string {
	var e object.Encoder
	e.Byte(compactLevel)
	e.Raw(u.Dataset[:])
	e.Uvarint(uint64(len(u.Peers)))
	for _, a := range u.Peers {
		a.encode(&e)
	}
	var state []byte
	if u.State != nil {
		state = u.State.encode()
	}
	e.Bytes(state)
	pairs := u.others()
	e.Uvarint(uint64(len(pairs)))
	for _, p := range pairs {
		e.Bytes([]byte(p[0]))
		e.Bytes([]byte(p[1]))
	}
	return strings.ToUpper(scheme + ":" + peerText.EncodeToString(e.Body()))
}

// others returns the parameters that this version does not know, sorted by name.
func (u URL) others() [][2]string {
	var pairs [][2]string
	for name, values := range u.Other {
		for _, value := range values {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	slices.SortStableFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return pairs
}

func (a Address) encode(e *object.Encoder) {
	e.Raw(a.Peer[:])
	ip, err := netip.ParseAddr(a.Host)
	switch {
	case a.Host == "":
		e.Byte(placeUnknown)
		return
	case err == nil && ip.Is4():
		e.Byte(placeIPv4)
		e.Raw(ip.AsSlice())
	case err == nil && ip.Zone() == "":
		e.Byte(placeIPv6)
		e.Raw(ip.AsSlice())
	default:
		e.Byte(placeText)
		e.Text(a.Host)
	}
	e.Uvarint(uint64(a.Port))
}

func decodeAddress(d *object.Decoder) Address {
	a := Address{Peer: PeerID(takeRaw(d, len(PeerID{})))}
	switch place := d.Byte(); place {
	case placeUnknown:
		return a
	case placeIPv4:
		a.Host = netip.AddrFrom4([4]byte(takeRaw(d, 4))).String()
	case placeIPv6:
		a.Host = netip.AddrFrom16([16]byte(takeRaw(d, 16))).String()
	case placeText:
		a.Host = d.Text(maxHost)
	default:
		d.Fail("an address of kind %d", place)
	}
	a.Port = uint16(d.Size(1<<16 - 1))
	return a
}

// parseCompact reads the compact form, in capital or small letters.
func parseCompact(s string) (URL, error) {
	text := strings.ToLower(s[len(scheme)+1:])
	data, err := peerText.DecodeString(text)
	if err != nil || peerText.EncodeToString(data) != text {
		return URL{}, fmt.Errorf("%w: expected %s://DATASET_ID?peer=PEER_ID@HOST:PORT, or what a QR code of constl says", ErrInvalidURL, scheme)
	}
	d := object.NewBodyDecoder(data)
	if level := d.Byte(); d.Err() == nil && level != compactLevel {
		return URL{}, fmt.Errorf("%w: the address has level %d", ErrNewerFormat, level)
	}
	u := URL{Dataset: object.ID(takeRaw(d, object.IDSize))}
	for range d.Count(len(PeerID{}) + 1) {
		u.Peers = append(u.Peers, decodeAddress(d))
	}
	state := d.Bytes(maxURL)
	for range d.Count(2) {
		name, value := d.Bytes(maxURL), d.Bytes(maxURL)
		if u.Other == nil {
			u.Other = make(url.Values)
		}
		u.Other.Add(string(name), string(value))
	}
	if err := d.Close(); err != nil {
		return URL{}, fmt.Errorf("%w: it is cut, or a letter of it is wrong (%v)", ErrInvalidURL, err)
	}
	if len(state) > 0 {
		if u.State, err = decodeCheckpoint(state); err != nil {
			return URL{}, err
		}
	}
	// Whatever the long form would not say is no address, and has one spelling alone.
	long, err := ParseURL(u.String())
	if err != nil {
		return URL{}, err
	}
	if long.Compact() != strings.ToUpper(s) {
		return URL{}, fmt.Errorf("%w: another spelling of %s", ErrInvalidURL, long)
	}
	return long, nil
}
