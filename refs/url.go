package refs

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/constl/constl/object"
)

const (
	scheme      = "constl"
	peerParam   = "peer"
	stateParam  = "state"
	mustPrefix  = "must-"
	maxURL      = 8 << 10
	maxURLPeers = 64
	maxHost     = 253
)

// Address is a peer and, if known, where it listens. Host is a DNS name or an IP
// address without brackets; it is empty, and Port 0, if only the peer is known.
type Address struct {
	Peer PeerID
	Host string
	Port uint16
}

// ParseAddress reads what [Address.String] writes, and IP addresses in any valid
// spelling. It fails with an error that wraps [ErrInvalidURL].
func ParseAddress(s string) (Address, error) {
	text, place, placed := strings.Cut(s, "@")
	peer, err := ParsePeerID(text)
	if err != nil {
		return Address{}, fmt.Errorf("%w: peer %q: %w", ErrInvalidURL, s, err)
	}
	a := Address{Peer: peer}
	if !placed {
		return a, nil
	}
	host, portText, err := net.SplitHostPort(place)
	if err != nil {
		return Address{}, fmt.Errorf("%w: %q is no HOST:PORT (an IPv6 address stands in brackets)", ErrInvalidURL, place)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 || strconv.FormatUint(port, 10) != portText {
		return Address{}, fmt.Errorf("%w: %q is no port from 1 to 65535", ErrInvalidURL, portText)
	}
	a.Port = uint16(port)
	ip, err := netip.ParseAddr(host)
	if err == nil {
		a.Host = ip.String()
		return a, checkZone(ip)
	}
	if strings.HasPrefix(place, "[") || !validHost(host) {
		return Address{}, fmt.Errorf("%w: %q is no host name or IP address", ErrInvalidURL, host)
	}
	a.Host = strings.ToLower(host)
	return a, nil
}

// String returns PEER or PEER@HOST:PORT, with IPv6 addresses in brackets.
func (a Address) String() string {
	if a.Host == "" {
		return a.Peer.String()
	}
	return a.Peer.String() + "@" + net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// checkZone keeps zones to what names of network interfaces need.
func checkZone(ip netip.Addr) error {
	for _, c := range []byte(ip.Zone()) {
		if !isAlphanumeric(c) && !strings.ContainsRune("-_.:~", rune(c)) {
			return fmt.Errorf("%w: the zone %q of an IP address", ErrInvalidURL, ip.Zone())
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// validHost keeps to the names of RFC 1123, underscores allowed, whose last
// label is no number, since that would be a broken IPv4 address.
func validHost(s string) bool {
	if s == "" || len(s) > maxHost {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !isAlphanumeric(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	_, err := strconv.Atoi(labels[len(labels)-1])
	return err != nil
}

// URL is the address of a dataset: its id and peers who are likely to have it.
//
//	constl://DATASET_ID?peer=PEER_ID@HOST:PORT&state=CHECKPOINT
//
// The slices and the map belong to whoever made the value.
type URL struct {
	Dataset object.ID
	Peers   []Address
	// State is how far the dataset had come; nil if the address does not say.
	State *Checkpoint
	// Other holds the parameters that this version does not know, so that an
	// address passes through it unchanged.
	Other url.Values
}

// ParseURL reads the address of a dataset, as [URL.String] or [URL.Compact] writes
// it. Parameters that it does not know are kept in Other, but for those whose name
// begins with "must-": an address with one is refused, since it asks for a
// protection that could not be given. It fails with an error that wraps
// [ErrInvalidURL], or [ErrNewerFormat].
func ParseURL(s string) (URL, error) {
	if len(s) > maxURL {
		return URL{}, fmt.Errorf("%w: it has %d characters, at most %d are allowed", ErrInvalidURL, len(s), maxURL)
	}
	if IsURL(s) && !strings.HasPrefix(s[len(scheme)+1:], "/") {
		return parseCompact(s)
	}
	rest, ok := strings.CutPrefix(s, scheme+"://")
	if !ok {
		return URL{}, fmt.Errorf("%w %q: expected %s://DATASET_ID?peer=PEER_ID@HOST:PORT", ErrInvalidURL, s, scheme)
	}
	if strings.ContainsRune(rest, '#') {
		return URL{}, fmt.Errorf("%w %q: nothing may stand after a #", ErrInvalidURL, s)
	}
	idText, query, _ := strings.Cut(rest, "?")
	dataset, err := object.ParseID(strings.TrimSuffix(idText, "/"))
	if err != nil {
		return URL{}, fmt.Errorf("%w: the dataset's id %q: %w", ErrInvalidURL, idText, err)
	}
	if dataset.IsZero() {
		return URL{}, fmt.Errorf("%w: the dataset's id is zero", ErrInvalidURL)
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return URL{}, fmt.Errorf("%w %q: %w", ErrInvalidURL, s, err)
	}
	u := URL{Dataset: dataset}
	for _, text := range params[peerParam] {
		a, err := ParseAddress(text)
		if err != nil {
			return URL{}, err
		}
		if !slices.Contains(u.Peers, a) {
			u.Peers = append(u.Peers, a)
		}
	}
	if len(u.Peers) > maxURLPeers {
		return URL{}, fmt.Errorf("%w: %d peers, at most %d are allowed", ErrInvalidURL, len(u.Peers), maxURLPeers)
	}
	delete(params, peerParam)
	if states := params[stateParam]; len(states) > 1 {
		return URL{}, fmt.Errorf("%w: it gives more than one state", ErrInvalidURL)
	} else if len(states) == 1 {
		if u.State, err = ParseCheckpoint(states[0]); err != nil {
			return URL{}, err
		}
	}
	delete(params, stateParam)
	for name := range params {
		if strings.HasPrefix(name, mustPrefix) {
			return URL{}, fmt.Errorf("%w: it demands %q, which this version does not know; update constl", ErrInvalidURL, name)
		}
	}
	if len(params) > 0 {
		u.Other = params
	}
	return u, nil
}

// String returns the address: the peers in their order, then the other
// parameters sorted by name.
func (u URL) String() string {
	var params []string
	for _, a := range u.Peers {
		// Of what an address can hold only the % before a zone needs escaping.
		params = append(params, peerParam+"="+strings.ReplaceAll(a.String(), "%", "%25"))
	}
	rest := maps.Clone(u.Other)
	if u.State != nil {
		if rest == nil {
			rest = make(url.Values)
		}
		rest.Set(stateParam, u.State.String())
	}
	if len(rest) > 0 {
		params = append(params, rest.Encode())
	}
	text := scheme + "://" + u.Dataset.String()
	if len(params) > 0 {
		text += "?" + strings.Join(params, "&")
	}
	return text
}
