package demo_test

import (
	"net/http"
	"strings"
	"testing"
)

// Every page has the policy, and nothing in it that the policy forbids.
func TestPolicy(t *testing.T) {
	tn := newTown(t)
	b := tn.browser()
	alice := tn.Phone(0)
	b.login(alice)
	order := b.order("1", "238400856/0300", "").path
	paid := b.order("1", "238400856/0300", "")
	b.pays(alice, paid)
	socket := "ws" + strings.TrimPrefix(tn.Issuer, "http")
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' " + tn.Issuer + " " + socket +
		"; form-action 'self' " + tn.Issuer + "; base-uri 'none'; frame-ancestors 'none'"
	for path, status := range map[string]int{"/": 200, "/login": 200, "/account": 200, "/pay": 200, order: 200, paid.path: 200, "/pay/x": 404, "/x": 404, "/x/y": 404} {
		got := b.get(path)
		if got.status != status || got.head.Get("Content-Security-Policy") != policy || got.head.Get("Cache-Control") != "no-store" ||
			got.head.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(got.head.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %v", path, got.status, got.head)
		}
		for _, bad := range []string{"style=", "<style", "onclick", "javascript:", "http://", "https://"} {
			if strings.Contains(strings.ReplaceAll(got.body, tn.Issuer, ""), bad) {
				t.Errorf("%s has %s", path, bad)
			}
		}
		if n := strings.Count(got.body, "<script"); n != strings.Count(got.body, `<script type="module" src="/bank.js"></script>`) {
			t.Errorf("%s has another script", path)
		}
	}
}

// The script, the style and the icon are there, and are not sent twice.
func TestFiles(t *testing.T) {
	tn := newTown(t)
	b := tn.browser()
	for path, kind := range map[string]string{"/bank.js": "text/javascript", "/bank.css": "text/css", "/icon.svg": "image/svg+xml"} {
		got := b.get(path)
		if got.status != http.StatusOK || !strings.HasPrefix(got.head.Get("Content-Type"), kind) || got.body == "" {
			t.Errorf("%s: %d %v", path, got.status, got.head)
		}
		if again := b.do(http.MethodGet, path, "", "", "If-None-Match", got.head.Get("ETag")); again.status != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.status)
		}
	}
}

// What changes something is refused when another site asks for it.
func TestOtherSites(t *testing.T) {
	tn := newTown(t)
	b := tn.browser()
	b.login(tn.Phone(0))
	for _, path := range []string{"/login/start", "/finish", "/pay", "/pay/x", "/logout"} {
		for _, head := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"}} {
			b.refused(path, b.do(http.MethodPost, path, "application/x-www-form-urlencoded", "amount=1", head...), http.StatusForbidden, "another site")
		}
	}
	if !b.loggedIn() {
		t.Error("logged out")
	}
	for name, got := range map[string]page{
		"form":   b.do(http.MethodPost, "/finish", "text/plain", "{}"),
		"text":   b.do(http.MethodPost, "/finish", "application/json", "x"),
		"listed": b.do(http.MethodPost, "/login/start", "application/json", "[]"),
		"long":   b.do(http.MethodPost, "/finish", "application/json", `{"jwt":"`+strings.Repeat("A", 16<<10)+`"}`),
	} {
		b.refused(name, got, http.StatusBadRequest, "cannot be read")
	}
}

// A browser that comes by another name of this place is sent to the origin that
// the server knows.
func TestOtherName(t *testing.T) {
	tn := newTown(t)
	b := tn.browser()
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tn.bank+"/login?id=tok_1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "other.example"
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != tn.bank+"/login?id=tok_1" {
		t.Errorf("%d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	r.Method = http.MethodPost
	if resp, err = b.http.Do(r); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("POST: %d", resp.StatusCode)
	}
}

// A form that is not in order says what is wrong where it is wrong, and keeps
// what was typed.
func TestPaymentForm(t *testing.T) {
	tn := newTown(t)
	b := tn.browser()
	b.refused("a stranger", b.get("/pay"), http.StatusUnauthorized, "not logged in")
	b.refused("a stranger", b.form("/pay", "amount", "1"), http.StatusUnauthorized, "not logged in")
	b.login(tn.Phone(0))
	for _, tc := range []struct{ amount, currency, account, note, wrong string }{
		{"0", "CZK", "238400856/0300", "", "amount-wrong"},
		{"-1", "CZK", "238400856/0300", "", "amount-wrong"},
		{"1e3", "CZK", "238400856/0300", "", "amount-wrong"},
		{"1.234", "CZK", "238400856/0300", "", "amount-wrong"},
		{"", "CZK", "238400856/0300", "", "amount-wrong"},
		{"99999999", "CZK", "238400856/0300", "", "amount-wrong"},
		{"84250.41", "CZK", "238400856/0300", "", "not enough"},
		{"1", "USD", "238400856/0300", "", "currency-wrong"},
		{"1", "CZK", "238400856", "", "account-wrong"},
		{"1", "CZK", "238400856/0300*A5CZK", "", "account-wrong"},
		{"1", "CZK", "DE88370400440532013000", "", "account-wrong"},
		{"1", "CZK", "", "", "account-wrong"},
		{"1", "CZK", "238400856/0300", strings.Repeat("x", 141), "note-wrong"},
		{"1", "CZK", "238400856/0300", "a\u202eb", "note-wrong"},
		{"1", "CZK", "238400856/0300", "a\nb", "note-wrong"},
	} {
		got := b.form("/pay", "amount", tc.amount, "currency", tc.currency, "account", tc.account, "note", tc.note)
		b.refused(tc.amount+" "+tc.account, got, http.StatusUnprocessableEntity, tc.wrong)
		if tc.account != "" && !strings.Contains(got.body, `value="`+tc.account+`"`) {
			t.Errorf("%q was forgotten", tc.account)
		}
	}
	if got := b.get(b.order("1 000", "de89 3704 0044 0532 0130 00", "").path); !strings.Contains(got.body, "DE89370400440532013000") || !strings.Contains(got.body, "000.00") {
		t.Error(got.body)
	}
}

// When the server is gone, the bank says so in words.
func TestServerGone(t *testing.T) {
	tn := newTown(t)
	b := tn.browser()
	b.login(tn.Phone(0))
	o := b.order("1", "238400856/0300", "")
	if err := tn.Nodes[0].Stop(); err != nil {
		t.Fatal(err)
	}
	b.refused("an order", b.form("/pay", "amount", "2", "currency", "CZK", "account", "238400856/0300"), http.StatusBadGateway, "cannot be reached")
	b.refused("an order that waits", b.get(o.path), http.StatusBadGateway, "cannot be asked just now")
	b.refused("again", b.form(o.path), http.StatusBadGateway, "cannot be asked just now")
	if got := b.get("/account"); strings.Count(got.body, "waits for your approval") != 2 {
		t.Errorf("orders are lost: %s", got.body)
	}
	b.refused("gone", b.post("/login/start", map[string]any{"challenge": "x"}), http.StatusBadGateway, "cannot be reached")
}
