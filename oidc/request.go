package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"countersign/device"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// request shapes what a client wants of the user, by link, pushed or without a
// browser, before the library reads it.
func (d *door) request(r *http.Request, x *exchange) *problem {
	if problem := lenient(r, x); problem != nil {
		return problem
	}
	switch x.path {
	case pathBackchannel:
		if problem := d.backchannel(r, x); problem != nil {
			return problem
		}
	case pathPAR:
		if problem := pushable(r.PostForm); problem != nil {
			return problem
		}
	case pathAuthorize:
		// Where there is a redirect_uri, it is told by that.
		if r.Form.Has("request") && !r.Form.Has("redirect_uri") {
			return &problem{string(errRequestNotSupported), "Request objects (the parameter request) are not supported here.", http.StatusBadRequest}
		}
		if x.foreign && !r.Form.Has("redirect_uri") {
			return &problem{string(errRequestURINotSupported), "A request_uri must be one that was pushed here.", http.StatusBadRequest}
		}
	}
	return d.strict(r, x)
}

// pushable refuses, when it is pushed, what would be refused when the browser comes
// (RFC 9126 §2.1).
func pushable(form url.Values) *problem {
	if form.Has("request") {
		return &problem{string(errRequestNotSupported), "request objects are not supported", http.StatusBadRequest}
	}
	// The library takes what is missing for something that the browser may still
	// bring, and it may not.
	for _, name := range []string{"redirect_uri", "response_type", "code_challenge"} {
		if form.Get(name) != "" {
			continue
		}
		if name == "code_challenge" {
			return &problem{"invalid_request", errNoChallenge, http.StatusBadRequest}
		}
		return &problem{"invalid_request", name + " is missing", http.StatusBadRequest}
	}
	if !contains(form.Get("scope"), openID) {
		return &problem{"invalid_request", "scope openid is required", http.StatusBadRequest}
	}
	if mode := form.Get("response_mode"); mode == unknownMode {
		return &problem{"invalid_request", "response_mode is query or form_post", http.StatusBadRequest}
	}
	if _, _, err := prompt(goidc.PromptType(form.Get("prompt"))); err != nil {
		return &problem{"invalid_request", "prompt is none alone, or any of login, consent and select_account", http.StatusBadRequest}
	}
	return nil
}

// errNoChallenge is what a client is told that sends no S256 challenge.
const errNoChallenge = "code_challenge is required: the base64url SHA-256 of the code_verifier, 43 characters"

// isChallenge says whether a text is the base64url of 32 bytes (RFC 7636 §4.2).
func isChallenge(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size && !strings.ContainsAny(s, "\r\n")
}

// unknownMode stands for every response_mode that there is not.
const unknownMode = "unknown"

// lenient drops wishes that nobody here can fulfil: acr_values is voluntary (OpenID
// Connect Core §3.1.2.1), and the library refuses what it does not know.
// A response_mode that there is not stays a mistake, but under a name that the
// library does not know either: it answers those it knows by JSON instead of a
// redirect, or has the answer signed, though none of them was switched on.
func lenient(r *http.Request, x *exchange) *problem {
	if age := r.Form.Get("max_age"); age != "" {
		if n, err := strconv.Atoi(age); err != nil || n < 0 {
			return &problem{"invalid_request", "max_age is not a number of seconds", http.StatusBadRequest}
		}
	}
	ours := acrs()
	drop := func(name string, known []string, values url.Values) {
		var kept []string
		for _, v := range strings.Fields(values.Get(name)) {
			if slices.Contains(known, v) {
				kept = append(kept, v)
			}
		}
		if values.Has(name) {
			values.Set(name, strings.Join(kept, " "))
		}
	}
	query := r.URL.Query()
	for _, values := range []url.Values{query, r.PostForm, r.Form} {
		if r.URL.Path == pathAuthorize && values.Has("request_uri") {
			x.pushedOnly(values)
		}
		if mode := values.Get("response_mode"); mode != "" && !slices.Contains([]string{"query", "form_post"}, mode) {
			values.Set("response_mode", unknownMode)
		}
		// One that no verifier fits would cost the user a login that cannot be finished.
		if c := values.Get("code_challenge"); c != "" && !isChallenge(c) {
			values.Del("code_challenge")
		}
		drop("acr_values", ours, values)
		drop("display", displays(), values)
	}
	r.URL.RawQuery = query.Encode()
	return nil
}

