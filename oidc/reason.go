package oidc

import (
	"errors"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// notKnown is what is wrong with a client: the same for one that there is not, and
// for one that did not prove who it is.
const notKnown = "there is no such client, or it did not authenticate as it is registered: by its secret in HTTP Basic (never in the body), or by private_key_jwt"

// mostReason bounds what a caller is told, part of which the caller may have sent.
const mostReason = 160

// reason is the error_description of an error. The library's own says its code over
// again ("invalid request") and keeps to itself what is wrong: whoever writes a
// client would have to guess. Its causes are texts of its own. A cause that has
// causes is not told: it may be of Redis, or of a parser.
func (x *exchange) reason(text string) string {
	if !strings.HasPrefix(text, "invalid ") && text != "unauthorized client" {
		return text
	}
	if text == "invalid client" {
		return notKnown
	}
	var known goidc.Error
	if !errors.As(x.err, &known) {
		return text
	}
	cause := errors.Unwrap(known)
	switch {
	case cause == nil || hasCauses(cause):
		return text
	case errors.Is(cause, goidc.ErrNotFound):
		return text + ": it is unknown, spent or over"
	case strings.Contains(cause.Error(), "code_challenge_method"):
		return "code_challenge_method must be S256"
	case cause.Error() == "code_challenge is required", cause.Error() == "pkce is required for public clients":
		return errNoChallenge
	}
	return described(cause.Error())
}

// hasCauses says whether an error stands for one other, or for several: those of the
// store do.
func hasCauses(err error) bool {
	several, ok := err.(interface{ Unwrap() []error })
	return errors.Unwrap(err) != nil || ok && len(several.Unwrap()) > 0
}

// described is a text as an error_description may have it (RFC 6749 §5.2).
func described(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), mostReason)]
}
