package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The page of an operation has what its script must know, escaped, and the looks
// of its service.
func TestOperationPage(t *testing.T) {
	p := newPages(t, Options{})
	w := httptest.NewRecorder()
	if err := p.Operation(w, get("/login?operation=op_1", "Accept-Language", "sv"), Operation{ID: "op_1", Service: "plain/shop"}); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, want := range []string{`<html lang="sv"`, `data-operation="op_1"`, `data-issuer="https://login.example.com"`, `data-lang="sv"`,
		`data-service="plain/shop"`, `data-service-name="Bob&#39;s &lt;Shop&gt;"`, `data-logo="/assets/logo?service=plain%2Fshop&amp;v=`,
		`/assets/brand.css?service=plain%2Fshop&amp;v=`, `src="/assets/login/operation.js?v=`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	for _, not := range []string{"data-approval", "data-ends-here"} {
		if strings.Contains(body, not) {
			t.Errorf("%s in\n%s", not, body)
		}
	}
	if w.Code != http.StatusOK || w.Header().Get("Content-Security-Policy") != policy || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if _, there := p.files["login/operation.js"]; !there {
		t.Error("its script is not embedded")
	}
}

// What is no login is not called one.
func TestApprovalPage(t *testing.T) {
	p := newPages(t, Options{})
	w := httptest.NewRecorder()
	if err := p.Operation(w, get("/login?operation=op_1"), Operation{ID: "op_1", Service: "demo", Approval: true, EndsHere: true}); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, want := range []string{"<title>Approve at Acme Bank</title>", ` data-approval`, ` data-ends-here>`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if strings.Contains(body, "Log in") {
		t.Errorf("a login: %s", body)
	}
}

// The page of no operation says nothing that depends on the address.
func TestNotYoursPage(t *testing.T) {
	p := newPages(t, Options{})
	seen := map[string]bool{}
	for _, target := range []string{"/login?operation=op_1", "/login?operation=op_2&service=demo", "/login?operation=%3Cscript%3E"} {
		w := httptest.NewRecorder()
		if err := p.NotYours(w, get(target)); err != nil {
			t.Fatal(err)
		}
		seen[w.Body.String()] = true
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Security-Policy") != policy || strings.Contains(w.Body.String(), "<script") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d pages", len(seen))
	}
}

func TestText(t *testing.T) {
	p := newPages(t, Options{})
	en, de := p.Text(get("/"), "byPhone"), p.Text(get("/", "Accept-Language", "de"), "byPhone")
	if en == "" || de == "" || en == de || p.Text(get("/"), "nothing") != "" {
		t.Errorf("%q, %q", en, de)
	}
}
