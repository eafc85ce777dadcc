package oidc

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/crypto/keyring"
	"countersign/device"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// idTokenType is the typ of an id_token, which no other token of ours has.
const idTokenType = "JWT"

// errHint says that a text is no id_token of ours.
var errHint = errors.New("oidc: not an id_token of this issuer")

// A hint is what an id_token says of a login that was here.
type hint struct {
	Client  string
	Subject string // as the client knows it
	SID     string // as the client knows it; empty: of no browser login
}

// readHint verifies an id_token that is given as a hint. One whose time is up is
// taken too (RP-Initiated Logout §2, CIBA Core §7.1): it says who somebody was,
// and gives no right. The key must be one that is still published.
func (p *Provider) readHint(token string) (hint, error) {
	_, peeked, ok := peek(token)
	aud := ""
	if !ok || json.Unmarshal(peeked.Audience, &aud) != nil || aud == "" {
		return hint{}, errHint
	}
	// Verified as of the moment it was made, so that its end does not count.
	made := time.Unix(peeked.IssuedAt, 0)
	if made.After(p.Now().Add(leeway)) {
		return hint{}, errHint
	}
	claims := keyring.Claims{}
	if err := p.Keys.Ring().Public(p.Now()).Verify(token, idTokenType, p.Issuer, aud, made, claims); err != nil {
		return hint{}, errHint
	}
	h := hint{Client: aud}
	h.Subject, _ = claims["sub"].(string)
	h.SID, _ = claims["sid"].(string)
	return h, nil
}

// Hints of a CIBA request, of which there is exactly one (CIBA Core §7.1).
func hintNames() []string { return []string{"login_hint", "login_hint_token", "id_token_hint"} }

// errHintExpired has its own code (CIBA Core §13).
var errHintExpired = errors.New("oidc: the login_hint_token has expired")

// oneHint verifies the hint of a CIBA request and leaves a login_hint in its
// place: the library would take an id_token that was issued to another client, and
// knows no login_hint_token.
func (d *door) oneHint(r *http.Request, client string) *problem {
	var given []string
	for _, name := range hintNames() {
		if r.PostForm.Get(name) != "" {
			given = append(given, name)
		}
	}
	bad := func(text string) *problem { return &problem{"invalid_request", text, http.StatusBadRequest} }
	if len(given) != 1 {
		return bad("exactly one of login_hint, login_hint_token and id_token_hint must be given")
	}
	user := r.PostForm.Get(given[0])
	switch given[0] {
	case "id_token_hint":
		h, err := d.readHint(user)
		if err != nil || h.Client != client {
			return bad("the id_token_hint is no id_token of this client")
		}
		user = h.Subject
	case "login_hint_token":
		var err error
		user, err = d.readHintToken(user, client)
		if errors.Is(err, errHintExpired) {
			return &problem{"expired_login_hint_token", "the login_hint_token has expired", http.StatusBadRequest}
		}
		if err != nil {
			return bad("the login_hint_token is not signed by a key of this client for this issuer")
		}
	}
	if !tokenID(user).WellFormed() {
		return &problem{"unknown_user_id", "the hint names no user", http.StatusBadRequest}
	}
	for _, values := range []url.Values{r.PostForm, r.Form} {
		for _, name := range hintNames() {
			values.Del(name)
		}
		values.Set("login_hint", user)
	}
	return nil
}

// hintTokenLife is how long a login_hint_token may be good.
const hintTokenLife = 10 * time.Minute

// readHintToken verifies a login_hint_token: a JWT that the client signs with a
// key of its clientKeysFile, for this issuer alone, with the user in sub or, after
// RFC 9493, in sub_id. It has an end.
func (p *Provider) readHintToken(token, client string) (user string, err error) {
	c, known := p.client(client)
	if !known || c.Keys == nil {
		return "", errHint
	}
	keys, err := clientKeys(c.Keys)
	if err != nil {
		return "", errHint
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256})
	if err != nil || len(parsed.Headers) != 1 {
		return "", errHint
	}
	key, err := keys.Key(parsed.Headers[0].KeyID)
	if err != nil || !keyFits(keys, tokenHead{KeyID: parsed.Headers[0].KeyID, Algorithm: parsed.Headers[0].Algorithm}) {
		return "", errHint
	}
	var claims jwt.Claims
	var named struct {
		ID struct {
			Format string `json:"format"`
			ID     string `json:"id"`
			Issuer string `json:"iss"`
			Sub    string `json:"sub"`
		} `json:"sub_id"`
	}
	if err := parsed.Claims(key.Key, &claims, &named); err != nil {
		return "", errHint
	}
	now := p.Now()
	switch {
	case claims.Issuer != client, len(claims.Audience) != 1, !slices.Contains(claims.Audience, p.Issuer), claims.Expiry == nil,
		claims.NotBefore != nil && claims.NotBefore.Time().After(now.Add(leeway)), claims.Expiry.Time().After(now.Add(hintTokenLife + leeway)):
		return "", errHint
	case !now.Before(claims.Expiry.Time().Add(leeway)):
		return "", errHintExpired
	case named.ID.Format == "opaque":
		return named.ID.ID, nil
	case named.ID.Format == "iss_sub" && named.ID.Issuer == p.Issuer:
		return named.ID.Sub, nil
	case named.ID.Format != "":
		return "", errHint
	}
	return claims.Subject, nil
}

// notificationToken is the form of a client_notification_token: it goes into a
// header as it is (CIBA Core §7.1, RFC 6750 §2.1).
func notificationToken(s string) bool {
	const most = 1024
	if s == "" || len(s) > most {
		return false
	}
	return strings.Trim(strings.TrimRight(s, "="), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/") == ""
}

// bindingMost bounds a binding_message, in characters: it is to be compared at a
// glance.
const bindingMost = 64

// bindingMessage says whether a text can be shown on both devices as it is.
func bindingMessage(s string) bool {
	return strings.TrimSpace(s) != "" && len([]rune(s)) <= bindingMost && utf8.ValidString(s) &&
		!device.HasHidden(s)
}
