package notify

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// timeout is how long a receiver may take, from the connection to the last byte.
const timeout = 5 * time.Second

// errAddress says that a name leads to an address that is not to be reached.
var errAddress = errors.New("notify: not a public address")

// Client makes the client that requests to other people's servers leave by. It
// connects to public addresses alone, and to those of allow; which they are is
// looked at when the connection is made, so no name can lead elsewhere between a
// check and its use. It follows no redirect, uses no proxy, keeps no cookies and
// waits 5 s.
func Client(allow []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !reachable(at.Addr(), allow) {
			return errAddress
		}
		return nil
	}}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, MaxIdleConns: 32, MaxIdleConnsPerHost: 2,
			IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// MayReach says whether a URL leads to where [Client] connects, as far as it shows:
// a name may lead anywhere.
func MayReach(uri string, allow []netip.Prefix) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	a, err := netip.ParseAddr(host)
	return err != nil || reachable(a, allow)
}

// reachable says whether an address is public, or allowed.
func reachable(a netip.Addr, allow []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Contains(a) }) ||
		!slices.ContainsFunc(special(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// special are the networks that are not the public Internet, by the registries
// of IANA (RFC 6890), and those that carry an IPv4 address inside, by which each
// of the others could be reached.
func special() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7",
		"fe80::/10", "fec0::/10", "ff00::/8",
	} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}
