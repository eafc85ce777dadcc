package store

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// FuzzDecodeSession: whatever is decoded, is a session that is decoded again from
// what is encoded of it.
func FuzzDecodeSession(f *testing.F) {
	f.Add(encodeSession(fullSession(f)))
	f.Add(encodeSession(session.Session{}))
	f.Add([]byte{})
	f.Add([]byte{sessionSchema, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSession(b)
		if err != nil {
			return
		}
		if n := len(s.Scopes) + len(s.Required) + len(s.Nonces) + len(s.Log); n > len(b) {
			t.Fatalf("%d entries of %d bytes", n, len(b))
		}
		again, err := decodeSession(encodeSession(s))
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, again, s)
	})
}

func FuzzDecodeIdentity(f *testing.F) {
	cache := p256.NewCache(100)
	f.Add(encodeIdentity(fullIdentity(f)))
	f.Add(encodeIdentity(device.Identity{}))
	f.Add([]byte{identitySchema})
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := decodeIdentity(b, cache)
		if err != nil {
			return
		}
		again, err := decodeIdentity(encodeIdentity(i), cache)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, again, i)
	})
}

func FuzzParseHead(f *testing.F) {
	f.Add("1|0||challenge|service|body")
	f.Add("1|0|node|||")
	f.Add("|||||")
	f.Add("9223372036854775807|1|a|b|c|d|e")
	f.Fuzz(func(t *testing.T, value string) {
		h, body, ok := parseHead(value)
		if !ok {
			return
		}
		for _, member := range []string{h.holder, h.challenge, h.service} {
			if strings.Contains(member, "|") {
				t.Errorf("%q is a member of the head", member)
			}
		}
		again := strings.Join([]string{strconv.FormatUint(h.version, 10), strconv.FormatUint(h.number, 10), h.holder, h.challenge,
			h.service, body}, "|")
		if h2, body2, ok := parseHead(again); !ok || h2 != h || body2 != body {
			t.Errorf("%+v %q is read again as %+v %q", h, body, h2, body2)
		}
	})
}

// FuzzHear: nothing that is published under a node's name is believed unless it
// was made under the master secret.
func FuzzHear(f *testing.F) {
	st, err := Open(Address{Mode: Single, URL: "redis://127.0.0.1:1/0"}, Options{Prefix: "f", Master: master(f, 1), ResultTTL: time.Minute})
	check(f, err)
	f.Cleanup(func() { _ = st.Close() })
	// The same in all of the fuzzer's processes, though sealed anew in each.
	s, _ := session.Begin(session.Session{ID: "sess_AAAAAAAAAAAAAAAAAAAAAA", Service: "acme",
		ExpiresAt: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
	body, _ := st.sealSession(s)
	change, taken := changeHint(s.ID, s.Version)+body, st.takenHint(s.ID)+"12"
	for _, hint := range []string{change, taken, "", "p", "c", "t", "c|", "t|", "x" + change[1:], string(takenKind) + change[1:], taken[:40]} {
		f.Add(hint)
	}
	head := strings.TrimSuffix(taken, "12")
	f.Fuzz(func(t *testing.T, payload string) {
		hub := &listener{}
		bus := st.Bus()
		bus.hear(context.Background(), payload, hub)
		for _, x := range hub.takeovers() {
			if x.ID != s.ID || !strings.HasPrefix(payload, head[:len(head)-1]) {
				t.Errorf("a takeover of %q is believed", x.ID)
			}
		}
		for _, got := range hub.changes(t) {
			wantSame(t, got, s)
		}
	})
}

func FuzzStanding(f *testing.F) {
	f.Add("n", "3", "d:dev", "1700000000000,1,1,2,3")
	f.Add("f:acme", "1700000000000", "b:mark", "1")
	f.Add("d:", "x", "f:", "-9223372036854775808")
	f.Add("d:dev", "99999999999999999999,", "n", "-1")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		x := standing(map[string]string{name1: value1, name2: value2}, "dev")
		if len(x.Browsers)+len(x.Frozen) > 2 {
			t.Errorf("two fields make %+v", x)
		}
		if !x.Locked.IsZero() && name1 != "d:dev" && name2 != "d:dev" {
			t.Errorf("another device's fields lock this one: %+v", x)
		}
	})
}
