package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// A Notice is a page that the OpenID Provider shows where it sends the browser
// nowhere, or by a form. It has nobody's looks: the request that names a service may
// be a stranger's.
type Notice struct {
	Name   NoticeName
	Status int
	// Detail is for the developers of the site that sent the browser here, in
	// English; empty: there is nothing for them.
	Detail string
	// Action is where a form with Fields goes as soon as the page is there, or when
	// its user says so where scripts do not run; empty: there is no form.
	Action string
	Fields []Field
}

// A NoticeName says which of the pages it is; its texts are under it.
type NoticeName string

// The pages.
const (
	NoticeCannotBegin  NoticeName = "cannotBegin"  // a login, as it was asked for
	NoticeCannotLogOut NoticeName = "cannotLogOut" // as it was asked for
	NoticeOtherBrowser NoticeName = "otherBrowser" // began what comes back here
	NoticeLoginEnded   NoticeName = "loginEnded"   // what comes back was used, or too late
	NoticeTooManyBegun NoticeName = "tooManyBegun" // logins, from this address
	NoticeServerFailed NoticeName = "serverFailed"
	NoticeServerBusy   NoticeName = "serverBusy" // or without its store
	NoticeBackToSite   NoticeName = "backToSite" // a form with the answer
	NoticeSendLogin    NoticeName = "sendLogin"  // a form that comes here again
	NoticeSendLogout   NoticeName = "sendLogout" // likewise
)

// Notices lists them.
func Notices() []NoticeName {
	return []NoticeName{NoticeCannotBegin, NoticeCannotLogOut, NoticeOtherBrowser, NoticeLoginEnded, NoticeTooManyBegun, NoticeServerFailed,
		NoticeServerBusy, NoticeBackToSite, NoticeSendLogin, NoticeSendLogout}
}

// stillPolicy is that of a page that does nothing.
const stillPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"

const submit = "document.forms[0].submit()"

// Notice writes a page of the provider. With a form its policy lets that one line of
// script run, and says nothing of form-action: browsers hold the site's own redirects
// after the form against it too.
func (p *Pages) Notice(w http.ResponseWriter, r *http.Request, n Notice) error {
	v, t := p.view(r, "")
	v.Title, v.Text = t[string(n.Name)+"Title"], t[string(n.Name)+"Text"]
	v.Detail, v.ForDevelopers = n.Detail, t["forDevelopers"]
	if n.Action == "" {
		v.Sign = signNote
		return p.write(w, n.Status, "notice.html", v, stillPolicy+"; form-action 'none'")
	}
	v.Form = &form{n.Action, n.Fields, []button{{"", "primary", t["goOn"]}}}
	v.Inline = submit
	sum := sha256.Sum256([]byte(submit))
	return p.write(w, n.Status, "notice.html", v, stillPolicy+"; script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
}
