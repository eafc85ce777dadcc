package oidc

import (
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"countersign/session"
	"countersign/web"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// show answers the exchange with a page, whatever the library does.
func (x *exchange) show(status int, name web.NoticeName, detail string) {
	x.page = &web.Notice{Status: status, Name: name, Detail: detail}
}

// failed answers what is the server's fault.
func (d *door) failed(a *answer, r *http.Request, x *exchange, err error) {
	if d.Unavailable(err) {
		d.notice(a, r, web.Notice{Status: http.StatusServiceUnavailable, Name: web.NoticeServerBusy})
		return
	}
	d.Log.ErrorContext(r.Context(), "oidc", "path", x.path, "error", err)
	d.notice(a, r, web.Notice{Status: http.StatusInternalServerError, Name: web.NoticeServerFailed})
}

// notice makes a page the answer, in its user's language.
func (d *door) notice(a *answer, r *http.Request, n web.Notice) {
	a.body.Reset()
	a.header.Del("Location")
	if n.Status == http.StatusServiceUnavailable {
		a.header.Set("Retry-After", retryAfter)
	}
	if err := d.Pages.Notice(a, pageRequest(r), n); err != nil {
		d.Log.ErrorContext(r.Context(), "oidc: a page", "error", err)
		http.Error(a, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
	if n.Action != "" {
		a.header.Del("Cross-Origin-Opener-Policy") // the site's page that follows may have been opened by another of its own
	}
}

// pageRequest is a request as the pages read it, whose language is in the query.
func pageRequest(r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	out.URL.RawQuery = url.Values{"ui_locales": {exchangeOf(r.Context()).wishes.Locales}}.Encode()
	return out
}

// showError is the page for a request that must not be redirected: the client or
// its redirect_uri is wrong, or the request is gone. The developer of the client
// finds in the log what came and what is registered.
func (p *Provider) showError(_ http.ResponseWriter, r *http.Request, err error) error {
	remember(r.Context(), err)
	x := exchangeOf(r.Context())
	var known goidc.Error
	switch {
	case x.failed != nil && p.Unavailable(x.failed), p.Unavailable(err), errors.Is(err, session.ErrFull):
		x.show(http.StatusServiceUnavailable, web.NoticeServerBusy, "")
		return nil
	case !errors.As(err, &known):
		p.Log.ErrorContext(r.Context(), "oidc: authorize", "error", err)
		x.show(http.StatusInternalServerError, web.NoticeServerFailed, "")
		return nil
	}
	if r.URL.Path != pathAuthorize { // back from the login page, to a request that is over: the site did nothing wrong
		x.show(http.StatusBadRequest, web.NoticeLoginEnded, "")
		return nil
	}
	id, got := r.Form.Get("client_id"), withoutQuery(r.Form.Get("redirect_uri"))
	c, _ := p.client(id)
	reason := x.reason(known.Description)
	p.Log.WarnContext(r.Context(), "oidc: a request is refused and not redirected", "client", clip(id), "error", string(known.Code)+": "+reason,
		"redirect_uri", clip(got), "registered", withoutQueries(c.RedirectURIs))
	x.show(http.StatusBadRequest, web.NoticeCannotBegin, string(known.Code)+": "+reason)
	return nil
}

// withoutQuery is a URI without what a client may have hidden in it.
func withoutQuery(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "not a URI"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func withoutQueries(uris []string) []string {
	out := make([]string, len(uris))
	for i, u := range uris {
		out[i] = withoutQuery(u)
	}
	return out
}

// clip bounds what a stranger writes into the log.
func clip(s string) string { return s[:min(len(s), 200)] }

// hidden finds the fields of the library's page for response_mode form_post,
// which html/template has escaped.
func hidden() *regexp.Regexp { return regexp.MustCompile(`name="([a-z_]+)" value="([^"]*)"`) }

func action() *regexp.Regexp { return regexp.MustCompile(`action="([^"]*)"`) }

// formPost is the page that posts the answer to the client: the library's has a
// script that our policy does not let run, and nothing for who has none.
func (d *door) formPost(a *answer, r *http.Request, x *exchange) {
	n := web.Notice{Status: http.StatusOK, Name: web.NoticeBackToSite}
	if m := action().FindSubmatch(a.body.Bytes()); m != nil {
		n.Action = html.UnescapeString(string(m[1]))
	}
	for _, m := range hidden().FindAllSubmatch(a.body.Bytes(), -1) {
		n.Fields = append(n.Fields, web.Field{Name: string(m[1]), Value: html.UnescapeString(string(m[2]))})
	}
	byName := func(name string) int {
		return slices.IndexFunc(n.Fields, func(f web.Field) bool { return f.Name == name })
	}
	if code, text := byName("error"), byName("error_description"); code >= 0 && text >= 0 {
		n.Fields[code].Value, n.Fields[text].Value = x.told(n.Fields[code].Value, n.Fields[text].Value)
	}
	d.notice(a, r, n)
}
