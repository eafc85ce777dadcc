package notify

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestReachable(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"} {
		if !reachable(netip.MustParseAddr(public), nil) {
			t.Errorf("%s is public", public)
		}
	}
	for _, special := range []string{
		"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1",
		"198.51.100.7", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
		"2002:7f00:1::", "2001:db8::1", "2001::1", "fc00::1", "fd12::1", "fe80::1%eth0", "fec0::1", "ff02::1",
	} {
		if reachable(netip.MustParseAddr(special), nil) {
			t.Errorf("%s is not public", special)
		}
	}
	allow := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd12::/16")}
	for address, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.0.0.1": true, "fd12::1": true, "127.0.0.1": false, "fd13::1": false} {
		if got := reachable(netip.MustParseAddr(address), allow); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestMayReach(t *testing.T) {
	t.Parallel()
	allow := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for uri, want := range map[string]bool{
		"": true, "https://bank.example/x": true, "https://10.0.0.1/": true, "https://1.1.1.1:8443/": true,
		"https://192.168.0.1/": false, "http://localhost:80/": false, "https://[::1]/": false, "https://[fd12::1]:1/": false, "%": false,
	} {
		if got := MayReach(uri, allow); got != want {
			t.Errorf("%q: %v", uri, got)
		}
	}
}

// Where a name leads is looked at when the connection is made.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	hit := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit = true }))
	defer s.Close()
	for _, address := range []string{s.URL, "http://localhost" + s.URL[len("http://127.0.0.1"):]} {
		resp, err := Client(nil).Get(address)
		if !errors.Is(err, errAddress) {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
	if hit {
		t.Error("it was reached")
	}
}

func TestClientFollowsNothing(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	resp, err := Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("%d", resp.StatusCode)
	}
}
