package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// view is what the templates show.
type view struct {
	Title    string
	Customer *customer // nil: nobody is logged in
	Trouble  string
	Asked    string // the id that the login asks
	Approval *approval
	Wish     *wish
	Order    *order
	Proof    *proof
	Receipt  *receipt
}

// approval is what the script needs to put the element into the page.
type approval struct {
	Issuer, Start, Token string
	About                string // tells this page's session from another's after a reload
}

// render writes a page; what it shows is known to be well-formed, so an error is
// the template's.
func (b *Bank) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	if c, ok := b.visits.customer(b.browser(r)); ok {
		v.Customer = &c
	}
	var page bytes.Buffer
	if err := b.pages.ExecuteTemplate(&page, name, v); err != nil {
		b.o.Log.Error("bank: page", "name", name, "error", err)
		http.Error(w, "this page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the browser may have gone
}

// file gives the script, the style and the icon.
func (b *Bank) file(w http.ResponseWriter, r *http.Request) error {
	name, kinds := r.PathValue("file"), map[string]string{
		"bank.js": "text/javascript; charset=utf-8", "bank.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
	kind, known := kinds[name]
	if !known {
		return b.nothing(w, r)
	}
	at := name
	if path.Ext(name) != ".svg" {
		at = "dist/" + name
	}
	body, err := fs.ReadFile(content, at)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	return nil
}

func (b *Bank) nothing(http.ResponseWriter, *http.Request) error {
	return refusal{http.StatusNotFound, "There is nothing at this address."}
}
