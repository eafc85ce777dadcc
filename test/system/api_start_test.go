package system

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

const initiate = "/auth/initiate"

// started reads a good start.
func started(t *testing.T, r *rig.Rig, a rig.Answer) api.StartResponse {
	t.Helper()
	var s api.StartResponse
	r.Into(a, &s)
	return s
}

// wholeSecond is the form of every time on the wire.
var wholeSecond = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

func TestStartAnswers(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	a := r.Post(0, initiate, `{"serviceId":"demo","tokenId":"tok_AAAAAAAAAAAAAAAAAAAAAA"}`)
	s := started(t, r, a)
	var members map[string]any
	if err := json.Unmarshal(a.Body, &members); err != nil || len(members) != 9 {
		t.Errorf("%d members: %s", len(members), a.Body)
	}
	if a.Head.Get("Cache-Control") != "no-store" || a.Head.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", a.Head)
	}
	for what, good := range map[string]bool{
		"sessionId":    regexp.MustCompile(`^sess_[A-Za-z0-9_-]{22}$`).MatchString(s.SessionID),
		"autoPassword": regexp.MustCompile(`^\d{6}$`).MatchString(s.AutoPassword),
		"wsToken":      regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(s.WSToken),
		"random":       regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(s.Random),
		"expiresAt":    wholeSecond.MatchString(s.ExpiresAt),
		"wsUrl":        s.WSURL == "ws"+strings.TrimPrefix(r.Issuer, "http")+"/ws/session/"+s.SessionID+"?token="+s.WSToken,
		"qrUrl":        s.QRURL == r.Issuer+"/s/"+s.SessionID,
		"mode":         s.Mode == "enter",
	} {
		if !good {
			t.Errorf("%s in %s", what, a.Body)
		}
	}
	if key, err := base64.RawURLEncoding.DecodeString(s.QRKey); err != nil || len(key) != 32 {
		t.Errorf("qrKey %q", s.QRKey)
	}
	end, err := time.Parse(time.RFC3339, s.ExpiresAt)
	if left := time.Until(end); err != nil || left <= 110*time.Second || left > 121*time.Second {
		t.Errorf("lives for %v", left)
	}
	if again := started(t, r, r.Post(0, initiate, `{"serviceId":"demo","tokenId":"tok_AAAAAAAAAAAAAAAAAAAAAA"}`)); again.SessionID == s.SessionID ||
		again.Random == s.Random || again.QRKey == s.QRKey || again.WSToken == s.WSToken {
		t.Error("two sessions share a secret")
	}
}

