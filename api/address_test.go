package api

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestCaller(t *testing.T) {
	h := &Handler{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	type head map[string][]string
	for _, x := range []struct {
		what, peer string
		head       head
		want       string
	}{
		{"no proxy", "203.0.113.1:4711", nil, "203.0.113.1"},
		{"an untrusted peer's header", "203.0.113.1:4711", head{"X-Forwarded-For": {"192.0.2.1"}}, "203.0.113.1"},
		{"an untrusted peer's Forwarded", "203.0.113.1:4711", head{"Forwarded": {"for=192.0.2.1"}}, "203.0.113.1"},
		{"a proxy", "10.0.0.1:1", head{"X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		{"a proxy over IPv6", "[fd00::1%eth0]:1", head{"X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		{"a mapped proxy", "[::ffff:10.0.0.1]:1", head{"X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		{"two proxies", "10.0.0.1:1", head{"X-Forwarded-For": {"192.0.2.1, 10.0.0.2"}}, "192.0.2.1"},
		{"what the client wrote first", "10.0.0.1:1", head{"X-Forwarded-For": {"198.51.100.1, 192.0.2.1"}}, "192.0.2.1"},
		{"two lines", "10.0.0.1:1", head{"X-Forwarded-For": {"198.51.100.1", "192.0.2.1"}}, "192.0.2.1"},
		{"proxies alone", "10.0.0.1:1", head{"X-Forwarded-For": {"10.0.0.3, 10.0.0.2"}}, "10.0.0.3"},
		{"not an address", "10.0.0.1:1", head{"X-Forwarded-For": {"192.0.2.1, unknown"}}, "10.0.0.1"},
		{"empty", "10.0.0.1:1", head{"X-Forwarded-For": {""}}, "10.0.0.1"},
		{"Forwarded", "10.0.0.1:1", head{"Forwarded": {`proto=https; For="[2001:db8::1]:4711";by=x`}}, "2001:db8::1"},
		{"Forwarded, hidden", "10.0.0.1:1", head{"Forwarded": {`for=192.0.2.1, for=_secret`}}, "10.0.0.1"},
		{"Forwarded, broken quotes", "10.0.0.1:1", head{"Forwarded": {`for="x, for=192.0.2.1`}}, "192.0.2.1"},
		{"both, agreed", "10.0.0.1:1", head{"Forwarded": {"for=192.0.2.1"}, "X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		{"both, one of them the client's", "10.0.0.1:1", head{"Forwarded": {"for=198.51.100.1"}, "X-Forwarded-For": {"192.0.2.1"}}, "10.0.0.1"},
		{"zone", "10.0.0.1:1", head{"X-Forwarded-For": {"fe80::1%evil"}}, "fe80::1"},
	} {
		if got := h.caller(&http.Request{RemoteAddr: x.peer, Header: http.Header(x.head)}); got.String() != x.want {
			t.Errorf("%s: %s, want %s", x.what, got, x.want)
		}
	}
	if got := h.caller(&http.Request{RemoteAddr: "@"}); got.IsValid() {
		t.Errorf("no address: %s", got)
	}
}

func TestCountedAs(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::1": "::"} {
		if got := countedAs(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"192.0.2.1", `for="[2001:db8::1]:4711";proto=https, for=10.0.0.2`, "unknown", "", `for="`, "10.0.0.1, 10.0.0.2", "fe80::1%x"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, forwarded, xForwarded string) {
		head := http.Header{"Forwarded": {forwarded}, "X-Forwarded-For": {xForwarded}}
		stranger := &Handler{}
		if got := stranger.caller(&http.Request{RemoteAddr: "192.0.2.7:1", Header: head}); got.String() != "192.0.2.7" {
			t.Errorf("an untrusted peer became %s", got)
		}
		proxy := &Handler{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
		got := proxy.caller(&http.Request{RemoteAddr: "10.0.0.1:1", Header: head})
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("caller %v", got)
		}
		if again, err := netip.ParseAddr(countedAs(got)); err != nil || countedAs(again) != countedAs(got) {
			t.Errorf("%s is counted as %s", got, countedAs(got))
		}
	})
}
