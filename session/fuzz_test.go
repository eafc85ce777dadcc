package session

import (
	"strings"
	"testing"
	"time"
)

// A well-formed id has one form: prefix and 22 characters that mean 16 bytes.
func FuzzID(f *testing.F) {
	good := string(NewID())
	for _, s := range []string{good, "", "sess_", good[1:], good + "A", "tok_" + good[5:], "sess_" + strings.Repeat("A", 21) + "B",
		"sess_" + strings.Repeat("A", 20) + "\n\n", "sess_" + strings.Repeat("A", 20) + "==", "sess_" + strings.Repeat("+", 22), "SESS_" + good[5:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !ID(s).WellFormed() {
			return
		}
		rest := strings.TrimPrefix(s, "sess_")
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		if len(s) != 27 || strings.Trim(rest, alphabet) != "" || !strings.ContainsAny(rest[21:], "AQgw") {
			t.Errorf("%q is well formed", s)
		}
	})
}

func TestIDForms(t *testing.T) {
	good := NewID()
	if !good.WellFormed() || good == NewID() {
		t.Errorf("%s and another", good)
	}
	for _, bad := range []ID{"", "sess_", good + "A", good[:26], "tok_" + good[5:], "sess_" + ID(strings.Repeat("A", 20)+"\n\n"), "sess_" + ID(strings.Repeat("A", 21)+"B")} {
		if bad.WellFormed() {
			t.Errorf("%q is well formed", bad)
		}
	}
}

// A scan that is accepted is the one that the page drew.
func FuzzScan(f *testing.F) {
	r := newRig(f)
	s := Session{ID: "sess_AAECAwQFBgcICQoLDA0ODw", Secret: r.svc.Secrets.Master.First(), CreatedAt: r.clock.now()}
	now := s.CreatedAt.Add(10 * time.Second)
	for _, t := range []int64{4, 5, 10, 12, 13, -1} {
		f.Add(r.scanAt(s, t))
	}
	f.Add("+10:" + QRCode(r.svc.Secrets.QRKey(s), s.ID, 10))
	f.Add("h:AAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, scan string) {
		if !r.svc.Secrets.goodScan(s, scan, r.svc.Window, now) {
			return
		}
		for at := int64(5); at <= 12; at++ {
			if scan == r.scanAt(s, at) {
				return
			}
		}
		t.Errorf("%q counts at 10 s", scan)
	})
}
