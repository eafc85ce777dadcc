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
	"slices"
	"strings"
)

// login is the name of the browser login's cookie, without its prefix.
const login = "countersign-login"

// begins is what the name of an operation's cookie begins with, before the id. Each
// has its own: two that are begun at the same moment do not overwrite each other.
const begins = "countersign-"

// operationPrefix is what the ids of operations begin with.
const operationPrefix = "op_"

// most is about how many operations one browser runs at a time: tabs that somebody
// really uses. The oldest go.
const most = 8

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

// Add remembers the secret of an operation, and forgets the oldest of more than
// eight.
func (j Jar) Add(w http.ResponseWriter, r *http.Request, id, secret string) {
	j.Trim(w, r, id)
	j.set(w, begins+id, secret)
}

// Trim forgets the oldest operations of more than eight, one of which is id. A form of
// another site comes without our cookies, so what it begins puts none out; when its
// page is opened they are there. Too many would make a header that nobody takes.
func (j Jar) Trim(w http.ResponseWriter, r *http.Request, id string) {
	others := slices.DeleteFunc(j.operations(r), func(known string) bool { return known == id })
	for _, old := range others[:max(0, len(others)-most+1)] {
		j.set(w, begins+old, "")
	}
}

// Secret is that of an operation; empty: this browser has none.
func (j Jar) Secret(r *http.Request, id string) string {
	if !strings.HasPrefix(id, operationPrefix) {
		return ""
	}
	return j.value(r, begins+id)
}

// Drop forgets an operation.
func (j Jar) Drop(w http.ResponseWriter, id string) { j.set(w, begins+id, "") }

// operations lists those that the browser has cookies of, the oldest first, which
// is how browsers send them (RFC 6265 §5.4).
func (j Jar) operations(r *http.Request) (ids []string) {
	for _, c := range r.Cookies() {
		if id, ok := strings.CutPrefix(c.Name, j.name(begins)); ok && strings.HasPrefix(id, operationPrefix) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// SetLogin remembers the browser login; an empty value forgets it.
func (j Jar) SetLogin(w http.ResponseWriter, value string) { j.set(w, login, value) }

// Login is the browser login's value; empty: there is none.
func (j Jar) Login(r *http.Request) string { return j.value(r, login) }

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
