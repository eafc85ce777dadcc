package server

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign/device"
	"countersign/notify"
)

// identityScopes are the scopes a service may be allowed.
func identityScopes() []string {
	var scopes []string
	for _, s := range device.Scopes() {
		scopes = append(scopes, string(s))
	}
	return scopes
}

func (k *configCheck) services() {
	seen := map[string]int{}
	for i, s := range k.cfg.Services {
		path := "services[" + strconv.Itoa(i) + "]"
		k.serviceNames(path, s)
		if first, twice := seen[s.ID]; twice && s.ID != "" {
			k.fail(path+".id", shown(s.ID)+" is taken", "services["+strconv.Itoa(first)+"] ("+k.cfg.place("services["+strconv.Itoa(first)+"].id").String()+") has it already")
		} else {
			seen[s.ID] = i
		}
		k.serviceOrigins(path, s)
		k.serviceScopes(path, s)
		k.serviceModes(path, s)
		k.serviceOIDC(path, s)
		k.webhook(path, s)
		k.page(path, s)
		k.texts(path+".texts", s.Texts)
		k.consent(path+".consent", s.Consent)
	}
}

// hexColor is how a colour is written.
var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// page checks what a browser is shown, and where it is sent.
func (k *configCheck) page(path string, s ServiceConfig) {
	if c := s.Branding.Color; c != "" && !hexColor.MatchString(c) {
		k.fail(path+".branding.color", "is not a colour", "six hexadecimal digits, such as #005eb8; in quotes, because # begins a comment")
	}
	if s.ReturnURL == "" {
		return
	}
	u, err := url.Parse(s.ReturnURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Contains(s.ReturnURL, "#"):
		k.fail(path+".returnURL", "is not the URL of a page", "such as https://bank.example/login, without a fragment")
	case !slices.Contains(s.Origins, u.Scheme+"://"+u.Host):
		k.fail(path+".returnURL", "is on none of the service's origins", "the page of the service that shows the login")
	}
}

func (k *configCheck) serviceNames(path string, s ServiceConfig) {
	switch {
	case s.ID == "":
		k.fail(path+".id", "is required", "the serviceId and client_id, such as acme-bank")
	case !isVisibleASCII(s.ID, 64) || strings.Contains(s.ID, ":"):
		k.fail(path+".id", "must be 1 to 64 visible ASCII characters without a colon", "it is the user name of HTTP Basic, such as acme-bank")
	}
	switch {
	case s.Name == s.ID:
		// Load takes the id for a name left out; it is judged above.
	case strings.TrimSpace(s.Name) == "":
		k.fail(path+".name", "is blank", "what the phone shows, such as Acme Bank")
	case utf8.RuneCountInString(s.Name) > 100:
		k.fail(path+".name", "is longer than 100 characters", "")
	case !utf8.ValidString(s.Name) || strings.ContainsFunc(s.Name, isTrickyRune):
		k.fail(path+".name", "contains a control, line or text-direction character", "phones show it as it is: letters and plain spaces only")
	}
}