// strict refuses what the library would take for something that it is not.
//   - It compares redirect URIs after it has parsed them, and what is no text of
//     its own parse, such as one with an empty fragment, is none that is registered.
//   - Of our signatures it takes any as an id_token_hint, and of id_tokens none
//     whose time is up; it is read here, and the library does not see it.
func (d *door) strict(r *http.Request, x *exchange) *problem {
	uri := r.Form.Get("redirect_uri")
	if u, err := url.Parse(uri); err == nil && u.String() != uri {
		id := r.Form.Get("client_id")
		c, _ := d.client(id)
		d.Log.WarnContext(r.Context(), "oidc: a redirect_uri is not written as any is registered", "client", clip(id), "parsed", clip(withoutQuery(uri)), "registered", withoutQueries(c.RedirectURIs))
		return &problem{"invalid_request", "the redirect_uri is not registered", http.StatusBadRequest}
	}
	token := r.Form.Get("id_token_hint")
	if token == "" {
		return nil
	}
	h, err := d.readHint(token)
	asks := r.Form.Get("client_id")
	if c, known := d.claimedClient(r); x.path == pathPAR && known {
		asks = c.ID
	}
	if err != nil || h.Client != asks {
		return &problem{"invalid_request", "the id_token_hint is no id_token of this client", http.StatusBadRequest}
	}
	x.wishes.User = d.party(h.Client).Identity(tokenID(h.Subject))
	query := r.URL.Query()
	for _, values := range []url.Values{query, r.PostForm, r.Form} {
		values.Del("id_token_hint")
	}
	r.URL.RawQuery = query.Encode()
	return nil
}

// pushedPrefix is that of every request_uri of ours.
const pushedPrefix = "urn:ietf:params:oauth:request_uri:"

// pushedOnly leaves of a request that was pushed what names it: what the browser
// adds counts for nothing (RFC 9126 §4, RFC 9101 §6.3). The library would take it.
// A request that is to be fetched elsewhere is refused when it is known where to
// tell it (OpenID Connect Core §3.1.2.6), which the library does not.
func (x *exchange) pushedOnly(values url.Values) {
	if uri := values.Get("request_uri"); !strings.HasPrefix(uri, pushedPrefix) {
		x.foreign = x.foreign || uri != ""
		values.Del("request_uri")
		return
	}
	for name := range values {
		if !slices.Contains([]string{"client_id", "request_uri"}, name) {
			values.Del(name)
		}
	}
}

// prompt is the parameter's meaning; login stands for every value that wants a
// step: the phone shows what is granted, so consent is one.
func prompt(value goidc.PromptType) (none, login bool, err error) {
	words := strings.Fields(string(value))
	for _, word := range words {
		switch goidc.PromptType(word) {
		case goidc.PromptTypeNone:
			none = true
		case goidc.PromptTypeLogin, goidc.PromptTypeConsent, goidc.PromptTypeSelectAccount:
			login = true
		default:
			return false, false, goidc.NewError(goidc.ErrorCodeInvalidRequest, "unknown prompt")
		}
	}
	if none && len(words) > 1 {
		return false, false, goidc.NewError(goidc.ErrorCodeInvalidRequest, "prompt none goes with no other")
	}
	return none, login, nil
}

// wishes are parameters of a request that the library is not told, or does not
// keep. They are in the request's Store, as a text.
type wishes struct {
	User    device.TokenID `json:"user,omitempty"`    // of the id_token_hint
	Locales string         `json:"locales,omitempty"` // ui_locales
}

const wishesName = "wishes"

// put keeps the wishes with their request. Those that came with it stay, whatever
// later requests for its address bring.
func (w wishes) put(as *goidc.AuthnSession) error {
	if as.Store == nil {
		as.Store = map[string]any{}
	}
	if _, kept := as.Store[wishesName]; kept {
		return nil
	}
	b, err := json.Marshal(w)
	as.Store[wishesName] = string(b)
	return err
}

func wishesOf(as *goidc.AuthnSession) (w wishes) {
	text, _ := as.Store[wishesName].(string)
	_ = json.Unmarshal([]byte(text), &w) // no wishes
	return w
}
