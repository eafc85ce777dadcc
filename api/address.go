package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// caller is where a request comes from: the peer, or what trusted proxies say.
// Most proxies write one of the two headers and let the other pass as the
// client sent it. So where both are there and say different things, neither
// counts, and the peer is the caller.
func (h *Handler) caller(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	forwarded, xForwarded := forwarded(r.Header), xForwardedFor(r.Header)
	a, b := h.follow(addr, forwarded), h.follow(addr, xForwarded)
	switch {
	case len(forwarded) == 0:
		return b
	case len(xForwarded) == 0 || a == b:
		return a
	}
	return addr
}

// follow reads a list of addresses from its end, because proxies append the
// address they were called from, for as long as the one who wrote an entry is
// trusted.
func (h *Handler) follow(addr netip.Addr, list []string) netip.Addr {
	for _, entry := range slices.Backward(list) {
		if !h.trusted(addr) {
			break
		}
		next, ok := parseForwarded(entry)
		if !ok {
			break // whatever it means, it is not an address to count
		}
		addr = next
	}
	return addr
}

func (h *Handler) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(h.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forwarded gives the entries of Forwarded (RFC 7239), oldest first.
func forwarded(head http.Header) (out []string) {
	values := head.Values("Forwarded")
	if len(values) == 0 {
		return nil
	}
	for _, element := range strings.Split(strings.Join(values, ","), ",") {
		entry := "unknown"
		for _, pair := range strings.Split(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(name, "for") {
				entry = strings.Trim(value, `"`)
			}
		}
		out = append(out, entry)
	}
	return out
}

// xForwardedFor gives the entries of X-Forwarded-For, oldest first.
func xForwardedFor(head http.Header) (out []string) {
	for _, v := range head.Values("X-Forwarded-For") {
		out = append(out, strings.Split(v, ",")...)
	}
	return out
}

// parseForwarded reads an address with or without port, IPv6 with or without
// brackets.
func parseForwarded(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// countedAs is the address that limits count: an IPv4 address or an IPv6 /64,
// because one customer has at least that much of the latter.
func countedAs(a netip.Addr) string {
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.Addr().String()
		}
	}
	return a.String()
}
