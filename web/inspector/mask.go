package inspector

import (
	"encoding/base64"
	"net/http"
	"net/textproto"
	"strings"
)

// masked stands for what is not shown. The page puts a placeholder in its place.
const masked = "••••"

// Headers that tell something about the protocol; the others are browsers' noise.
// Both lists are sorted.
var (
	requestHeaders = []string{
		"Accept", "Accept-Language", "Access-Control-Request-Headers", "Access-Control-Request-Method", "Authorization",
		"Content-Type", "Cookie", "Countersign-Verifier", "Dpop", "Forwarded", "Idempotency-Key", "Last-Event-Id", "Origin",
		"Proxy-Authorization", "Sec-Fetch-Site", "Sec-Websocket-Protocol", "Upgrade", "User-Agent", "X-Forwarded-For",
	}
	responseHeaders = []string{
		"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin", "Cache-Control",
		"Content-Security-Policy", "Content-Type", "Location", "Retry-After", "Set-Cookie", "Vary", "Www-Authenticate",
	}
)

// shown gives those headers of a list that a message has, as names and values.
func shown(head http.Header, list []string, path string) (out [][2]string) {
	for _, name := range list {
		for _, value := range head[textproto.CanonicalMIMEHeaderKey(name)] {
			out = append(out, [2]string{name, mask(name, value, path)})
		}
	}
	return out
}

// mask hides what would be worth something after the run, or elsewhere.
func mask(name, value, path string) string {
	switch name {
	case "Authorization":
		return maskAuthorization(value, path)
	case "Proxy-Authorization":
		return masked
	case "Cookie":
		return maskCookies(value)
	case "Set-Cookie":
		cookie, attributes, some := strings.Cut(value, ";")
		if some {
			attributes = ";" + attributes
		}
		return maskCookies(cookie) + attributes
	}
	return value
}

// maskAuthorization shows who authenticates, and a wsToken, which is what this
// page is there to show. Other bearer tokens are somebody's for longer.
func maskAuthorization(value, path string) string {
	scheme, rest, some := strings.Cut(value, " ")
	switch {
	case !some:
		return masked
	case strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(path, "/auth/session/"):
		return value
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		if user, _, parted := strings.Cut(string(plain), ":"); err == nil && parted {
			return scheme + " " + user + ":" + masked
		}
	}
	return scheme + " " + masked
}

// maskCookies keeps the names.
func maskCookies(value string) string {
	var out []string
	for cookie := range strings.SplitSeq(value, ";") {
		name, _, parted := strings.Cut(strings.TrimSpace(cookie), "=")
		if !parted {
			out = append(out, masked)
			continue
		}
		out = append(out, name+"="+masked)
	}
	return strings.Join(out, "; ")
}
