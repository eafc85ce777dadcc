// Package cookie keeps the cookies by which a browser proves that it is the one
// that began something: the operations it runs, and its browser login.
//
// Every cookie has the prefix __Host- (RFC 6265bis): Secure, for the path / and
// this host alone, so that neither a neighbour's host nor an unencrypted answer
// can plant one. It is HttpOnly, because no script of a page needs it, and
// SameSite=Lax, because a login begins with a link from another site. Under an
// http issuer, which is for tests, the prefix and Secure go, as browsers refuse
// them there.
package cookie

import (
	"net/http"
	"strings"
)

// The names of the cookies, without their prefix.
const (
	operations = "countersign-op"
	login      = "countersign-login"
)

// most is how many operations one browser runs at a time: tabs that somebody
// really uses. The oldest goes.
const most = 4

// maxValue bounds what is read of a cookie; what is longer is not ours.
const maxValue = 1024

// A Jar reads and writes the cookies of an issuer. The zero value is that of an
// https one.
type Jar struct {
	Insecure bool // the issuer is http
}

func (j Jar) name(short string) string {
	if j.Insecure {
		return short
	}
	return "__Host-" + short
}

// Add remembers the secret of an operation, as the newest of at most four.
func (j Jar) Add(w http.ResponseWriter, r *http.Request, id, secret string) {
	entries := append([]entry{{id, secret}}, j.without(r, id)...)
	j.set(w, operations, join(entries[:min(len(entries), most)]))
}

// Secret is that of an operation; empty: this browser has none.
func (j Jar) Secret(r *http.Request, id string) string {
	for _, e := range j.entries(r) {
		if e.id == id {
			return e.secret
		}
	}
	return ""
}

// Drop forgets an operation.
func (j Jar) Drop(w http.ResponseWriter, r *http.Request, id string) {
	j.set(w, operations, join(j.without(r, id)))
}

// SetLogin remembers the browser login; an empty value forgets it.
func (j Jar) SetLogin(w http.ResponseWriter, value string) { j.set(w, login, value) }

// Login is the browser login's value; empty: there is none.
func (j Jar) Login(r *http.Request) string { return j.value(r, login) }

// entry is one operation in the cookie: {id}.{secret}, joined by ~.
type entry struct{ id, secret string }

func join(entries []entry) string {
	parts := make([]string, 0, len(entries))
	for _, e := range entries {
		parts = append(parts, e.id+"."+e.secret)
	}
	return strings.Join(parts, "~")
}

// entries reads the cookie, and drops what is not of its form.
func (j Jar) entries(r *http.Request) (out []entry) {
	for _, part := range strings.Split(j.value(r, operations), "~") {
		id, secret, ok := strings.Cut(part, ".")
		if ok && id != "" && secret != "" && len(out) < most {
			out = append(out, entry{id, secret})
		}
	}
	return out
}

func (j Jar) without(r *http.Request, id string) (out []entry) {
	for _, e := range j.entries(r) {
		if e.id != id {
			out = append(out, e)
		}
	}
	return out
}

// value is the cookie's. Of two with one name none counts: one of them was
// planted.
func (j Jar) value(r *http.Request, short string) string {
	found := r.CookiesNamed(j.name(short))
	if len(found) != 1 || len(found[0].Value) > maxValue {
		return ""
	}
	return found[0].Value
}

// set writes a cookie that ends with the browser; how long what it stands for
// lives is the server's record's business. An empty value deletes it. A cookie
// written earlier for the same answer is replaced.
func (j Jar) set(w http.ResponseWriter, short, value string) {
	//nolint:gosec // Secure but where there is no TLS, which must be configured
	c := &http.Cookie{Name: j.name(short), Value: value, Path: "/", HttpOnly: true, Secure: !j.Insecure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	var kept []string
	for _, line := range w.Header().Values("Set-Cookie") {
		if !strings.HasPrefix(line, c.Name+"=") {
			kept = append(kept, line)
		}
	}
	w.Header()["Set-Cookie"] = append(kept, c.String())
}