// isTrickyRune reports whether r can make a name look like another one.
func isTrickyRune(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

func (k *configCheck) serviceOrigins(path string, s ServiceConfig) {
	for i, o := range s.Origins {
		p := fmt.Sprintf("%s.origins[%d]", path, i)
		u, err := url.Parse(o)
		switch {
		case o == "null":
			k.fail(p, "null is what any sandboxed page sends", "name the page's own origin")
		case err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http"):
			k.fail(p, "is not an origin", "scheme, host and, if unusual, port: https://bank.example")
		case u.Path != "" || strings.ContainsAny(o, "?#"):
			k.fail(p, "has something behind the host", "write "+u.Scheme+"://"+u.Host)
		case !isCanonicalOrigin(u):
			k.fail(p, "is not written as browsers write it", canonicalHint)
		case u.Scheme == "http" && !k.httpAllowed(u):
			k.fail(p, "must be https", "http is for loopback hosts, or with insecureHTTP: true")
		case slices.Index(s.Origins, o) < i:
			k.fail(p, "is listed twice", "")
		}
	}
}

func (k *configCheck) httpAllowed(u *url.URL) bool {
	return k.cfg.InsecureHTTP || isLoopbackHost(u.Hostname())
}

func (k *configCheck) serviceScopes(path string, s ServiceConfig) {
	for i, scope := range s.Scopes.Allowed {
		p := fmt.Sprintf("%s.scopes.allowed[%d]", path, i)
		switch {
		case scope == "openid" || scope == "offline_access":
			k.fail(p, scope+" is not listed: every service with redirectURIs has it", "remove it")
		case !slices.Contains(identityScopes(), scope):
			k.oneOf(p, scope, identityScopes()...)
		case slices.Index(s.Scopes.Allowed, scope) < i:
			k.fail(p, "is listed twice", "")
		}
	}
	k.allowedScopes(path+".scopes.default", s.Scopes.Default, s.Scopes.Allowed)
	k.allowedScopes(path+".scopes.required", s.Scopes.Required, s.Scopes.Allowed)
}

func (k *configCheck) allowedScopes(path string, scopes, allowed []string) {
	for i, scope := range scopes {
		p := fmt.Sprintf("%s[%d]", path, i)
		if !slices.Contains(allowed, scope) {
			k.fail(p, shown(scope)+" is not in scopes.allowed", "add it there, or remove it here")
		} else if slices.Index(scopes, scope) < i {
			k.fail(p, "is listed twice", "")
		}
	}
}

func (k *configCheck) serviceModes(path string, s ServiceConfig) {
	if len(s.Modes) == 0 {
		k.fail(path+".modes", "is empty", "at least one of enter, scan, compare; the first is the default")
	}
	for i, mode := range s.Modes {
		p := fmt.Sprintf("%s.modes[%d]", path, i)
		k.oneOf(p, mode, "enter", "scan", "compare")
		if slices.Index(s.Modes, mode) < i {
			k.fail(p, "is listed twice", "")
		}
		if mode == "compare" && s.SecretFile == "" {
			k.fail(p, "compare needs a service that authenticates", "give it a secretFile, or remove compare")
		}
	}
	k.oneOf(path+".mask", s.Mask, "none", "last2")
	if s.RevealUnknown && s.SecretFile == "" {
		k.fail(path+".revealUnknown", "would tell any browser who is enrolled", "give the service a secretFile, or remove it")
	}
	if s.AcceptV0 && !slices.Contains(s.Modes, "enter") {
		k.fail(path+".acceptV0", "has no effect without mode enter", "add enter to modes, or remove it")
	}
}

func (k *configCheck) serviceOIDC(path string, s ServiceConfig) {
	k.oneOf(path+".subject", s.Subject, "public", "pairwise")
	k.within(path+".tokenTTL", s.TokenTTL, time.Second, 24*time.Hour)
	k.redirects(path+".redirectURIs", s.RedirectURIs)
	for _, x := range []struct {
		name string
		set  bool
	}{{"clientKeysFile", s.ClientKeysFile != ""}, {"requireDPoP", s.RequireDPoP}} {
		if x.set && !s.usesOIDC() {
			k.fail(path+"."+x.name, "has no effect without redirectURIs or ciba", "it is for services that use OpenID Connect")
		}
	}
	for _, x := range []struct {
		name string
		set  bool
	}{{"requirePAR", s.RequirePAR}, {"backchannelLogoutURI", s.BackchannelLogoutURI != ""}, {"admin", s.Admin}} {
		if x.set && len(s.RedirectURIs) == 0 {
			k.fail(path+"."+x.name, "has no effect without redirectURIs", "it is for services that use OpenID Connect")
		}
	}
	k.redirects(path+".postLogoutRedirectURIs", s.PostLogoutRedirectURIs)
	if s.BackchannelLogoutURI != "" {
		k.target(path+".backchannelLogoutURI", s.BackchannelLogoutURI)
	}
	k.ciba(path, s)
}

func (k *configCheck) ciba(path string, s ServiceConfig) {
	c, path := s.CIBA, path+".ciba"
	if c.Delivery == "" {
		if c.NotificationURI != "" {
			k.fail(path+".notificationURI", "has no effect without delivery", "delivery: ping")
		}
		return
	}
	k.oneOf(path+".delivery", c.Delivery, "poll", "ping")
	if s.SecretFile == "" && s.ClientKeysFile == "" {
		k.fail(path+".delivery", "needs a service that authenticates", "give it a secretFile or a clientKeysFile")
	}
	if !slices.ContainsFunc(s.Modes, func(m string) bool { return m != "scan" }) {
		k.fail(path+".delivery", "needs a mode other than scan: there is no QR code", "add enter to modes")
	}
	switch {
	case c.Delivery == "ping" && c.NotificationURI == "":
		k.fail(path+".notificationURI", "is required with delivery: ping", "such as https://bank.example/ping")
	case c.Delivery != "ping" && c.NotificationURI != "":
		k.fail(path+".notificationURI", "has no effect with this delivery", "delivery: ping, or remove it")
	case c.NotificationURI != "":
		k.target(path+".notificationURI", c.NotificationURI)
	}
}

// target checks the URL of a server that is told something.
func (k *configCheck) target(path, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil || strings.Contains(text, "#"):
		k.fail(path, "is not an https URL", "such as https://bank.example/notices, without user name or fragment")
	case u.Scheme == "http" && !k.httpAllowed(u):
		k.fail(path, "must be https", "http is for loopback hosts, or with insecureHTTP: true")
	}
}

