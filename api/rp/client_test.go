package rp_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"countersign/api/rp"
)

const startedAnswer = `{"sessionId":"sess_1","autoPassword":"482913","wsToken":"w","random":"0123456789abcdef0123456789abcdef",` +
	`"expiresAt":"2026-01-01T12:02:00Z","wsUrl":"ws://x","qrKey":"k","qrUrl":"u","mode":"scan","later":{"random":1}}`

// server answers every request alike and remembers the last one.
type server struct {
	*httptest.Server
	request *http.Request
	body    string
}

func answering(t *testing.T, status int, body string, head ...string) (*rp.Client, *server) {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.request, s.body = r, string(b)
		for i := 0; i+1 < len(head); i += 2 {
			w.Header().Set(head[i], head[i+1])
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return &rp.Client{Issuer: s.URL, ServiceID: "bank", Secret: "hunter2", HTTP: s.Client()}, s
}

func TestStart(t *testing.T) {
	c, s := answering(t, http.StatusOK, startedAnswer)
	started, err := c.Start(t.Context(), rp.Start{TokenID: "tok_1", Scopes: []string{}, Mode: "enter", Challenge: "ch", ClientNonce: "cn", IdempotencyKey: "ik",
		Operation: &rp.Operation{Name: "authorize_payment", Data: "A1*A1CZK", Form: map[string]string{"title": "Pay <1>"}},
		Requester: &rp.Requester{IP: "192.0.2.1", UserAgent: "Firefox"}})
	if err != nil {
		t.Fatal(err)
	}
	id, secret, _ := s.request.BasicAuth()
	if s.request.URL.Path != "/auth/initiate" || s.request.Method != http.MethodPost || id != "bank" || secret != "hunter2" ||
		s.request.Header.Get("Idempotency-Key") != "ik" || s.request.Header.Get("Content-Type") != "application/json" {
		t.Errorf("sent %v", s.request)
	}
	var got, want any
	if json.Unmarshal([]byte(s.body), &got) != nil || json.Unmarshal([]byte(`{"tokenId":"tok_1","scopes":[],"mode":"enter","challenge":"ch","clientNonce":"cn",
		"operation":{"name":"authorize_payment","data":"A1*A1CZK","form":{"title":"Pay <1>"}},"requester":{"ip":"192.0.2.1","userAgent":"Firefox"}}`), &want) != nil ||
		fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent %s", s.body)
	}
	if started.SessionID != "sess_1" || started.Random != "0123456789abcdef0123456789abcdef" || !started.ExpiresAt.Equal(noon().Add(2*time.Minute)) {
		t.Errorf("got %q %s", started.SessionID, started.ExpiresAt)
	}
	var page map[string]any
	if err := json.Unmarshal(started.ForPage(), &page); err != nil || len(page) != 9 || page["random"] != nil || page["wsToken"] != "w" || page["later"] == nil {
		t.Errorf("for the page: %s", started.ForPage())
	}
	if strings.Contains(string(started.ForPage()), started.Random) {
		t.Error("the page is told random")
	}
}

// The zero Start sends nothing but who asks.
func TestStartOfNobody(t *testing.T) {
	c, s := answering(t, http.StatusOK, startedAnswer)
	if _, err := c.Start(t.Context(), rp.Start{}); err != nil || s.body != "{}" || s.request.Header.Values("Idempotency-Key") != nil {
		t.Errorf("%v, sent %s", err, s.body)
	}
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		head   []string
		want   rp.Problem
	}{
		{429, `{"code":"rate_limited","detail":"slow down"}`, []string{"Retry-After", "7"}, rp.Problem{Status: 429, Code: "rate_limited", Detail: "slow down", RetryAfter: 7 * time.Second}},
		{401, `{"code":"service_auth_failed","detail":"wrong"}`, nil, rp.Problem{Status: 401, Code: "service_auth_failed", Detail: "wrong"}},
		{502, `<html>`, []string{"Retry-After", "Wed"}, rp.Problem{Status: 502}},
		{307, ``, []string{"Location", "/elsewhere"}, rp.Problem{Status: 307}},
	} {
		c, s := answering(t, tc.status, tc.body, tc.head...)
		_, err := c.Start(t.Context(), rp.Start{})
		var p *rp.Problem
		if !errors.As(err, &p) || *p != tc.want {
			t.Errorf("got %v, want %+v", err, tc.want)
		}
		if s.request.URL.Path != "/auth/initiate" {
			t.Errorf("went on to %s", s.request.URL.Path)
		}
	}
	for _, body := range []string{"", "[]", "{}", `{"sessionId":"sess_1"}`, `{"random":"x"}`} {
		c, _ := answering(t, http.StatusOK, body)
		if _, err := c.Start(t.Context(), rp.Start{}); err == nil {
			t.Errorf("%s is taken for a session", body)
		}
	}
}

