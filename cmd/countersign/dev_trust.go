package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
)

// The page that shows how to trust the local authority. It is plain http, since
// a phone that does not trust it yet could not open another: so a page forged on
// the way is possible, and the fingerprint is compared with the terminal's.

//go:embed trust/trust.html
var trustPage string

//go:embed trust/trust.css
var trustStyle []byte

// trustPolicy lets the page have its style sheet, and nothing else.
const trustPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// certificatePath is where the authority's certificate is got, with the name
// that a downloaded file then has.
const certificatePath = "/countersign-ca.crt"

// startTrust serves the page, with --lan.
func (d *development) startTrust(beside *besides) error {
	if d.lan == nil || d.trust.listener == nil {
		return nil
	}
	h, err := d.trustHandler()
	if err != nil {
		return err
	}
	beside.serve("trust page", d.trust.listener, h)
	return nil
}

func (d *development) trustHandler() (http.Handler, error) {
	page, err := template.New("trust").Parse(trustPage)
	if err != nil {
		return nil, fmt.Errorf("trust page: %w", err)
	}
	var text bytes.Buffer
	ca := d.lan.ca
	if err := page.Execute(&text, map[string]string{
		"Name": ca.Name(), "Fingerprint": ca.Fingerprint(), "Expires": ca.Expires().Format("2 January 2006"),
		"Certificate": certificatePath, "Authenticator": d.issuer + "/authenticator", "Issuer": d.issuer,
	}); err != nil {
		return nil, fmt.Errorf("trust page: %w", err)
	}
	mux := http.NewServeMux()
	for path, content := range map[string]struct {
		kind string
		body []byte
	}{
		"/{$}":       {"text/html; charset=utf-8", text.Bytes()},
		"/trust.css": {"text/css; charset=utf-8", trustStyle},
		// This type makes iOS offer a profile, and Android keep a file that its settings import.
		certificatePath: {"application/x-x509-ca-cert", ca.DER()},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", content.kind)
			h.Set("Content-Security-Policy", trustPolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-store")
			w.Write(content.body)
		})
	}
	return mux, nil
}
