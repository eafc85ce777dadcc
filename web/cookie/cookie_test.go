package cookie

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// browser sends back what it was given, as a browser does.
type browser struct{ cookies map[string]string }

func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (b *browser) take(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies: %v", len(cookies), cookies)
	}
	c := cookies[0]
	if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
		delete(b.cookies, c.Name)
	}
	return c
}

func TestOperations(t *testing.T) {
	b, j := &browser{cookies: map[string]string{}}, Jar{}
	for _, id := range []string{"op_1", "op_2", "op_3", "op_4", "op_5", "op_3"} {
		w := httptest.NewRecorder()
		j.Add(w, b.request(), id, "secret-of-"+id)
		c := b.take(t, w)
		if c.Name != "__Host-countersign-op" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.SameSite != http.SameSiteLaxMode || c.Domain != "" || c.MaxAge != 0 {
			t.Fatalf("%+v", c)
		}
	}
	for id, want := range map[string]string{"op_1": "", "op_2": "secret-of-op_2", "op_5": "secret-of-op_5", "op_3": "secret-of-op_3", "op_": "", "": ""} {
		if got := j.Secret(b.request(), id); got != want {
			t.Errorf("%s: %q", id, got)
		}
	}
	w := httptest.NewRecorder()
	j.Drop(w, b.request(), "op_3")
	b.take(t, w)
	if j.Secret(b.request(), "op_3") != "" || j.Secret(b.request(), "op_5") == "" {
		t.Error("dropped another than meant")
	}
	for _, id := range []string{"op_2", "op_4", "op_5"} {
		w := httptest.NewRecorder()
		j.Drop(w, b.request(), id)
		b.take(t, w)
	}
	if len(b.cookies) != 0 {
		t.Errorf("left: %v", b.cookies)
	}
}

func TestForeignCookies(t *testing.T) {
	for name, header := range map[string]string{
		"two of one name": "__Host-countersign-op=op_1.a; __Host-countersign-op=op_1.a",
		"without prefix":  "countersign-op=op_1.a",
		"no secret":       "__Host-countersign-op=op_1.",
		"no dot":          "__Host-countersign-op=op_1",
		"too long":        "__Host-countersign-op=op_1.a~" + strings.Repeat("x", maxValue),
		"fifth":           "__Host-countersign-op=a.a~b.b~c.c~d.d~op_1.a",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", header)
		if got := (Jar{}).Secret(r, "op_1"); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestLogin(t *testing.T) {
	b, j, w := &browser{cookies: map[string]string{}}, Jar{Insecure: true}, httptest.NewRecorder()
	j.SetLogin(w, "first")
	j.SetLogin(w, "value")
	if c := b.take(t, w); c.Name != "countersign-login" || c.Secure || !c.HttpOnly {
		t.Errorf("%+v", c)
	}
	if got := j.Login(b.request()); got != "value" {
		t.Errorf("%q", got)
	}
	if got := (Jar{}).Login(b.request()); got != "" {
		t.Errorf("https took an http cookie: %q", got)
	}
	w = httptest.NewRecorder()
	j.SetLogin(w, "")
	if b.take(t, w); len(b.cookies) != 0 {
		t.Errorf("left: %v", b.cookies)
	}
}
