package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign/crypto/p256"
)

// tokenKinds are the values of typ, and what each is.
var tokenKinds = map[string]string{
	"countersign+jwt": "an approval of the direct API",
	"JWT":             "an id_token",
	"at+jwt":          "an access token",
	"logout+jwt":      "a logout token",
}

// forgiven is the difference between two machines' clocks that most libraries
// put up with.
const forgiven = 60 * time.Second

// A judge says of a token everything that is wrong with it, where a verifier
// stops at the first thing.
type judge struct {
	issuer   string
	audience string                    // empty: not judged
	kind     string                    // typ; empty: any of ours
	keys     map[string]p256.PublicKey // published by the issuer
	keyError error                     // why there are none
	now      time.Time
}

// A finding is one thing looked at.
type finding struct {
	Check  string `json:"check"`
	Good   bool   `json:"good"`
	Detail string `json:"detail,omitempty"`
}

// A judgement is all that was found, and what the token says.
type judgement struct {
	Good   bool           `json:"good"`
	Checks []finding      `json:"checks"`
	Header map[string]any `json:"header,omitempty"`
	Claims map[string]any `json:"claims,omitempty"`
}

// wrongs lists what does not hold, in a line.
func wrongs(checks []finding) string {
	var all []string
	for _, f := range checks {
		if !f.Good {
			all = append(all, f.Check)
		}
	}
	return strings.Join(all, ", ")
}

// findingPairs says of each thing that was looked at whether it holds.
func findingPairs(checks []finding) (pairs [][2]string) {
	for _, f := range checks {
		verdict := "good"
		if !f.Good {
			verdict = "BAD"
		}
		if f.Detail != "" {
			verdict += ": " + f.Detail
		}
		pairs = append(pairs, [2]string{f.Check, verdict})
	}
	return pairs
}

// judge looks at everything; a token without form has nothing else to look at.
func (j judge) judge(token string) judgement {
	p, err := splitToken(token)
	if err != nil {
		return judgement{Checks: []finding{{"form", false, err.Error()}}}
	}
	v := judgement{Good: true, Header: p.header, Claims: p.claims, Checks: []finding{{"form", true, ""},
		j.algorithm(p), j.typ(p), j.key(p), j.signature(p), j.issued(p), j.audienceOf(p), j.expiry(p), j.start(p)}}
	for _, f := range v.Checks {
		v.Good = v.Good && f.Good
	}
	return v
}

func good(check, format string, args ...any) finding {
	return finding{check, true, plain(fmt.Sprintf(format, args...))}
}

func bad(check, format string, args ...any) finding {
	return finding{check, false, plain(fmt.Sprintf(format, args...))}
}

func (j judge) algorithm(p tokenParts) finding {
	switch alg := text(p.header, "alg"); {
	case alg != "ES256":
		return bad("algorithm", "alg is %q, and only ES256 is accepted: the token must not choose", alg)
	case p.header["crit"] != nil: // RFC 7515 §4.1.11
		return bad("algorithm", "the header has crit: extensions that nobody here understands")
	}
	return good("algorithm", "ES256")
}

func (j judge) typ(p tokenParts) finding {
	typ := text(p.header, "typ")
	what, known := tokenKinds[typ]
	switch {
	case !known:
		return bad("type", "typ is %q, and ours are %s", typ, strings.Join(slices.Sorted(maps.Keys(tokenKinds)), ", "))
	case j.kind != "" && j.kind != typ:
		return bad("type", "typ is %s, %s; wanted is %s, %s", typ, what, j.kind, tokenKinds[j.kind])
	}
	return good("type", "%s, %s", typ, what)
}

func (j judge) key(p tokenParts) finding {
	kid := text(p.header, "kid")
	switch _, known := j.keys[kid]; {
	case j.keyError != nil:
		return bad("key", "the issuer's keys cannot be had: %s", errorText(j.keyError))
	case known:
		return good("key", "%s", kid)
	case kid == "":
		return bad("key", "the header names no kid; published are %s", j.published())
	}
	return bad("key", "kid %q is not published: the token is another issuer's, or older than its key; published are %s", kid, j.published())
}

func (j judge) published() string {
	if len(j.keys) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(j.keys)), ", ")
}

func (j judge) signature(p tokenParts) finding {
	key, known := j.keys[text(p.header, "kid")]
	if !known {
		return bad("signature", "cannot be checked without the key: whatever stands below, nobody vouches for it")
	}
	const raw = 64 // r‖s, RFC 7518 §3.4; never DER, which the parser would take too
	s, err := p256.ParseSignature(p.signature)
	if len(p.signature) != raw || err != nil {
		return bad("signature", "is %d bytes long or out of range, and ES256 has 64", len(p.signature))
	}
	if !key.Verify([]byte(p.signed), s) {
		return bad("signature", "is not this key's over this text: the token was changed")
	}
	return good("signature", "")
}

func (j judge) issued(p tokenParts) finding {
	switch iss := text(p.claims, "iss"); iss {
	case j.issuer:
		return good("issuer", "%s", iss)
	case "":
		return bad("issuer", "there is no iss")
	default:
		return bad("issuer", "iss is %q, wanted is %q, to the letter", iss, j.issuer)
	}
}

func (j judge) audienceOf(p tokenParts) finding {
	aud := texts(p.claims, "aud")
	named := strings.Join(aud, ", ")
	switch {
	case len(aud) == 0:
		return bad("audience", "there is no aud")
	case j.audience == "":
		return good("audience", "%s, not compared without --audience", named)
	case !slices.Contains(aud, j.audience):
		return bad("audience", "aud is %s, and not %s: it was made for somebody else", named, j.audience)
	}
	return good("audience", "%s", named)
}

func (j judge) expiry(p tokenParts) finding {
	exp, ok := moment(p.claims, "exp")
	late := j.now.Sub(exp).Round(time.Second)
	switch {
	case !ok:
		return bad("expiry", "there is no exp that is a time")
	case j.now.Before(exp):
		return good("expiry", "%s, in %s", timestamp(exp), span(-late))
	case late < forgiven:
		return bad("expiry", "expired %s ago, at %s; libraries that forgive a minute still take it", span(late), timestamp(exp))
	}
	return bad("expiry", "expired %s ago, at %s", span(late), timestamp(exp))
}

// start is about iat and nbf: a token of the future is a sign of clocks that
// differ.
func (j judge) start(p tokenParts) finding {
	iat, ok := moment(p.claims, "iat")
	if !ok {
		return bad("issued", "there is no iat that is a time")
	}
	if nbf, given := moment(p.claims, "nbf"); given && nbf.After(iat) {
		iat = nbf
	}
	early := iat.Sub(j.now).Round(time.Second)
	switch {
	case early > forgiven:
		return bad("issued", "at %s, %s in the future: the clock here or the server's is wrong", timestamp(iat), span(early))
	case early > 0:
		return good("issued", "%s, %s in the future by the clock here, which is forgiven", timestamp(iat), span(early))
	}
	return good("issued", "%s, %s ago", timestamp(iat), span(-early))
}

// span is a duration as people say it: nobody counts months in hours.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return d.String()
	}
	return fmt.Sprintf("%d days", d/day)
}
