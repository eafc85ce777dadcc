package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"countersign/device"
	"countersign/operation/form"
	"countersign/session"
)

func TestBrowser(t *testing.T) {
	for header, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15":                   "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1": "Safari on iOS",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36":                   "Chrome on Android",
		"curl/8.11.0":                        "Unknown browser",
		"":                                   "Unknown browser",
		"Your bank, press Approve/1 (Linux)": "Unknown browser on Linux",
	} {
		if got := browser(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func FuzzBrowser(f *testing.F) {
	for _, s := range []string{"", "Mozilla/5.0 (X11; Linux x86_64) Firefox/1", "Chrome/ (", "\u202e", strings.Repeat("(", 600)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := browser(header)
		if got == "" || len(got) > 40 || device.HasHidden(got) || strings.ContainsFunc(got, func(r rune) bool { return r > 0x7e }) {
			t.Errorf("%q became %q", header, got)
		}
	})
}

func FuzzStartRequest(f *testing.F) {
	for _, s := range []string{`{}`, `{"tokenId":"a b"}`, `{"mode":"enter"}`, `{"challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}`,
		`{"scopes":["a","a"]}`, `{"clientNonce":"x"}`, `{"operation":{"name":"a","data":"b","form":{ "title" : "\u202e" }}}`,
		`{"operation":{"name":"a","data":"A1*A1EUR","form":{"title":"{a}","attributes":[{"type":"AMOUNT","id":"a","amount":"1.0","currency":"EUR"}]}}}`,
		`{"requester":{"ip":"fe80::1%x","userAgent":"y"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q StartRequest
		if decode(b, &q) != nil || q.check() != nil {
			return
		}
		for _, s := range []*string{q.TokenID, q.ServiceID, q.Mode, q.ClientNonce} {
			if s != nil && !visible(*s, 1, 128) {
				t.Errorf("took %q", *s)
			}
		}
		if q.Challenge != nil && len(*q.Challenge) != 43 {
			t.Errorf("challenge %q", *q.Challenge)
		}
		if q.TokenID == nil && q.Mode != nil && *q.Mode != "scan" {
			t.Errorf("nobody is asked in mode %s", *q.Mode)
		}
		o, err := q.operation(form.Texts{})
		if err != nil {
			return
		}
		if o != nil && (!visible(o.Name, 1, 64) || o.Data == "" || device.HasHidden(o.Data) || hiddenText(o.Form)) {
			t.Errorf("operation %+v", o)
		}
		if r := q.Requester; r != nil {
			if a, err := netip.ParseAddr(r.IP); err != nil || a.Zone() != "" || device.HasHidden(r.IP) {
				t.Errorf("requester %q", r.IP)
			}
		}
	})
}

func FuzzVerifyRequest(f *testing.F) {
	for _, s := range []string{`{}`,
		`{"sessionId":"s","tokenId":"t","deviceId":"d","decision":"approve","otp":"123456","displayHash":"h","timestamp":1,"nonce":"BwcHBwcHBwcHBwcHBwcHBw","signature":""}`,
		`{"sessionId":"s","tokenId":"t","deviceId":"d","decision":"deny","otp":"","displayHash":"h","timestamp":1,"nonce":"BwcHBwcHBwcHBwcHBwcHBw","signature":"","grantedScopes":[]}`,
		`{"sessionId":"s","tokenId":"t","otp":"123456","timestamp":1,"signatureBase64":"","grantedScopes":["a,b"]}`,
		`{"sessionId":"s","tokenId":"t","deviceId":"d","decision":"approve","otp":"qr:0:AAAAAAAAAAAAAAAA","displayHash":"h","timestamp":1,"nonce":"BwcHBwcHBwcHBwcHBwcHBw","signature":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q VerifyRequest
		if decode(b, &q) != nil {
			return
		}
		v, err := q.verification("192.0.2.1")
		if err != nil {
			var r refusal
			if !errors.As(err, &r) || r.code != "invalid_request" {
				t.Errorf("%v", err)
			}
			return
		}
		decisions := []session.Decision{session.Approve, session.Deny, session.Report}
		if !slices.Contains(decisions, v.Decision) || v.OTP != "" && !isCode(v.OTP) || v.OTP == "" && v.Decision == session.Approve ||
			v.Decision != session.Approve && len(v.Scopes) > 0 || v.Timestamp < 0 || !v.V0 && !v.Nonce.WellFormed() {
			t.Errorf("took %s", b)
		}
		// Whatever is signed is one line each.
		for _, line := range append([]string{string(v.Session), string(v.Token), string(v.Device), v.OTP, v.Display, string(v.Nonce)}, v.Scopes...) {
			if device.HasControl(line) || strings.Contains(line, " ") {
				t.Errorf("a line %q", line)
			}
		}
	})
}

// hiddenText says whether a string anywhere in a JSON text has a hidden
// character other than a newline.
func hiddenText(b []byte) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		t, err := d.Token()
		if err != nil {
			return false // its end: it was parsed before
		}
		if s, ok := t.(string); ok && device.HasHidden(strings.ReplaceAll(s, "\n", "")) {
			return true
		}
	}
}

func TestIdempotencyHeader(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	if err := idempotency(r, nil, &session.Start{}); err == nil {
		t.Error("two keys were taken")
	}
}
