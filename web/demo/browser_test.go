package demo_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/web/demo"
	"countersign/ws"
)

// town is a bank, the server it trusts, and nobody in it yet.
type town struct {
	*rig.Rig
	bank string // its origin
	key  []byte // its response key
}

func newTown(t *testing.T) *town {
	t.Helper()
	site := httptest.NewUnstartedServer(nil)
	tn := &town{bank: "http://" + site.Listener.Addr().String(), key: bytes.Repeat([]byte{9}, 32)}
	tn.Rig = rig.New(t, rig.Options{Embedded: true, Configure: func(c *server.Config) {
		c.Services[1].Origins = append(c.Services[1].Origins, tn.bank)
	}})
	site.Config.Handler = demo.New(demo.Options{Issuer: tn.Issuer, ServiceID: rig.Shop, Secret: rig.ShopSecret, ResponseKey: tn.key,
		Origin: tn.bank, HTTP: tn.HTTP})
	site.Start()
	t.Cleanup(site.Close)
	return tn
}

// browser is one with cookies and without JavaScript: the test does what the
// script would.
type browser struct {
	t    *testing.T
	town *town
	http *http.Client
}

func (tn *town) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		tn.T.Fatal(err)
	}
	return &browser{tn.T.(*testing.T), tn, &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

// page is an answer of the bank.
type page struct {
	status int
	path   string // where redirects led; all of the address, if not at the bank
	head   http.Header
	body   string
}

func (b *browser) do(method, path, kind, body string, head ...string) page {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.town.bank + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Origin", b.town.bank)
	}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	resp, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	at := resp.Request.URL
	if at.Scheme+"://"+at.Host != b.town.bank {
		return page{resp.StatusCode, at.String(), resp.Header, string(text)}
	}
	return page{resp.StatusCode, at.Path, resp.Header, string(text)}
}

func (b *browser) get(path string) page { return b.do(http.MethodGet, path, "", "") }

func (b *browser) post(path string, members map[string]any, head ...string) page {
	return b.do(http.MethodPost, path, "application/json", rig.JSON(members), head...)
}

func (b *browser) form(path string, fields ...string) page {
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, path, "application/x-www-form-urlencoded", values.Encode())
}

// pending is a session that the bank started for a page.
type pending struct {
	api.StartResponse
	verifier string
}

// start does what the SDK does with startSession.
func (b *browser) start(path string, more map[string]any) pending {
	b.t.Helper()
	p := pending{verifier: rig.NewVerifier()}
	members := map[string]any{"challenge": session.ChallengeOf(p.verifier)}
	for name, v := range more {
		members[name] = v
	}
	got := b.post(path, members)
	if got.status != http.StatusOK || got.head.Get("Cache-Control") != "no-store" || json.Unmarshal([]byte(got.body), &p.StartResponse) != nil {
		b.t.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	if p.Random != "" || strings.Contains(got.body, "random") {
		b.t.Error("the page is told random")
	}
	return p
}

// scan approves a session as a phone does that scanned its code.
func (tn *town) scan(p *api.Phone, s pending) {
	tn.T.Helper()
	key, err := base64.RawURLEncoding.DecodeString(s.QRKey)
	if err != nil {
		tn.T.Fatal(err)
	}
	scan := "0:" + session.QRCode(key, session.ID(s.SessionID), 0)
	tn.verify(p, tn.Claim(p, s.SessionID, scan), "qr:"+scan, session.Approve, "identity:name")
}

// typed approves a session as a phone does that its user typed the code into,
// and gives what the phone showed.
func (tn *town) typed(p *api.Phone, s pending) api.Display {
	tn.T.Helper()
	c := tn.Claim(p, s.SessionID, "")
	d, err := api.ParseDisplay(c.Display)
	if err != nil {
		tn.T.Fatal(err)
	}
	tn.verify(p, c, s.AutoPassword, session.Approve, "identity:name")
	return d
}

func (tn *town) verify(p *api.Phone, c api.Claimed, code string, how session.Decision, scopes ...string) {
	tn.T.Helper()
	if _, err := p.Verify(rig.Ctx(tn.T), c, how, code, scopes); err != nil {
		tn.T.Fatal(err)
	}
}

// result is what the SDK gives the page at the end, as the page brings it to
// the bank.
func (b *browser) result(s pending) map[string]any {
	b.t.Helper()
	c := &api.Client{Issuer: b.town.Issuer, HTTP: b.town.HTTP, Origin: b.town.bank}
	got, err := c.Poll(rig.Ctx(b.t), s.StartResponse, s.verifier, 0, 0)
	if err != nil || got.Status != "approved" {
		b.t.Fatalf("%v, %+v", err, got)
	}
	var m ws.Wire
	if err := json.Unmarshal(got.Messages[len(got.Messages)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	return map[string]any{"sessionId": s.SessionID, "jwt": m.JWT, "hash": m.Hash, "expiresAt": m.ExpiresAt, "random": m.Random}
}

// finish brings a result to the bank, which must accept it, and follows it.
func (b *browser) finish(result map[string]any) page {
	b.t.Helper()
	got := b.post("/finish", result)
	var to struct{ Location string }
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &to) != nil || !strings.HasPrefix(to.Location, "/") {
		b.t.Fatalf("finish: %d %s", got.status, got.body)
	}
	return b.get(to.Location)
}

// login logs a phone's owner in by scanning.
func (b *browser) login(p *api.Phone) page {
	b.t.Helper()
	s := b.start("/login/start", nil)
	b.town.scan(p, s)
	return b.finish(b.result(s))
}

// refused checks that an answer says no, and in which words.
func (b *browser) refused(what string, got page, status int, words string) {
	b.t.Helper()
	if got.status != status || !strings.Contains(html.UnescapeString(got.body), words) {
		b.t.Errorf("%s: %d %s, want %d %q", what, got.status, got.body, status, words)
	}
}

// loggedIn says whether the browser has an account page.
func (b *browser) loggedIn() bool { return b.get("/account").path == "/account" }

// hash is what only the server can make; a test that has its key proves that the
// other checks hold without this one.
func (tn *town) hash(result map[string]any, random any) string {
	mac := hmac.New(sha256.New, tn.key)
	fmt.Fprintf(mac, "countersign-hash-v1\n%s\n%s\n%s\n%s", result["sessionId"], random, result["jwt"], result["expiresAt"])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