// Nothing that a log may print shows a secret.
func TestPrinting(t *testing.T) {
	c, _ := answering(t, http.StatusOK, startedAnswer)
	started, err := c.Start(t.Context(), rp.Start{})
	if err != nil {
		t.Fatal(err)
	}
	c.Issuer = "http://127.0.0.1:1"
	_, err = c.Start(t.Context(), rp.Start{})
	out := fmt.Sprintf("%v %+v %#v %s %v %v", c, *c, *c, started, started, err)
	for _, secret := range []string{"hunter2", started.Random, "482913"} {
		if strings.Contains(out, secret) {
			t.Errorf("%s shows %s", out, secret)
		}
	}
	if !strings.Contains(out, "rp.Client(bank)") || !strings.Contains(out, "rp.Started(sess_1)") {
		t.Error(out)
	}
}

// The vectors were made by another implementation.
func TestVerifyHash(t *testing.T) {
	b, err := os.ReadFile("testdata/hash.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Hash []struct{ ResponseKey, SessionID, Random, JWT, ExpiresAt, Hash string }
	}
	if err := json.Unmarshal(b, &file); err != nil || len(file.Hash) == 0 {
		t.Fatal(err)
	}
	for _, v := range file.Hash {
		key, err := base64.RawURLEncoding.DecodeString(v.ResponseKey)
		if err != nil {
			t.Fatal(err)
		}
		if !rp.VerifyHash(key, v.SessionID, v.Random, v.JWT, v.ExpiresAt, v.Hash) {
			t.Errorf("%s is refused", v.Hash)
		}
		flipped := append([]byte{key[0] ^ 1}, key[1:]...)
		for name, bad := range map[string]bool{
			"key":       rp.VerifyHash(flipped, v.SessionID, v.Random, v.JWT, v.ExpiresAt, v.Hash),
			"no key":    rp.VerifyHash(nil, v.SessionID, v.Random, v.JWT, v.ExpiresAt, v.Hash),
			"session":   rp.VerifyHash(key, v.SessionID+"A", v.Random, v.JWT, v.ExpiresAt, v.Hash),
			"random":    rp.VerifyHash(key, v.SessionID, v.Random[1:], v.JWT, v.ExpiresAt, v.Hash),
			"jwt":       rp.VerifyHash(key, v.SessionID, v.Random, v.JWT+"A", v.ExpiresAt, v.Hash),
			"expiresAt": rp.VerifyHash(key, v.SessionID, v.Random, v.JWT, "2026-01-01T01:00:01Z", v.Hash),
			"hash":      rp.VerifyHash(key, v.SessionID, v.Random, v.JWT, v.ExpiresAt, v.Hash[:42]+"B"),
			"padding":   rp.VerifyHash(key, v.SessionID, v.Random, v.JWT, v.ExpiresAt, v.Hash+"="),
			"empty":     rp.VerifyHash(key, v.SessionID, v.Random, v.JWT, v.ExpiresAt, ""),
		} {
			if bad {
				t.Errorf("another %s is accepted", name)
			}
		}
	}
}
