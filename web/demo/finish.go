package demo

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"countersign/api/rp"
)

// finished is what the page says that it was given. Every word of it may be made
// up, or be of another browser's session.
type finished struct{ SessionID, JWT, Hash, ExpiresAt string }

// proof is a decoded token, and what was checked before it was believed.
type proof struct {
	Header, Claims string // JSON, indented
	How            string // the code travelled
	Checks         []check
}

// check is one that held; a token of which one does not hold is never shown.
type check struct{ Name, Says string }

// finish ends a login: with what the page brings, and what this browser is known to
// have started.
func (b *Bank) finish(w http.ResponseWriter, r *http.Request) error {
	var f finished
	if err := read(r, &f); err != nil {
		return err
	}
	id := b.browser(r)
	s, ok := b.visits.take(id, f.SessionID)
	if !ok {
		return refusal{http.StatusForbidden, "This was not started in this browser, or is finished already. Nothing was done."}
	}
	token, p, err := b.prove(r.Context(), s, f)
	if err != nil {
		b.o.Log.Warn("bank: not accepted", "session", s.session, "error", err)
		if errors.Is(err, rp.ErrUnavailable) {
			b.visits.remember(id, s) // nobody's fault: the page may send it again
			return refusal{http.StatusServiceUnavailable, "The login server's keys cannot be had just now. Please try again in a moment."}
		}
		return refusal{http.StatusForbidden, "This approval does not hold, so nothing was done: " + err.Error() + "."}
	}
	p.Checks = append(p.Checks, check{"login", "no operation is in it: this is a login, nothing else"})
	b.keep(w, b.visits.enter(id, newCustomer(token, p)))
	b.o.Log.Info("bank: logged in", "session", s.session)
	answer(w, http.StatusOK, map[string]string{"location": "/account"})
	return nil
}

// Why an approval is not believed, in words that go on after a colon.
var (
	errHash    = errors.New("the login server did not send this message")
	errNonce   = errors.New("it answers another start than ours")
	errSession = errors.New("it is of another session")
	errSubject = errors.New("somebody else approved")
	errPurpose = errors.New("it approves something else")
)

// prove checks all that makes an approval one of what this browser started.
func (b *Bank) prove(ctx context.Context, s started, f finished) (rp.Token, proof, error) {
	// With the random kept at the start, not with one that the page says.
	if !rp.VerifyHash(b.o.ResponseKey, s.session, s.random, f.JWT, f.ExpiresAt, f.Hash) {
		return rp.Token{}, proof{}, errHash
	}
	token, err := b.verifier.Verify(ctx, f.JWT)
	if err != nil {
		return rp.Token{}, proof{}, err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(s.random)) != 1:
		return rp.Token{}, proof{}, errNonce
	case token.Session != s.session:
		return rp.Token{}, proof{}, errSession
	case s.asked != "" && token.Subject != s.asked:
		return rp.Token{}, proof{}, errSubject
	case token.Operation != rp.Approved{}:
		return rp.Token{}, proof{}, errPurpose
	}
	p := decoded(f.JWT)
	p.How = how(token.ACR)
	p.Checks = []check{
		{"hash", "the login server made this message, for the random that this bank kept from the start"},
		{"signature", "signed with ES256 by a key of " + b.o.Issuer + ", and typed countersign+jwt"},
		{"audience", "made for " + b.o.ServiceID + " and no other service"},
		{"time", "not expired, and not of the future"},
		{"nonce", "it answers the start that this bank made for this browser"},
		{"session", "the one that this browser started, and it was used once"},
	}
	return token, p, nil
}

// decoded shows what is in a token that was verified.
func decoded(jwt string) proof {
	show := func(part string) string {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return ""
		}
		return indented(raw)
	}
	header, rest, _ := strings.Cut(jwt, ".")
	claims, _, _ := strings.Cut(rest, ".")
	return proof{Header: show(header), Claims: show(claims)}
}

// how says acr in words.
func how(acr string) string {
	switch strings.TrimPrefix(acr, "urn:countersign:") {
	case "typed":
		return "the code was typed on the phone"
	case "scanned":
		return "the code was scanned by the phone"
	case "same-device":
		return "approved in the app on this device"
	case "compared":
		return "the codes were compared"
	case "offline":
		return "by a code of a phone without a network"
	}
	return acr
}
