package system

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/server"
	"countersign/test/rig"
)

// wordsOf are the texts that pages have in a language.
func wordsOf(t *testing.T, lang string) map[string]string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "..", "web", "pages", "texts", lang+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]string
	if err := json.Unmarshal(file, &words); err != nil {
		t.Fatal(err)
	}
	return words
}

// speaks checks that an answer is the provider's page of a name in a language, with
// the status that it has always had.
func speaks(t *testing.T, a reply, status int, name, lang string) {
	t.Helper()
	words, dir := wordsOf(t, lang), map[bool]string{true: "rtl", false: "ltr"}[lang == "ar"]
	if a.status != status || a.location != nil || a.head.Get("Vary") != "Accept-Language" {
		t.Errorf("%s in %s: %d %v", name, lang, a.status, a.head)
	}
	for _, want := range []string{`<html lang="` + lang + `" dir="` + dir + `">`, "<h1>" + words[name+"Title"] + "</h1>", "<p>" + words[name+"Text"] + "</p>"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("%s in %s: no %s in\n%s", name, lang, want, a.body)
		}
	}
}

// The pages on which a login or a logout ends are in the language that the site asked
// for when it began, else in the browser's, whichever way the request came.
func TestOIDCPagesSpeak(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, alice := newParty(t, r, 0, rig.Service, "", demoCallback), r.Phone(0)
	for _, lang := range []string{"en", "de", "sv", "cs", "fr", "es", "ar"} {
		s := newSurfer(t, r, 0)
		wish := []string{"ui_locales", "fi " + lang}
		speaks(t, s.get(p.url(append(wish, "client_id", "x")...)), http.StatusBadRequest, "cannotBegin", lang)
		speaks(t, s.get(p.url(append(wish, "max_age", "soon")...)), http.StatusBadRequest, "cannotBegin", lang)
		speaks(t, s.get(endSession(r, append(wish, "post_logout_redirect_uri", "https://evil.example/")...)), http.StatusBadRequest, "cannotLogOut", lang)
		speaks(t, s.submit(r.Issuer+"/oidc/end-session?ui_locales="+lang, nil), http.StatusOK, "sendLogout", lang)

		begin := p.url(wish...)
		if lang == "de" || lang == "ar" {
			begin = p.push(nil, append(wish, "client_id", rig.Service)...)
		}
		back := s.approve(s.get(begin), alice)
		speaks(t, newSurfer(t, r, 1).get(back), http.StatusForbidden, "otherBrowser", lang)
		p.back(s.get(back))
		over := s.do(request(t, http.MethodGet, back, nil, "Accept-Language", lang+", en;q=0.5")) // the wish went with the request
		speaks(t, over, http.StatusBadRequest, "loginEnded", lang)
		speaks(t, s.get(p.url(append(wish, "response_mode", "form_post")...)), http.StatusOK, "backToSite", lang)
		speaks(t, s.get(p.url(append(wish, "response_mode", "form_post", "prompt", "none", "scope", "openid admin")...)), http.StatusOK, "backToSite", lang)
	}
}

// So are those about the server itself.
func TestOIDCPagesOfTrouble(t *testing.T) {
	t.Parallel()
	r := oidcRig(t, func(c *server.Config, _ *server.Secrets) {
		c.Limits.Disabled, c.Limits.InitiatePerIP = false, server.Rate{N: 1, Per: time.Minute}
	})
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	begun := s.get(p.url())
	operationOf(t, r, begun)
	speaks(t, s.get(p.url("ui_locales", "cs")), http.StatusTooManyRequests, "tooManyBegun", "cs")
	login := newSurfer(t, r, 0)
	login.http.Jar.SetCookies(request(t, http.MethodGet, r.Issuer, nil).URL, []*http.Cookie{{Name: "countersign-login", Value: "a.b"}, {Name: "__Host-countersign-login", Value: "a.b"}})
	r.Redis.Stop()
	for what, a := range map[string]reply{
		"a way back": s.get(r.Issuer + "/oidc/authorize/x?ui_locales=ar"),
		"a logout":   login.get(endSession(r, "ui_locales", "ar")),
	} {
		speaks(t, a, http.StatusServiceUnavailable, "serverBusy", "ar")
		if a.head.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
}

// What a page loads comes from the server itself, and is there.
func TestOIDCPagesAreWhole(t *testing.T) {
	t.Parallel()
	r := oidcRig(t)
	p, s := newParty(t, r, 0, rig.Service, "", demoCallback), newSurfer(t, r, 0)
	page := s.get(p.url("client_id", "x"))
	found := regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(found) != 2 {
		t.Fatalf("%v in %s", found, page.body)
	}
	for _, m := range found {
		if a := s.get(r.Issuer + m[1]); !strings.HasPrefix(m[1], "/") || a.status != http.StatusOK || a.body == "" {
			t.Errorf("%s: %d", m[1], a.status)
		}
	}
	if strings.Contains(page.body, "<a ") || strings.Contains(page.body, "<form") {
		t.Errorf("a page with a link: %s", page.body)
	}
}