// redirects checks URIs a browser is sent to: RFC 9700 section 2.1 and, for
// native apps, RFC 8252 sections 7.1 (private schemes) and 7.3 (loopback).
func (k *configCheck) redirects(path string, uris []string) {
	for i, text := range uris {
		p := fmt.Sprintf("%s[%d]", path, i)
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Scheme == "" || u.User != nil || strings.ContainsAny(text, " *"):
			k.fail(p, "is not an absolute URI", "the exact URI, such as https://bank.example/callback")
		case strings.Contains(text, "#"):
			k.fail(p, "must not have a fragment", "end it before the #")
		case (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() == "":
			k.fail(p, "has no host", "such as https://bank.example/callback")
		case u.Scheme == "http" && !k.httpAllowed(u):
			k.fail(p, "must be https", "http is for loopback hosts, or with insecureHTTP: true")
		case u.Scheme != "https" && u.Scheme != "http" && !strings.Contains(u.Scheme, "."):
			k.fail(p, "has a scheme that is not https and names no app", "a private scheme has a dot, such as com.example.app:/callback")
		case slices.Index(uris, text) < i:
			k.fail(p, "is listed twice", "")
		}
	}
}

func (k *configCheck) webhook(path string, s ServiceConfig) {
	w, path := s.Webhook, path+".webhook"
	if w.URL == "" {
		if w.SecretFile != "" {
			k.fail(path+".url", "is empty although there is a secretFile", "give the URL, or remove webhook")
		}
		return
	}
	k.target(path+".url", w.URL)
	if w.SecretFile == "" {
		k.fail(path+".secretFile", "is required with url: events are signed", "the path of a file with whsec_ and what `openssl rand -base64 32` prints")
	}
}

// Warnings lists what is allowed but weakens the installation; each is one
// sentence to print or log at start. What only the secret files can tell is in
// Secrets.Warnings.
func (c Config) Warnings() []string {
	var w []string
	if c.InsecureHTTP {
		w = append(w, "insecureHTTP is on: cookies and codes travel unprotected, use it for tests only")
	}
	if c.Enrollment == "open" {
		w = append(w, "enrollment is open: anyone who reaches this server can enrol a phone")
	}
	if c.Limits.Disabled {
		w = append(w, "limits.disabled is on: rates and per-user limits are lifted, use it for load tests only")
	}
	if c.Redis.Mode == "embedded" {
		w = append(w, "redis.mode is embedded: every identity, key and session is lost at exit")
	}
	if u, err := url.Parse(c.Redis.URL); err == nil && hasPassword(u) {
		w = append(w, "redis.url holds a password: keep it in a file named by redis.passwordFile, which goes before the URL's")
	}
	if !notify.MayReach(c.Message.URL, c.Outgoing.Allow) {
		w = append(w, "message.url is at an address that is not public and that outgoing.allow does not have, so no message is sent")
	}
	for _, s := range c.Services {
		if s.SecretFile == "" && len(s.Origins) == 0 && len(s.RedirectURIs) == 0 {
			w = append(w, "service "+s.ID+": has neither secretFile nor origins, so neither a back end nor a page can start its sessions")
		}
		if slices.Contains(s.Modes, "compare") {
			w = append(w, "service "+s.ID+": mode compare shows the code on both sides, which NIST SP 800-63B-4 §3.1.3 does not accept as out-of-band authentication")
		}
		if s.AcceptV0 {
			w = append(w, "service "+s.ID+": acceptV0 takes signatures that do not bind what the phone showed")
		}
		for _, x := range [][2]string{{"ciba.notificationURI", s.CIBA.NotificationURI}, {"backchannelLogoutURI", s.BackchannelLogoutURI}, {"webhook.url", s.Webhook.URL}} {
			if !notify.MayReach(x[1], c.Outgoing.Allow) {
				w = append(w, "service "+s.ID+": "+x[0]+" is at an address that is not public and that outgoing.allow does not have, so it is never told")
			}
		}
	}
	if !notify.MayReach(c.Risk.URL, c.Outgoing.Allow) {
		w = append(w, "risk.url is at an address that is not public and that outgoing.allow does not have, so every step of every operation is due")
	}
	return w
}
