package main

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestLANAddresses(t *testing.T) {
	for given, want := range map[string]string{
		"":                                    "",
		"203.0.113.7 8.8.8.8 2001:db8::1":     "",
		"fe80::1 127.0.0.1 ::1":               "",
		"fd00::2 169.254.3.4 192.168.1.7":     "192.168.1.7 fd00::2 169.254.3.4",
		"10.0.0.1 203.0.113.7 172.17.0.1 ::1": "10.0.0.1 172.17.0.1",
	} {
		var all []netip.Addr
		for _, text := range strings.Fields(given) {
			all = append(all, netip.MustParseAddr(text))
		}
		before := slices.Clone(all)
		var got []string
		for _, a := range lanAddresses(all) {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != want || !slices.Equal(all, before) {
			t.Errorf("%s: %v, want %s", given, got, want)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for _, test := range []struct {
		scheme, host string
		port         int
		want         string
	}{
		{"https", "192.168.1.7", 8443, "https://192.168.1.7:8443"},
		{"https", "192.168.1.7", 443, "https://192.168.1.7"},
		{"https", "fd00::2", 443, "https://[fd00::2]"},
		{"https", "fd00::2", 8443, "https://[fd00::2]:8443"},
		{"http", "localhost", 80, "http://localhost"},
		{"http", "localhost", 443, "http://localhost:443"},
	} {
		if got := baseURL(test.scheme, test.host, test.port); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestTree(t *testing.T) {
	var out bytes.Buffer
	writeTree(&out, []limb{
		{"people", []branch{{"http://a", "one"}, {"http://a/longer", "two"}}},
		{"operators", []branch{{"http://b", "three"}}},
	})
	want := `├── people
│   ├── http://a         one
│   └── http://a/longer  two
└── operators
    └── http://b         three
`
	if out.String() != want {
		t.Errorf("\n%s\nwant\n%s", &out, want)
	}
}
