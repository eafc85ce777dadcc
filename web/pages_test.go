package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func newPages(t *testing.T, o Options) *Pages {
	t.Helper()
	o.Issuer = "https://login.example.com"
	if o.Brands == nil {
		o.Brands = map[string]Brand{"demo": {Name: "Acme Bank"}, "plain/shop": {Name: `Bob's <Shop>`, Color: "#005eb8", Logo: []byte("<svg/>"), LogoType: "image/svg+xml"}}
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(target string, head ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return r
}

func login(t *testing.T, p *Pages, r *http.Request) (*httptest.ResponseRecorder, bool) {
	t.Helper()
	w := httptest.NewRecorder()
	known, err := p.Login(w, r)
	if err != nil {
		t.Fatal(err)
	}
	return w, known
}

// What the service asks for goes before what the browser prefers, and English is
// for everybody else.
func TestLanguage(t *testing.T) {
	p := newPages(t, Options{})
	for _, tc := range []struct{ ui, accept, lang, dir string }{
		{"", "", "en", "ltr"},
		{"", "de-AT,de;q=0.9,en;q=0.5", "de", "ltr"},
		{"", "fi, sv;q=0.8", "sv", "ltr"},
		{"sv", "de", "sv", "ltr"},
		{"fi sv-FI", "de", "sv", "ltr"},
		{"fi", "de", "de", "ltr"},
		{"not_a_language!", "cs", "cs", "ltr"},
		{"ar-EG", "", "ar", "rtl"},
		{"", "ar;q=0.4, es-MX", "es", "ltr"},
		{"", "fi", "en", "ltr"},
		{"", ";;;", "en", "ltr"},
	} {
		w, _ := login(t, p, get("/login?service=demo&ui_locales="+strings.ReplaceAll(tc.ui, " ", "+"), "Accept-Language", tc.accept))
		want := `<html lang="` + tc.lang + `" dir="` + tc.dir + `">`
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("ui_locales %q, Accept-Language %q: no %s", tc.ui, tc.accept, want)
		}
	}
}

// Every text that a page's template shows is there in every language.
func TestTextsOfPages(t *testing.T) {
	p := newPages(t, Options{})
	for _, l := range languages {
		for _, key := range []string{"logInTo", "approveAt", "linkScanTitle", "linkScanText", "linkWarning", "incompleteTitle", "incompleteText",
			"notYoursTitle", "notYoursText", "byName", "byPhone", "nameMissing", "triedTooOften", "wayClosed",
			"signOutTitle", "signOutText", "signOutAsked", "signOutYes", "signOutNo", "signedOutTitle", "signedOutText", "stayedTitle", "stayedText", "doneTitle", "doneText"} {
			if p.texts.by[l][key] == "" {
				t.Errorf("%s has no %s", l, key)
			}
		}
	}
}

// The pages have no script or style of their own, and what they are told cannot
// become one.
func TestPagesUnderTheirPolicy(t *testing.T) {
	p := newPages(t, Options{Demo: true})
	w, _ := login(t, p, get("/login?service=plain/shop"))
	link, back := httptest.NewRecorder(), httptest.NewRecorder()
	if err := p.Link(link, get("/s/x")); err != nil {
		t.Fatal(err)
	}
	if err := p.Return(back, get("/r/x"), "https://bank.example/login?a=1&b=2"); err != nil {
		t.Fatal(err)
	}
	demo, _ := login(t, p, get(`/login?demo=%22%3E%3Cscript%3Ealert(1)%3C/script%3E`))
	inline := regexp.MustCompile(`<style|style=|<script[^>]*>[^<]| on[a-z]+=|javascript:`)
	for name, w := range map[string]*httptest.ResponseRecorder{"login": w, "link": link, "return": back, "demo": demo} {
		if found := inline.FindString(w.Body.String()); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		csp := w.Header().Get("Content-Security-Policy")
		for _, must := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, must) {
				t.Errorf("%s: no %s in %q", name, must, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	if s := w.Body.String(); !strings.Contains(s, "Bob&#39;s &lt;Shop&gt;") || strings.Contains(s, "<Shop>") {
		t.Errorf("the name is not escaped: %s", s)
	}
	if !strings.Contains(back.Body.String(), `data-return-url="https://bank.example/login?a=1&amp;b=2"`) {
		t.Errorf("%s", back.Body)
	}
}

// The page of a logout has the form that its caller wants, and what is in it
// cannot become anything else.
func TestSignOut(t *testing.T) {
	p := newPages(t, Options{})
	for stage, title := range map[SignOutStage]string{SignOutAsk: "Abmelden?", SignOutDone: "Sie sind abgemeldet", SignOutStayed: "Sie sind weiterhin angemeldet"} {
		w := httptest.NewRecorder()
		s := SignOut{Stage: stage}
		if stage == SignOutAsk {
			s.Service, s.Action, s.Fields = "plain/shop", "https://login.example.com/oidc/end-session", []Field{{"state", `"><script>`}}
		}
		if err := p.SignOut(w, get("/oidc/end-session?ui_locales=de"), s); err != nil {
			t.Fatal(err)
		}
		body := w.Body.String()
		if !strings.Contains(body, "<h1>"+title+"</h1>") || strings.Contains(body, "<script") || strings.Contains(body, "<form") != (stage == SignOutAsk) {
			t.Errorf("%s", body)
		}
		if stage == SignOutAsk && (!strings.Contains(body, `action="https://login.example.com/oidc/end-session"`) || !strings.Contains(body, "Bob&#39;s &lt;Shop&gt; möchte Sie abmelden.")) {
			t.Errorf("%s", body)
		}
		for _, look := range []string{`/assets/brand.css?service=plain%2Fshop&amp;v=`, `<img class="logo" src="/assets/logo?service=plain%2Fshop&amp;v=`} {
			if strings.Contains(body, look) != (stage == SignOutAsk) {
				t.Errorf("%s of a service in\n%s", look, body)
			}
		}
		csp := w.Header().Get("Content-Security-Policy")
		if strings.Contains(csp, "form-action") || !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "base-uri 'none'") {
			t.Errorf("%q", csp)
		}
	}
}

// A service without a logo has its first letter, and its name stays in one piece
// among words that run the other way.
func TestSignOutOfService(t *testing.T) {
	p := newPages(t, Options{Brands: map[string]Brand{"ecole": {Name: "école (privée)"}}})
	w := httptest.NewRecorder()
	if err := p.SignOut(w, get("/oidc/end-session?ui_locales=ar"), SignOut{Stage: SignOutAsk, Service: "ecole"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`aria-hidden="true">É</span>`, "<bdi>école (privée)</bdi>", "\u2068école (privée)\u2069"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
}

func TestLoginOfNoService(t *testing.T) {
	p := newPages(t, Options{})
	for _, target := range []string{"/login", "/login?service=nobody", "/login?demo=approved"} {
		if w, known := login(t, p, get(target)); known || w.Body.Len() > 0 {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
	w, _ := login(t, p, get("/login?service=demo&demo=approved"))
	if strings.Contains(w.Body.String(), "demo=\"approved\"") {
		t.Error("a demo outside development")
	}
}

var reference = regexp.MustCompile(`(?:href|src|logo)="(/?[a-z][^"]+)"`)

// Everything a page names is there, and may be kept as long as its name says
// which version it is.
func TestAssets(t *testing.T) {
	p := newPages(t, Options{})
	w, _ := login(t, p, get("/login?service=plain/shop"))
	found := reference.FindAllStringSubmatch(w.Body.String(), -1)
	if len(found) != 5 {
		t.Fatalf("%d references: %v", len(found), found)
	}
	for _, m := range found {
		target := strings.ReplaceAll(m[1], "&amp;", "&")
		r := get(target)
		name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/assets/"), "/")
		w := httptest.NewRecorder()
		if !p.Asset(w, r, name) || w.Body.Len() == 0 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
		again := httptest.NewRecorder()
		p.Asset(again, get(target, "If-None-Match", w.Header().Get("ETag")), name)
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s asked again: %d", target, again.Code)
		}
		other := httptest.NewRecorder()
		query := r.URL.Query()
		query.Set("v", "older")
		p.Asset(other, get(r.URL.Path+"?"+query.Encode()), name)
		if other.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s in another version may be kept", target)
		}
	}
	for _, name := range []string{"", "login", "login/", "login/../login/login.js", "brand.css", "logo", "authenticator/index.html", "pages/login.html"} {
		if p.Asset(httptest.NewRecorder(), get("/assets/"+path.Base("/"+name)), name) {
			t.Errorf("there is an asset %q", name)
		}
	}
}

// The authenticator's page is kept for when there is no network, its worker may
// have it, and every icon its manifest names is there.
func TestAuthenticatorFiles(t *testing.T) {
	p := newPages(t, Options{})
	page, worker := httptest.NewRecorder(), httptest.NewRecorder()
	p.Authenticator(page, get("/authenticator"))
	if page.Header().Get("Cache-Control") != "no-cache" || !strings.Contains(page.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v", page.Header())
	}
	if !p.Asset(worker, get("/authenticator/worker.js"), "authenticator/worker.js") || worker.Header().Get("Service-Worker-Allowed") != "/authenticator" ||
		worker.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("%v", worker.Header())
	}
	for _, m := range reference.FindAllStringSubmatch(page.Body.String(), -1) {
		if !p.Asset(httptest.NewRecorder(), get("/"+m[1]), m[1]) { // relative to /authenticator
			t.Errorf("the page names %s", m[1])
		}
	}
	var manifest struct {
		Icons []struct{ Src string }
	}
	if err := json.Unmarshal(p.files["authenticator/manifest.webmanifest"].body, &manifest); err != nil || len(manifest.Icons) == 0 {
		t.Fatalf("%+v, %v", manifest, err)
	}
	for _, i := range manifest.Icons {
		if p.files[path.Join("authenticator", i.Src)].body == nil { // relative to the manifest
			t.Errorf("the manifest names %s", i.Src)
		}
	}
}

// Black or white, whichever has the higher contrast (WCAG 2.2, relative
// luminance); the vectors are the ratios that the definition gives.
func TestOnColor(t *testing.T) {
	for color, want := range map[string]string{"#000000": "#ffffff", "#ffffff": "#000000", "#005eb8": "#ffffff", "#ffd400": "#000000",
		"#767676": "#000000", "#757575": "#ffffff", "#FF0000": "#000000"} {
		if got := onColor(color); got != want {
			t.Errorf("on %s: %s, want %s", color, got, want)
		}
	}
}
