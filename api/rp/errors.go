package rp

import (
	"errors"
	"fmt"
	"time"
)

// Why a token is not accepted, or an event. [Verifier.Verify] and [Webhook.Parse] return
// one of these, perhaps with a detail; none repeats anything of the token.
var (
	// ErrMalformed: no JWT in the compact form of RFC 7515 §7.1, or a claim that
	// every token has is missing or of another type.
	ErrMalformed = errors.New("rp: malformed token")
	// ErrType: another kind of token, such as an access token (at+jwt).
	ErrType = errors.New("rp: another type of token")
	// ErrKey: the key it names is not among the issuer's.
	ErrKey = errors.New("rp: unknown key")
	// ErrSignature: not signed with ES256 by the key it names, or with no secret of the
	// webhook.
	ErrSignature = errors.New("rp: wrong signature")
	// ErrIssuer: of another issuer.
	ErrIssuer = errors.New("rp: wrong issuer")
	// ErrAudience: made for another service.
	ErrAudience = errors.New("rp: wrong audience")
	// ErrExpired: its time is up.
	ErrExpired = errors.New("rp: expired token")
	// ErrNotYet: made or valid in the future: the clocks of two machines differ.
	ErrNotYet = errors.New("rp: token of the future")
	// ErrUnavailable: nothing is wrong with the token as far as can be told; the
	// issuer's keys cannot be had and none is cached. Try again later.
	ErrUnavailable = errors.New("rp: the issuer's keys cannot be fetched")
)

// Why an operation is not taken for what was ordered. [Client.VerifyProof] returns one
// of these; ErrProof names what does not hold.
var (
	// ErrNotDone: it goes on, or it has failed.
	ErrNotDone = errors.New("rp: the operation is not done")
	// ErrNoProof: it came without one, as to services whose users have ids of their own,
	// or when a code was typed instead, which is no signature.
	ErrNoProof = errors.New("rp: the operation has no proof")
	// ErrProof: what was signed is something else than was ordered.
	ErrProof = errors.New("rp: the proof does not hold")
)

// A Problem is a refusal of the server (RFC 9457).
type Problem struct {
	Status int    // of HTTP
	Code   string // the stable part, such as scope_not_allowed; empty: the answer was no problem document
	Detail string // for a developer's eyes
	// RetryAfter is how long to wait before the next try; 0: the server did not say.
	RetryAfter time.Duration
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Code == "" {
		return fmt.Sprintf("rp: the server answered %d", p.Status)
	}
	return fmt.Sprintf("rp: the server answered %d %s: %s", p.Status, p.Code, p.Detail)
}