func TestStartDefaults(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	token := `"tokenId":"tok_AAAAAAAAAAAAAAAAAAAAAA"`
	shop := []string{"Origin", "", "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)}
	for body, want := range map[string]string{
		`{"serviceId":"demo"}`:                                 "scan", // nobody is asked
		`{"serviceId":"demo","mode":"scan"}`:                   "scan",
		`{"serviceId":"demo",` + token + `}`:                   "enter", // the first of its modes
		`{"serviceId":"demo","mode":"scan",` + token + `}`:     "scan",
		`{"serviceId":"demo","Mode":"nonsense",` + token + `}`: "enter", // another name, so unknown
		`{"serviceId":"demo","x":{"y":null},` + token + `}`:    "enter",
		`{"serviceId":"demo","tokenId":"bob"}`:                 "enter", // another form is unknown, not malformed
	} {
		if s := started(t, r, r.Post(0, initiate, body)); s.Mode != want {
			t.Errorf("%s: mode %q, want %q", body, s.Mode, want)
		}
	}
	for body, want := range map[string]string{``: "scan", `{}`: "scan", `{"serviceId":"shop"}`: "scan", `{"mode":"compare",` + token + `}`: "compare"} {
		if s := started(t, r, r.Post(1, initiate, body, shop...)); s.Mode != want {
			t.Errorf("shop %s: mode %q, want %q", body, s.Mode, want)
		}
	}
}

func TestStartRefusals(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: func(c *server.Config) {
		c.Services[0].Scopes.Allowed = []string{"identity:name"}
		bound := c.Services[0]
		bound.ID, bound.RequireBinding = "bound", true
		c.Services = append(c.Services, bound)
	}})
	token, long := `"tokenId":"tok_AAAAAAAAAAAAAAAAAAAAAA"`, strings.Repeat("x", 129)
	for _, x := range []struct {
		body   string
		status int
		code   string
		detail string // is named
	}{
		{`{}`, 400, "invalid_request", "serviceId"},
		{`{"serviceId":"demo","mode":"enter"}`, 400, "invalid_request", "mode"},
		{`{"serviceId":"demo","mode":"nonsense"}`, 400, "invalid_request", "mode"},
		{`{"serviceId":"demo","tokenId":""}`, 400, "invalid_request", "tokenId"},
		{`{"serviceId":"demo","tokenId":"a b"}`, 400, "invalid_request", "tokenId"},
		{`{"serviceId":"demo","tokenId":"` + long + `"}`, 400, "invalid_request", "tokenId"},
		{`{"serviceId":"` + long + `"}`, 400, "invalid_request", "serviceId"},
		{`{"serviceId":"demo","clientNonce":"` + long + `"}`, 400, "invalid_request", "clientNonce"},
		{`{"serviceId":"demo","clientNonce":"ä"}`, 400, "invalid_request", "clientNonce"},
		{`{"serviceId":"demo","challenge":"short"}`, 400, "invalid_request", "challenge"},
		{`{"serviceId":"demo","challenge":"` + strings.Repeat("A", 42) + `B"}`, 400, "invalid_request", "challenge"}, // spare bits
		{`{"serviceId":"demo","challenge":"` + strings.Repeat("A", 43) + `="}`, 400, "invalid_request", "challenge"},
		{`{"serviceId":"demo","scopes":["a b"]}`, 400, "invalid_request", "scopes"},
		{`{"serviceId":"demo","scopes":"identity:name"}`, 400, "invalid_request", "scopes"},
		{`{"serviceId":"bound"}`, 400, "challenge_required", ""},
		{`{"serviceId":"shop"}`, 401, "service_auth_failed", ""},
		{`{"serviceId":"nobody"}`, 403, "origin_not_allowed", ""},
		{`{"serviceId":"demo","operation":{"name":"pay","data":"A1*A1EUR"}}`, 403, "service_auth_required", ""},
		{`{"serviceId":"demo","requester":{"ip":"192.0.2.1","userAgent":"x"}}`, 403, "service_auth_required", ""},
		{`{"serviceId":"demo","scopes":["identity:email"]}`, 422, "scope_not_allowed", ""},
		{`{"serviceId":"demo","scopes":["identity:nonsense"]}`, 422, "scope_not_allowed", ""},
		{`{"serviceId":"demo","mode":"compare",` + token + `}`, 422, "mode_not_allowed", ""},
		{`{"serviceId":"demo","mode":"nonsense",` + token + `}`, 422, "mode_not_allowed", ""},
	} {
		a := r.Post(0, initiate, x.body)
		r.Refused(x.body, a, x.status, x.code)
		if !strings.Contains(a.Problem.Detail, x.detail) || strings.Contains(a.Problem.Detail, "xxxx") {
			t.Errorf("%s: detail %q", x.body, a.Problem.Detail)
		}
		if a.Problem.Type != r.Issuer+"/problems/"+x.code || a.Head.Get("Cache-Control") != "no-store" || a.Head.Get("Retry-After") != "" {
			t.Errorf("%s: %s %v", x.body, a.Body, a.Head)
		}
	}
}

