package cookie

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// browser sends back what it was given, as a browser does: the oldest first.
type browser struct{ cookies []*http.Cookie }

func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	return r
}

func (b *browser) take(w *httptest.ResponseRecorder) []*http.Cookie {
	took := w.Result().Cookies()
	for _, c := range took {
		i := slices.IndexFunc(b.cookies, func(had *http.Cookie) bool { return had.Name == c.Name })
		switch {
		case i < 0 && c.MaxAge >= 0:
			b.cookies = append(b.cookies, c)
		case i >= 0 && c.MaxAge < 0:
			b.cookies = slices.Delete(b.cookies, i, i+1)
		case i >= 0:
			b.cookies[i] = c // which stays as old as it was (RFC 6265 §5.3)
		}
	}
	return took
}

func TestOperations(t *testing.T) {
	b, j := &browser{}, Jar{}
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 3, 9} {
		id, w := fmt.Sprint("op_", n), httptest.NewRecorder()
		j.Add(w, b.request(), id, "secret-of-"+id)
		for _, c := range b.take(w) {
			if !strings.HasPrefix(c.Name, "__Host-countersign-op_") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.SameSite != http.SameSiteLaxMode || c.Domain != "" || c.MaxAge > 0 {
				t.Fatalf("%+v", c)
			}
		}
	}
	for id, want := range map[string]string{"op_1": "", "op_2": "secret-of-op_2", "op_9": "secret-of-op_9", "op_3": "secret-of-op_3", "op_": "", "": "", "login": ""} {
		if got := j.Secret(b.request(), id); got != want {
			t.Errorf("%s: %q", id, got)
		}
	}
	w := httptest.NewRecorder()
	j.Drop(w, "op_3")
	b.take(w)
	if j.Secret(b.request(), "op_3") != "" || j.Secret(b.request(), "op_5") == "" || len(b.cookies) != most-1 {
		t.Errorf("dropped another than meant: %v", b.cookies)
	}
}

// Two tabs begin at the same moment: neither request knows of the other's cookie.
func TestTwoAtOnce(t *testing.T) {
	b, j := &browser{}, Jar{}
	before := b.request()
	for _, id := range []string{"op_1", "op_2"} {
		w := httptest.NewRecorder()
		j.Add(w, before, id, "secret-of-"+id)
		b.take(w)
	}
	for _, id := range []string{"op_1", "op_2"} {
		if got := j.Secret(b.request(), id); got != "secret-of-"+id {
			t.Errorf("%s: %q", id, got)
		}
	}
}

// Another site's forms begin many operations: none of their requests has a cookie.
func TestManyAtOnce(t *testing.T) {
	b, j := &browser{}, Jar{}
	none := b.request()
	for n := range 3 * most {
		w := httptest.NewRecorder()
		j.Add(w, none, fmt.Sprint("op_", n), "secret")
		b.take(w)
	}
	w := httptest.NewRecorder()
	j.Trim(w, b.request(), "op_0")
	b.take(w)
	if j.Secret(b.request(), "op_0") == "" || j.Secret(b.request(), fmt.Sprint("op_", 3*most-1)) == "" || len(b.cookies) != most {
		t.Errorf("left: %v", b.cookies)
	}
}

// The browser login is no operation, and is not put out by them.
func TestOperationsAndLogin(t *testing.T) {
	b, j, w := &browser{}, Jar{}, httptest.NewRecorder()
	j.SetLogin(w, "value")
	b.take(w)
	for n := range 2 * most {
		w := httptest.NewRecorder()
		j.Add(w, b.request(), fmt.Sprint("op_", n), "secret")
		b.take(w)
	}
	if j.Login(b.request()) != "value" || len(b.cookies) != most+1 {
		t.Errorf("%v", b.cookies)
	}
}

func TestForeignCookies(t *testing.T) {
	for name, header := range map[string]string{
		"two of one name": "__Host-countersign-op_1=a; __Host-countersign-op_1=a",
		"without prefix":  "countersign-op_1=a",
		"no secret":       "__Host-countersign-op_1=",
		"no value":        "__Host-countersign-op_1",
		"too long":        "__Host-countersign-op_1=" + strings.Repeat("x", maxValue+1),
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", header)
		if got := (Jar{}).Secret(r, "op_1"); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestLogin(t *testing.T) {
	b, j, w := &browser{}, Jar{Insecure: true}, httptest.NewRecorder()
	j.SetLogin(w, "first")
	j.SetLogin(w, "value")
	if c := b.take(w); len(c) != 1 || c[0].Name != "countersign-login" || c[0].Secure || !c[0].HttpOnly {
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
	if b.take(w); len(b.cookies) != 0 {
		t.Errorf("left: %v", b.cookies)
	}
}
