package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func notice(t *testing.T, r *http.Request, n Notice) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := newPages(t, Options{}).Notice(w, r, n); err != nil {
		t.Fatal(err)
	}
	return w
}

// Every page of the provider has its own words in every language, under a policy that
// lets it do nothing.
func TestNotices(t *testing.T) {
	for _, l := range languages {
		seen := map[string]bool{}
		for _, name := range Notices() {
			w := notice(t, get("/oidc/authorize?service=demo&ui_locales="+l), Notice{Name: name, Status: http.StatusTeapot})
			text := newPages(t, Options{}).texts.by[l]
			title := text[string(name)+"Title"]
			body := w.Body.String()
			if title == "" || text[string(name)+"Text"] == "" || seen[title] {
				t.Errorf("%s in %s: %q, %q", name, l, title, text[string(name)+"Text"])
			}
			seen[title] = true
			for _, want := range []string{`<html lang="` + l + `" dir="` + direction(l) + `">`, "<title>" + title + "</title>", "<h1>" + title + "</h1>", "<p>" + text[string(name)+"Text"] + "</p>"} {
				if !strings.Contains(body, want) {
					t.Errorf("%s in %s: no %s in\n%s", name, l, want, body)
				}
			}
			for _, not := range []string{"<form", "<script", "<a ", "detail", "brand.css", "Acme"} {
				if strings.Contains(body, not) {
					t.Errorf("%s in %s: %s in\n%s", name, l, not, body)
				}
			}
			if csp := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusTeapot ||
				csp != "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'" {
				t.Errorf("%s: %d under %q", name, w.Code, csp)
			}
		}
	}
}

// What is for the developers of a site stays English, and reads from the left, in a
// page that does not.
func TestNoticeDetail(t *testing.T) {
	w := notice(t, get("/oidc/authorize?ui_locales=ar"), Notice{Name: NoticeCannotBegin, Status: http.StatusBadRequest, Detail: `invalid_request: <b>no</b>`})
	want := `<p class="detail">لمطوّري الموقع: <span lang="en" dir="ltr">invalid_request: &lt;b&gt;no&lt;/b&gt;</span></p>`
	if !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %s in\n%s", want, w.Body)
	}
}

// A form is sent by one line of script, the only one that may run, or by a button;
// what is in it cannot become anything else.
func TestNoticeForm(t *testing.T) {
	n := Notice{Name: NoticeBackToSite, Status: http.StatusOK, Action: "https://shop.example/callback?tenant=1", Fields: []Field{{"state", `"><script>alert(1)</script>`}}}
	w := notice(t, get("/oidc/authorize?ui_locales=de"), n)
	for _, want := range []string{`<form method="post" action="https://shop.example/callback?tenant=1">`, `name="state" value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"`,
		`<button class="primary">Weiter</button>`, "<script>document.forms[0].submit()</script>"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	if n := strings.Count(w.Body.String(), "<script"); n != 1 {
		t.Errorf("%d scripts in\n%s", n, w.Body)
	}
	// The hash is of the script, as openssl has it.
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "; script-src 'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='") || strings.Contains(csp, "form-action") || !strings.Contains(csp, "base-uri 'none'; frame-ancestors 'none'") {
		t.Errorf("%q", csp)
	}
	n.Action = "javascript:alert(1)"
	if w := notice(t, get("/oidc/authorize"), n); strings.Contains(w.Body.String(), "javascript") {
		t.Errorf("%s", w.Body)
	}
}
