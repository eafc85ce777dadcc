package inspector

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/audit"
)

const aSession, another = "sess_0123456789abcdefghijkl", "sess_ABCDEFGHIJKLMNOPQRSTUV"

// entries gives all that is kept, decoded.
func entries(t *testing.T, i *Inspector) (out []entry) {
	t.Helper()
	all, _, _ := i.after(0, 2*ringLength)
	for _, k := range all {
		var e entry
		if err := json.Unmarshal(k.json, &e); err != nil {
			t.Fatalf("%s: %v", k.json, err)
		}
		if e.ID != k.number {
			t.Fatalf("entry %d is kept as %d", e.ID, k.number)
		}
		out = append(out, e)
	}
	return out
}

// only gives the one entry there is.
func only(t *testing.T, i *Inspector) entry {
	t.Helper()
	all := entries(t, i)
	if len(all) != 1 {
		t.Fatalf("%d entries: %+v", len(all), all)
	}
	return all[0]
}

// The newest entries are kept and no more; a reader learns what it has missed.
func TestRing(t *testing.T) {
	i := New()
	for n := range ringLength + 500 {
		i.Message(aSession, n+1, []byte("{}"))
	}
	all, missed, _ := i.after(0, 2*ringLength)
	if len(all) != ringLength || missed != 500 || len(i.ring) != ringLength {
		t.Fatalf("%d entries of %d, %d missed", len(all), len(i.ring), missed)
	}
	for n, e := range entries(t, i) {
		if want := uint64(501 + n); e.ID != want || e.Message.ID != int(want) {
			t.Fatalf("entry %d is %d, of message %d", want, e.ID, e.Message.ID)
		}
	}
	for _, c := range []struct {
		after         uint64
		most          int
		first, number uint64
		missed        uint64
	}{{2499, 10, 2500, 1, 0}, {2500, 10, 0, 0, 0}, {500, 10, 501, 10, 0}, {499, 10, 501, 10, 1}, {2000, 1000, 2001, 500, 0}} {
		got, missed, changed := i.after(c.after, c.most)
		if uint64(len(got)) != c.number || missed != c.missed || len(got) > 0 && got[0].number != c.first {
			t.Errorf("after %d: %d entries, %d missed", c.after, len(got), missed)
		}
		select {
		case <-changed:
			t.Error("changed without a change")
		default:
		}
	}
}

func TestEvents(t *testing.T) {
	i := New()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600))
	if err := i.Record(t.Context(), audit.Event{Time: at, Kind: audit.SessionClaimed, Session: aSession, Service: "demo", Token: "tok", Device: "dev",
		Address: "192.0.2.1", Detail: "word"}); err != nil {
		t.Fatal(err)
	}
	e := only(t, i)
	want := auditEvent{Kind: "session.claimed", Time: "2026-01-02T02:04:05.006Z", Session: aSession, Service: "demo", Token: "tok", Device: "dev",
		Address: "192.0.2.1", Detail: "word"}
	if e.Kind != kindEvent || *e.Event != want || fmt.Sprint(e.Sessions) != "["+aSession+"]" {
		t.Errorf("%+v, %+v", e, e.Event)
	}
}

// The bytes that were signed are kept as they are, and whose session they are of.
func TestSigned(t *testing.T) {
	i := New()
	signed := []byte("countersign-claim-v1\nhttps://login.example\n" + aSession + "\n\xff\x00")
	i.Signed(signed, false)
	sum := sha256.Sum256(signed)
	want := hex.EncodeToString(sum[:])
	signed[0] = 'X' // the caller's again
	e := only(t, i)
	if e.Signed.Good || e.Signed.SHA256 != want || !bytes.HasPrefix(e.Signed.Bytes, []byte("count")) || !bytes.HasSuffix(e.Signed.Bytes, []byte("\n\xff\x00")) {
		t.Errorf("%+v", e.Signed)
	}
	if fmt.Sprint(e.Sessions) != "["+aSession+"]" {
		t.Errorf("sessions %v", e.Sessions)
	}
}

