package demo

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"countersign/api/rp"
)

const (
	jsonType = "application/json"
	maxBody  = 16 << 10
	maxAgent = 512
	maxID    = 64
)

// errLogin: the page is for customers who are logged in.
var errLogin = refusal{http.StatusUnauthorized, "You are not logged in, or were away for too long. Please log in again."}

func (b *Bank) home(w http.ResponseWriter, r *http.Request) error {
	b.render(w, r, http.StatusOK, "home.html", view{Title: "Acme Bank"})
	return nil
}

// loginPage is also where an app on this device sends the browser back to; the element
// in it does what is to be done then.
func (b *Bank) loginPage(w http.ResponseWriter, r *http.Request) error {
	id := strings.TrimSpace(r.URL.Query().Get("id"))
	v := view{Title: "Log in", Asked: id, Approval: &approval{Issuer: b.o.Issuer, Start: "/login/start", Token: id, About: "login " + id}}
	if id != "" && !visible(id, maxID) {
		v.Asked, v.Approval.Token, v.Trouble = "", "", "That is no Countersign id. It looks like tok_ and 22 letters and digits."
	}
	b.render(w, r, http.StatusOK, "login.html", v)
	return nil
}

// startLogin starts a login for this browser: of whoever scans the code, or of
// the identity that the user named.
func (b *Bank) startLogin(w http.ResponseWriter, r *http.Request) error {
	var q struct{ Challenge, TokenID string }
	if err := read(r, &q); err != nil {
		return err
	}
	if q.TokenID != "" && !visible(q.TokenID, maxID) {
		return refusal{http.StatusBadRequest, "That is no Countersign id."}
	}
	return b.start(r.Context(), w, r, rp.Start{TokenID: q.TokenID, Challenge: q.Challenge}, started{asked: q.TokenID})
}

func (b *Bank) logout(w http.ResponseWriter, r *http.Request) error {
	b.visits.leave(b.browser(r))
	b.keep(w, "")
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// requester is the browser as the bank sees it, for the phone to show. No proxy
// stands before a bank of development, so the peer is the browser.
func requester(r *http.Request) *rp.Requester {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil
	}
	agent := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1 // the server refuses what a phone cannot show as it is
		}
		return c
	}, r.UserAgent())
	return &rp.Requester{IP: at.Addr().Unmap().WithZone("").String(), UserAgent: agent[:min(len(agent), maxAgent)]}
}

// notStarted says in words why there is no session.
func (b *Bank) notStarted(w http.ResponseWriter, err error) error {
	b.o.Log.Warn("bank: no session", "error", err)
	var p *rp.Problem
	if !errors.As(err, &p) || p.Status >= http.StatusInternalServerError {
		return refusal{http.StatusBadGateway, "The login server cannot be reached just now. Please try again in a moment."}
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.RetryAfter.Seconds())))
	}
	switch {
	case p.Status == http.StatusTooManyRequests:
		return refusal{http.StatusTooManyRequests, "Too many attempts for now. Please wait a little."}
	case p.Code == "invalid_request":
		return refusal{http.StatusBadRequest, "The login server did not understand what this page sent."}
	}
	return refusal{http.StatusBadGateway, "The login server does not accept this bank: " + p.Code + "."}
}

// read reads what our own script sent. The content type is one that no form can
// send, nor another site without being asked.
func read(r *http.Request, v any) error {
	wrong := refusal{http.StatusBadRequest, "The page sent something that cannot be read. Please reload it."}
	if r.Header.Get("Content-Type") != jsonType {
		return wrong
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody || json.Unmarshal(body, v) != nil {
		return wrong
	}
	return nil
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the browser may have gone
}

// visible says whether s is at most so many visible ASCII characters.
func visible(s string, most int) bool {
	return len(s) <= most && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}
