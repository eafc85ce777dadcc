package oidc

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign/session"
	"countersign/web"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

var errAway = errors.New("the store is away")

// newDoor is one before a library that does as it is told.
func newDoor(t *testing.T, library func(p *Provider, w http.ResponseWriter, r *http.Request)) *door {
	t.Helper()
	pages, err := web.New(web.Options{Issuer: "https://login.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Provider: &Provider{Issuer: "https://login.example.com", Pages: pages, Log: slog.New(slog.DiscardHandler), Unavailable: func(err error) bool { return errors.Is(err, errAway) }}}
	d.library = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		library(d.Provider, w, r)
	})
	return d
}

// shut is a library that nothing may reach.
func shut(t *testing.T) *door {
	t.Helper()
	return newDoor(t, func(_ *Provider, _ http.ResponseWriter, r *http.Request) { t.Errorf("%s reached the library", r.URL) })
}

func (d *door) ask(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// wantPage checks that an answer is a page of the provider in a language.
func wantPage(t *testing.T, what string, w *httptest.ResponseRecorder, status int, title, lang string) {
	t.Helper()
	body, head := w.Body.String(), w.Header()
	if w.Code != status || !strings.Contains(body, "<h1>"+title+"</h1>") || !strings.Contains(body, `<html lang="`+lang+`"`) || strings.Count(body, "<html") != 1 {
		t.Errorf("%s: %d, want %d %s in %s\n%s", what, w.Code, status, title, lang, body)
	}
	if head.Get("Location") != "" || head.Get("Cache-Control") != "no-store" || !strings.HasPrefix(head.Get("Content-Security-Policy"), "default-src 'none'; ") ||
		head.Get("X-Frame-Options") != "DENY" || head.Get("Content-Type") != "text/html; charset=utf-8" || strings.Contains(body, "evil") {
		t.Errorf("%s: %v\n%s", what, head, body)
	}
	if (head.Get("Retry-After") != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("%s: Retry-After is %q", what, head.Get("Retry-After"))
	}
}

func formRequest(target, kind, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

// What the door refuses is said in the language of the user, as far as the request
// could be read, with the error for the site's developers.
func TestPagesOfTheDoor(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for what, x := range map[string]struct {
		r      *http.Request
		status int
		title  string
		lang   string
	}{
		"twice":       {httptest.NewRequest(http.MethodGet, pathAuthorize+"?ui_locales=fi+de&evil=1&evil=2", nil), 400, "Diese Anmeldung kann nicht beginnen", "de"},
		"malformed":   {httptest.NewRequest(http.MethodGet, pathAuthorize+"?ui_locales=sv&a=%evil", nil), 400, "Inloggningen kan inte börja", "sv"},
		"max_age":     {httptest.NewRequest(http.MethodGet, pathAuthorize+"?ui_locales=fr&max_age=evil", nil), 400, "Cette connexion ne peut pas commencer", "fr"},
		"by a form":   {formRequest(pathAuthorize, form, "ui_locales=es&max_age=evil"), 400, "Este inicio de sesión no puede comenzar", "es"},
		"too large":   {formRequest(pathAuthorize+"?ui_locales=cs", form, "evil="+strings.Repeat("x", maxBody)), 413, "Toto přihlášení nemůže začít", "cs"},
		"other type":  {formRequest(pathAuthorize, "text/evil", "x"), 415, "This login cannot begin", "en"},
		"long wishes": {httptest.NewRequest(http.MethodGet, pathAuthorize+"?max_age=evil&ui_locales=de"+strings.Repeat("+de", 33), nil), 400, "This login cannot begin", "en"},
		"a logout":    {httptest.NewRequest(http.MethodGet, pathEndSession+"?ui_locales=ar&evil=1&evil=2", nil), 400, "لا يمكن إتمام تسجيل الخروج هذا", "ar"},
	} {
		w := shut(t).ask(x.r)
		wantPage(t, what, w, x.status, x.title, x.lang)
		if !strings.Contains(w.Body.String(), `<span lang="en" dir="ltr">invalid_request: `) {
			t.Errorf("%s: nothing for the developers in\n%s", what, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodGet, pathAuthorize+"?max_age=soon", nil)
	r.Header.Set("Accept-Language", "fi, de;q=0.8")
	wantPage(t, "the browser's language", shut(t).ask(r), 400, "Diese Anmeldung kann nicht beginnen", "de")
}

// What the library does not redirect is a page in its place, whatever it has written:
// whose fault it is decides which.
func TestPagesOfErrors(t *testing.T) {
	known := goidc.NewError(goidc.ErrorCodeInvalidClient, "no such client")
	for what, x := range map[string]struct {
		path   string
		err    error
		status int
		title  string
	}{
		"the site's":        {pathAuthorize, known, 400, "This login cannot begin"},
		"nobody's":          {pathAuthorize + "/x", known, 400, "This login has ended"},
		"ours":              {pathAuthorize, errors.New("evil"), 500, "Something went wrong"},
		"without the store": {pathAuthorize, errAway, 503, "Try again in a moment"},
		"full":              {pathAuthorize, session.ErrFull, 503, "Try again in a moment"},
	} {
		w := newDoor(t, func(p *Provider, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://evil.example/")
			_, _ = io.WriteString(w, "<html>evil")
			_ = p.showError(w, r, x.err)
		}).ask(httptest.NewRequest(http.MethodGet, x.path, nil))
		wantPage(t, what, w, x.status, x.title, "en")
		if developers := strings.Contains(w.Body.String(), "invalid_client: no such client"); developers != (what == "the site's") {
			t.Errorf("%s: the developers are told %v\n%s", what, developers, w.Body)
		}
		if w.Header().Get("Set-Cookie") == "" {
			t.Errorf("%s: the cookies are lost", what)
		}
	}
}

// So it is where a logout goes wrong.
func TestPagesOfLogoutErrors(t *testing.T) {
	for err, x := range map[error]struct {
		status int
		title  string
	}{errAway: {503, "Try again in a moment"}, errors.New("evil"): {500, "Something went wrong"}} {
		a, r := newAnswer(), httptest.NewRequest(http.MethodGet, pathEndSession, nil)
		a.header.Set("Location", "https://evil.example/")
		shut(t).failed(a, r, exchangeOf(r.Context()), err)
		w := httptest.NewRecorder()
		a.writeTo(w)
		wantPage(t, err.Error(), w, x.status, x.title, "en")
	}
}

// The library's form becomes ours, with all its fields and none of its scripts; the
// page that it leads to may belong to a window of the site's.
func TestPageOfFormPost(t *testing.T) {
	w := newDoor(t, func(_ *Provider, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<html><body onload="evil()"><form method="post" action="https://shop.example/callback?a=1&amp;b=2">`+
			`<input type="hidden" name="code" value="c"/><input type="hidden" name="state" value="&lt;x&gt;"/></form></body></html>`)
	}).ask(httptest.NewRequest(http.MethodGet, pathAuthorize+"?ui_locales=de", nil))
	wantPage(t, "a form", w, http.StatusOK, "Zurück zur Website", "de")
	for _, want := range []string{`action="https://shop.example/callback?a=1&amp;b=2"`, `name="code" value="c"`, `name="state" value="&lt;x&gt;"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	if got := w.Header().Get("Cross-Origin-Opener-Policy"); got != "" {
		t.Errorf("the window is cut from who opened it: %s", got)
	}
}

// brokenPages cannot write any.
type brokenPages struct{ *web.Pages }

// Notice fails.
func (brokenPages) Notice(http.ResponseWriter, *http.Request, web.Notice) error {
	return errors.New("secret")
}

// A page that cannot be written is the server's fault, and said in few words.
func TestPageThatFails(t *testing.T) {
	d := shut(t)
	d.Pages = brokenPages{}
	w := d.ask(httptest.NewRequest(http.MethodGet, pathAuthorize+"?a=1&a=2", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") || w.Header().Get("Location") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// A login that another site's page has sent by a form comes once more, whole, from a page
// of ours; not in a frame, where the page would not show, and not from our own.
func TestSentOnceMore(t *testing.T) {
	const form, body = "application/x-www-form-urlencoded", "client_id=demo&state=%22a%3C&request_uri=https%3A%2F%2Fa.example"
	across := func(target, body string, head ...string) *http.Request {
		r := formRequest(target, form, body)
		for i := 0; i < len(head); i += 2 {
			r.Header.Set(head[i], head[i+1])
		}
		return r
	}
	cross := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "document"}
	w := shut(t).ask(across(pathAuthorize+"?ui_locales=de", body, cross...))
	wantPage(t, "across", w, 200, "Anmelden", "de")
	for _, want := range []string{`<form method="post" action="https://login.example.com/oidc/authorize">`, `name="client_id" value="demo"`, `name="state" value="&#34;a&lt;"`,
		`name="request_uri" value="https://a.example"`, `name="ui_locales" value="de"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	wantPage(t, "twice the same", shut(t).ask(across(pathAuthorize, "state=1&state=2", cross...)), 400, "This login cannot begin", "en")
	for what, r := range map[string]*http.Request{
		"from here":      across(pathAuthorize, body, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "document"),
		"of a neighbour": across(pathAuthorize, body, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Dest", "document"),
		"in a frame":     across(pathAuthorize, body, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe"),
		"not said":       across(pathAuthorize, body),
		"to the token":   across(pathToken, "grant_type=x&client_id=demo", cross...),
	} {
		if again(parsed(t, r), &exchange{path: r.URL.Path}) != nil {
			t.Errorf("%s: sent once more", what)
		}
	}
}

func parsed(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	return r
}