func TestFrames(t *testing.T) {
	i := New()
	long := []byte(`"` + strings.Repeat("a", bodyLength))
	i.Message(aSession, 3, long)
	i.Device("tok", "dev", []byte(`{"type":"session","sessionId":"`+another+`"}`))
	all := entries(t, i)
	m, d := all[0].Message, all[1].Device
	if m.ID != 3 || m.Session != aSession || !m.Frame.Cut || m.Frame.Text != string(long[:bodyLength]) {
		t.Errorf("%d of %s, %d bytes, cut %v", m.ID, m.Session, len(m.Frame.Text), m.Frame.Cut)
	}
	if d.Token != "tok" || d.Device != "dev" || d.Frame.Cut || fmt.Sprint(all[1].Sessions) != "["+another+"]" {
		t.Errorf("%+v of %v", d, all[1].Sessions)
	}
}

func TestSessionsIn(t *testing.T) {
	var many []byte
	for n := range 2 * manySession {
		many = fmt.Appendf(many, "sess_%022d ", n)
	}
	for _, c := range []struct {
		in   [][]byte
		want int
	}{{nil, 0}, {[][]byte{[]byte("/s/" + aSession), []byte(aSession), nil}, 1}, {[][]byte{[]byte(aSession + another)}, 2},
		{[][]byte{[]byte("sess_short"), []byte("session")}, 0}, {[][]byte{many, many}, manySession}} {
		if got := sessionsIn(c.in...); len(got) != c.want {
			t.Errorf("%d sessions in %s", len(got), c.in)
		}
	}
}

func TestMask(t *testing.T) {
	const initiate, events = "/auth/initiate", "/auth/session/" + aSession + "/events"
	for _, c := range []struct{ name, value, path, want string }{
		{"Authorization", "Basic c2hvcDpzM2NyM3Q=", initiate, "Basic shop:••••"},
		{"Authorization", "basic c2hvcDpzM2NyM3Q=", events, "basic shop:••••"},
		{"Authorization", "Basic s3cr3t", initiate, "Basic ••••"},
		{"Authorization", "Basic czNjcjN0", initiate, "Basic ••••"}, // "s3cr3t", without a colon
		{"Authorization", "s3cr3t", initiate, "••••"},
		{"Authorization", "Bearer s3cr3t", "/admin/sessions", "Bearer ••••"},
		{"Authorization", "DPoP s3cr3t", events, "DPoP ••••"},
		{"Authorization", "Bearer wsToken", events, "Bearer wsToken"},
		{"Proxy-Authorization", "Basic c2hvcDpzM2NyM3Q=", initiate, "••••"},
		{"Cookie", "__Host-login=s3cr3t; lang=s3cr3t=;s3cr3t", initiate, "__Host-login=••••; lang=••••; ••••"},
		{"Set-Cookie", "__Host-login=s3cr3t; Path=/; Secure", initiate, "__Host-login=••••; Path=/; Secure"},
		{"Set-Cookie", "s3cr3t", initiate, "••••"},
		{"Origin", "https://bank.example", initiate, "https://bank.example"},
	} {
		if got := mask(c.name, c.value, c.path); got != c.want {
			t.Errorf("%s: %s is shown as %s, want %s", c.name, c.value, got, c.want)
		}
	}
}

// Nothing that is masked is anywhere in what is kept.
func TestMaskedEverywhere(t *testing.T) {
	i := New()
	h := i.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "login", Value: "s3cr3t"})
		w.Header().Set("X-Other", "s3cr3t")
	}))
	r := httptest.NewRequest(http.MethodPost, "/auth/initiate", strings.NewReader("client_secret=s3cr3t"))
	r.SetBasicAuth("shop", "s3cr3t")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "login=s3cr3t")
	r.Header.Set("X-Other", "s3cr3t")
	h.ServeHTTP(httptest.NewRecorder(), r)
	all, _, _ := i.after(0, 10)
	if len(all) != 1 || bytes.Contains(all[0].json, []byte("s3cr3t")) || bytes.Contains(all[0].json, []byte("czNjcjN0")) {
		t.Errorf("%+v", all)
	}
	if !bytes.Contains(all[0].json, []byte(`["Authorization","Basic shop:••••"]`)) || !bytes.Contains(all[0].json, []byte(`["Cookie","login=••••"]`)) {
		t.Errorf("the names are not shown: %s", all[0].json)
	}
}

// An inspector that is none records nothing and changes nothing.
func TestNil(t *testing.T) {
	var i *Inspector
	i.Message("", 0, nil)
	i.Device("", "", nil)
	i.Signed(nil, true)
	if err := i.Record(context.Background(), audit.Event{}); err != nil {
		t.Error(err)
	}
	called := errors.New("not called")
	i.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = nil })).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if called != nil {
		t.Error(called)
	}
}