func TestStrictJSON(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for body, member := range map[string]string{
		`{"serviceId":"demo","serviceId":"demo"}`:                              "serviceId",
		`{"serviceId":"demo","x":1,"x":2}`:                                     "x",
		`{"serviceId":"demo","x":{"y":1,"y":1}}`:                               "y",
		`{"serviceId":null}`:                                                   "serviceId",
		`{"serviceId":"demo","tokenId":null}`:                                  "tokenId",
		`{"serviceId":"demo","scopes":[null]}`:                                 "scopes",
		`{"serviceId":"demo","operation":{"name":null,"data":"x"}}`:            "operation.name",
		`{"serviceId":"demo","operation":{"name":"x","data":"x","form":null}}`: "operation.form",
		`{"serviceId":"demo","operation":[]}`:                                  "operation",
		`{"serviceId":"demo","operation":{"name":"x","data":1}}`:               "operation.data",
		`{"serviceId":1}`:                                                      "serviceId",
		`{"serviceId":["demo"]}`:                                               "serviceId",
		`{"serviceId":"demo"}{}`:                                               "body",
		`{"serviceId":"demo"} x`:                                               "body",
		`{"serviceId":"demo",}`:                                                "",
		`{"serviceId":"demo"`:                                                  "",
		`{'serviceId':'demo'}`:                                                 "",
		"{\"serviceId\":\"de\xffmo\"}":                                         "",
		"{\"serviceId\":\"demo\",\"x\":\"\xc3\"}":                              "",
		"\xef\xbb\xbf{\"serviceId\":\"demo\"}":                                 "",
		`{"serviceId":"demo","x":"\ud800"}`:                                    "",
		`null`:                                                                 "body",
		`[]`:                                                                   "body",
		`"demo"`:                                                               "body",
		`{"serviceId":"demo","x":` + deep(8) + `}`:                             "body",
		`{"serviceId":"demo","x":[` + deep(8) + `]}`:                           "body",
	} {
		a := r.Post(0, initiate, body)
		r.Refused(body, a, 400, "invalid_request")
		if !strings.Contains(a.Problem.Detail, member) || strings.Contains(a.Problem.Detail, "demo") {
			t.Errorf("%s: detail %q", body, a.Problem.Detail)
		}
	}
	for _, body := range []string{`{"serviceId":"demo","x":` + deep(7) + `}`, " \n{\"serviceId\" : \"demo\"}\r\n\t", `{"serviceId":"demo","ServiceId":1,"X":"[[[[[[[[[["}`} {
		started(t, r, r.Post(0, initiate, body))
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	head, tail := `{"serviceId":"demo","x":"`, `"}`
	exact := head + strings.Repeat("x", 16<<10-len(head)-len(tail)) + tail
	if len(exact) != 16<<10 {
		t.Fatal(len(exact))
	}
	started(t, r, r.Post(0, initiate, exact))
	r.Refused("16 KiB and one", r.Post(0, initiate, exact+" "), 413, "too_large")
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/problem+json", ";"} {
		r.Refused(kind, r.Post(0, initiate, `{"serviceId":"demo"}`, "Content-Type", kind), 415, "unsupported_media_type")
	}
	started(t, r, r.Post(0, initiate, `{"serviceId":"demo"}`, "Content-Type", "application/json; charset=utf-8"))
	started(t, r, r.Send(0, http.MethodPost, initiate, "", "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)))
	r.Refused("no body and nobody", r.Send(0, http.MethodPost, initiate, "", "Origin", rig.Origin), 400, "invalid_request")
	for _, path := range []string{"/enroll", "/auth/pending", "/auth/claim", "/auth/verify", "/auth/session/sess_x/cancel"} {
		r.Refused(path, r.Send(0, http.MethodPost, path, exact+" "), 413, "too_large")
		r.Refused(path, r.Send(0, http.MethodPost, path, `{}`, "Content-Type", "text/plain"), 415, "unsupported_media_type")
		r.Refused(path, r.Send(0, http.MethodPost, path, `{"a":1,"a":1}`), 400, "invalid_request")
	}
	r.Refused("another method", r.Send(0, http.MethodGet, initiate, ""), 405, "method_not_allowed")
	r.Refused("another path", r.Send(0, http.MethodGet, "/nothing", ""), 404, "not_found")
}

func TestServiceAuthentication(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	started(t, r, r.Send(0, http.MethodPost, initiate, `{"serviceId":"shop"}`, "Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)))
	var first []byte
	for what, head := range map[string]string{
		"wrong secret":        rig.BasicAuth(rig.Shop, rig.ShopSecret+"x"),
		"no secret":           rig.BasicAuth(rig.Shop, ""),
		"unknown service":     rig.BasicAuth("nobody", rig.ShopSecret),
		"public service":      rig.BasicAuth(rig.Service, ""),
		"public, with secret": rig.BasicAuth(rig.Service, rig.ShopSecret),
		"no name":             rig.BasicAuth("", ""),
		"bearer":              "Bearer " + rig.ShopSecret,
		"no base64":           "Basic %%%",
		"no colon":            "Basic c2hvcA",
	} {
		a := r.Send(0, http.MethodPost, initiate, `{}`, "Authorization", head, "Origin", rig.Origin)
		r.Refused(what, a, 401, "service_auth_failed")
		body := []byte(strings.ReplaceAll(string(a.Body), a.Problem.RequestID, ""))
		if first == nil {
			first = body
		}
		if string(body) != string(first) || !strings.HasPrefix(a.Head.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s is told apart: %s %v", what, a.Body, a.Head)
		}
	}
	r.Refused("another serviceId than the authenticated one", r.Send(0, http.MethodPost, initiate, `{"serviceId":"demo"}`,
		"Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)), 401, "service_auth_failed")
	r.Refused("a service with a secret without it", r.Send(0, http.MethodPost, initiate, `{"serviceId":"shop"}`,
		"Origin", "https://shop.example"), 401, "service_auth_failed")
}

func TestStartOrigin(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	for _, origin := range []string{"", "null", "https://evil.example", "https://shop.example", "http://bank.example",
		"https://bank.example:444", "https://bank.example/", "HTTPS://bank.example", "https://bank.example, https://bank.example"} {
		known := r.Send(0, http.MethodPost, initiate, `{"serviceId":"demo"}`, "Origin", origin)
		unknown := r.Send(0, http.MethodPost, initiate, `{"serviceId":"nobody"}`, "Origin", origin)
		r.Refused("origin "+origin, known, 403, "origin_not_allowed")
		r.Refused("unknown service, origin "+origin, unknown, 403, "origin_not_allowed")
		known.Problem.RequestID, unknown.Problem.RequestID = "", ""
		if known.Problem != unknown.Problem {
			t.Errorf("an unknown service is told apart: %+v %+v", known.Problem, unknown.Problem)
		}
	}
	r.Refused("two origins", r.Send(0, http.MethodPost, initiate, `{"serviceId":"demo"}`, "Origin", rig.Origin, "Origin", rig.Origin), 403, "origin_not_allowed")
}

func TestCORS(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b := r.Browser(0).Start("")
	path := "/auth/session/" + b.Session.SessionID
	open := func(a rig.Answer) bool { return a.Head.Get("Access-Control-Allow-Origin") != "" }
	for _, p := range []string{initiate, path, path + "/events", path + "/cancel"} {
		for _, origin := range []string{rig.Origin, "https://shop.example"} {
			a := r.Send(0, http.MethodOptions, p, "", "Origin", origin, "Access-Control-Request-Method", "POST")
			h := a.Head
			if a.Status != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Allow-Methods") != "GET, POST" ||
				h.Get("Access-Control-Allow-Headers") != "Content-Type, Authorization, Idempotency-Key, Countersign-Verifier, Last-Event-ID" || h.Get("Vary") != "Origin" {
				t.Errorf("preflight of %s: %d %v", p, a.Status, h)
			}
			if h.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials are allowed")
			}
		}
		for _, origin := range []string{"", "null", "https://evil.example"} {
			a := r.Send(0, http.MethodOptions, p, "", "Origin", origin, "Access-Control-Request-Method", "POST")
			if open(a) || a.Head.Get("Vary") != "Origin" {
				t.Errorf("preflight of %s from %q: %v", p, origin, a.Head)
			}
		}
	}
	for what, a := range map[string]rig.Answer{
		"a start":         r.Post(0, initiate, `{"serviceId":"demo"}`),
		"a bad start":     r.Post(0, initiate, `{`),
		"a large start":   r.Post(0, initiate, strings.Repeat(" ", 17<<10)),
		"a wrong origin":  r.Send(0, http.MethodPost, initiate, `{"serviceId":"demo"}`, "Origin", "https://shop.example"),
		"a bad poll":      r.Send(0, http.MethodGet, path, "", "Origin", rig.Origin),
		"a bad stream":    r.Send(0, http.MethodGet, path+"/events", "", "Origin", rig.Origin),
		"a bad cancel":    r.Post(0, path+"/cancel", ``),
		"a poll too long": r.Send(0, http.MethodGet, path+"?wait=26", "", "Origin", rig.Origin),
	} {
		if !open(a) || a.Head.Get("Vary") != "Origin" || a.Head.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s cannot be read: %v", what, a.Head)
		}
	}
	for _, p := range []string{"/enroll", "/auth/pending", "/auth/claim", "/auth/verify"} {
		if a := r.Post(0, p, `{}`); open(a) {
			t.Errorf("%s is open: %v", p, a.Head)
		}
		if a := r.Send(0, http.MethodOptions, p, "", "Origin", rig.Origin, "Access-Control-Request-Method", "POST"); open(a) {
			t.Errorf("preflight of %s is open: %v", p, a.Head)
		}
	}
	for _, p := range []string{"/s/" + b.Session.SessionID, "/ws/session/" + b.Session.SessionID, "/nothing"} {
		if a := r.Send(0, http.MethodGet, p, "", "Origin", rig.Origin); open(a) {
			t.Errorf("%s is open: %v", p, a.Head)
		}
	}
	for _, p := range []string{"/.well-known/jwks.json", "/.well-known/openid-configuration"} {
		if a := r.Send(0, http.MethodGet, p, "", "Origin", "https://evil.example"); a.Head.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", p, a.Head)
		}
	}
}

// What a page opens when somebody scans the code with a camera that is no
// authenticator's.
func TestLink(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	b := r.Browser(0).Start("")
	a := r.Send(0, http.MethodGet, "/s/"+b.Session.SessionID+"?t=3&c="+session.QRCode(make([]byte, 32), "x", 3), "")
	if a.Status != http.StatusFound || a.Head.Get("Location") != r.Issuer+"/s/"+b.Session.SessionID {
		t.Errorf("t and c are not dropped: %d %v", a.Status, a.Head)
	}
	a = r.Send(0, http.MethodGet, "/s/"+b.Session.SessionID, "")
	csp := a.Head.Get("Content-Security-Policy")
	if a.Status != http.StatusOK || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") ||
		!strings.Contains(string(a.Body), "authenticator app") || strings.Contains(string(a.Body), b.Session.SessionID) {
		t.Errorf("%d %v %s", a.Status, a.Head, a.Body)
	}
	r.Refused("no id of ours", r.Send(0, http.MethodGet, "/s/bob", ""), 404, "session_not_found")
}
