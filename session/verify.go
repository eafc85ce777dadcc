package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/crypto/otp"
	"countersign/crypto/p256"
	"countersign/device"
)

// A Decision is what the user decided on the phone.
type Decision string

// The decisions.
const (
	Approve Decision = "approve"
	Deny    Decision = "deny"
	Report  Decision = "report" // this wasn't me
)

// scanned is what an otp begins with that was read by a camera.
const scanned = "qr:"

// A Verification is a phone's decision, its form checked already.
type Verification struct {
	Signed
	Session  ID
	Decision Decision
	OTP      string   // six digits, qr:{t}:{c}, or empty
	Scopes   []string // granted
	Display  string   // hash of what was shown
	// V0 is a legacy request, without device, nonce, display or claim. Its
	// Scopes are nil when it sent none.
	V0 bool
}

func (v Verification) text(issuer, service string) []byte {
	scopes := slices.Clone(v.Scopes)
	slices.Sort(scopes)
	return device.SignedText(device.VerifyPurpose, issuer, string(v.Session), string(v.Token), string(v.Device), service,
		string(v.Decision), v.OTP, strings.Join(scopes, " "), v.Display, strconv.FormatInt(v.Timestamp, 10), string(v.Nonce))
}

// An Outcome is how a verification was answered.
type Outcome struct {
	Status    string // approved, denied, reported
	Remaining int    // attempts, with ErrCode
	// Return is the code that the phone sends the browser back with, when both
	// are one device; else empty.
	Return string
}

// A verdict is a verification decided, but not yet stored.
type verdict struct {
	action  Action
	effects Effects
	answer  error // what to answer once the action is stored
	device  device.Device
}

// Verify decides a phone's verification. The errors are checked in the order
// of the protocol's table: device.ErrStale, ErrNotFound, device.ErrUnknown,
// device.ErrSignature, device.ErrReplayed, device.LockedError, ErrExpired,
// ErrTooManyAttempts, ErrResolved, ErrNotClaimed, ErrAlreadyClaimed,
// ErrDisplay, ErrScope, ErrCode.
//
// From here on the verification is judged to its end, whatever becomes of its
// caller.
func (svc *Service) Verify(ctx context.Context, v Verification) (Outcome, error) {
	ctx = context.WithoutCancel(ctx)
	var d verdict
	read := svc.open(Request{Route: VerifyRoute, Session: v.Session, Token: v.Token, Device: v.Device, Address: v.Address})
	stale := !device.Fresh(v.Timestamp, svc.Now())
	s, err := svc.change(ctx, read, func(o Opened) (a Action, e Effects, err error) {
		d, err = svc.judge(o, v, stale)
		return d.action, d.effects, err
	})
	switch {
	case errors.Is(err, errRepeat):
		if err := svc.ended(ctx, s); err != nil { // whoever was told first may not have come to it
			return Outcome{}, err
		}
		return svc.repeated(s)
	case stale && errors.Is(err, ErrNotFound):
		return Outcome{}, device.ErrStale
	case err != nil:
		return Outcome{}, err
	}
	return svc.answer(ctx, s, v, d)
}

// answer says what became of a verification that is stored.
func (svc *Service) answer(ctx context.Context, s Session, v Verification, d verdict) (Outcome, error) {
	if !v.V0 && !errors.Is(d.answer, device.ErrSignature) {
		if err := svc.markV1(ctx, v.Token, d.device); err != nil {
			return Outcome{}, err
		}
	}
	switch {
	case errors.Is(d.answer, ErrCode):
		if err := svc.countWrong(ctx, s, v.Token, d.device.ID); err != nil {
			return Outcome{}, err
		}
		if s.Attempts >= MaxAttempts {
			return Outcome{}, ErrTooManyAttempts
		}
		return Outcome{Remaining: MaxAttempts - s.Attempts}, ErrCode
	case d.answer != nil:
		return Outcome{}, d.answer
	}
	return svc.repeated(s)
}

// errRepeat says that a request is the very one that decided the session.
var errRepeat = errors.New("session: identical repeat")

// repeated is the answer to the request that decided the session, the first
// time and every other.
func (svc *Service) repeated(s Session) (Outcome, error) {
	if s.Grant != nil {
		out := Outcome{Status: Approved.String()}
		if s.Grant.ACR == SameDevice {
			out.Return = svc.Secrets.ReturnCode(s)
		}
		return out, nil
	}
	switch s.Outcome().Reason {
	case TooManyAttempts:
		return Outcome{}, ErrTooManyAttempts
	case Declined:
		return Outcome{Status: "denied"}, nil
	case Reported:
		return Outcome{Status: "reported"}, nil
	case InvalidSignature, InvalidOTP:
	}
	return Outcome{}, ErrResolved
}

// judge decides a verification against what was read. An error ends it without
// any effect.
func (svc *Service) judge(o Opened, v Verification, stale bool) (verdict, error) {
	s, now := o.Session, svc.Now()
	if err := admits(o, v.Token, now); err != nil {
		return verdict{}, staleFirst(stale, err)
	}
	d, text, sig, err := svc.signed(o, v)
	if errors.Is(err, device.ErrSignature) && !stale {
		return verdict{action: Action{Verb: DoBadSignature}, answer: err, device: d}, badSignature(s, v.Token, now)
	}
	if err != nil {
		return verdict{}, staleFirst(stale, err)
	}
	if s.Proof != nil && s.Proof.Text == text {
		return verdict{}, errRepeat
	}
	if stale {
		return verdict{}, device.ErrStale
	}
	if v.V0 {
		v.Nonce = nonceV0(text)
	}
	if s.Seen(v.Nonce) {
		return verdict{}, device.ErrReplayed
	}
	if err := locked(o, now); err != nil {
		return verdict{}, err
	}
	proof := &Proof{Text: text, Signature: sig, Key: d.Key.Point()}
	return svc.decide(o, v, d, proof, now)
}

// staleFirst keeps the order of the answers: a stale request learns nothing
// but that, unless it is the one that decided the session.
func staleFirst(stale bool, err error) error {
	if stale {
		return device.ErrStale
	}
	return err
}

// badSignature says whether a bad signature changes anything: the watcher of
// an open session of this identity is told, a few times.
func badSignature(s Session, token device.TokenID, now time.Time) error {
	if s.Subject() != token || !s.State.Undecided() || s.Due(now) || s.BadSignatures >= MaxBadSignatures {
		return device.ErrSignature
	}
	return nil
}

// signed finds the device whose signature a verification carries.
func (svc *Service) signed(o Opened, v Verification) (device.Device, string, p256.Signature, error) {
	if v.V0 {
		return svc.signedV0(o, v)
	}
	text := v.text(svc.Issuer, o.Session.Service)
	d, err := svc.signature(v.Signed, o.Identity, text)
	if err != nil {
		return d, "", p256.Signature{}, err
	}
	sig, err := p256.DecodeSignature(v.Signature)
	return d, string(text), sig, err
}

// decide judges a verification whose signature is good.
func (svc *Service) decide(o Opened, v Verification, d device.Device, proof *Proof, now time.Time) (verdict, error) {
	s := o.Session
	if s.Due(now) {
		return verdict{action: Action{Verb: DoExpire}, answer: ErrExpired, device: d}, nil
	}
	if err := s.Decided(); err != nil {
		return verdict{}, err
	}
	if !v.V0 {
		if err := showed(s, v); err != nil {
			return verdict{}, err
		}
	}
	a := Action{Nonce: nonceOf(v.Nonce, v.Timestamp), Proof: proof}
	switch v.Decision {
	case Deny:
		a.Verb = DoDeny
		return verdict{action: a, device: d}, nil
	case Report:
		a.Verb = DoReport
		return verdict{action: a, device: d, effects: Effects{Freeze: o.Standing.freeze(s.Service, now)}}, nil
	case Approve:
	}
	if err := granted(s, v.Scopes); err != nil {
		return verdict{}, err
	}
	if !svc.right(s, v.OTP, now) {
		a.Verb = verb(v.V0, DoWrongCodeV0, DoWrongCode)
		return verdict{action: a, answer: ErrCode, device: d}, nil
	}
	grant, err := svc.grant(o, v, now)
	if err != nil {
		return verdict{}, err
	}
	a.Grant = grant
	e := rewards(o, d)
	switch {
	case v.V0:
		a.Verb = DoApproveV0
	case grant.ACR == SameDevice:
		// The requester is remembered when it has come back: until then it may
		// be somebody who sent the user a link.
		a.Verb, e.Browser = DoHandOver, ""
	default:
		a.Verb = DoApprove
	}
	return verdict{action: a, effects: e, device: d}, nil
}

func verb(v0 bool, legacy, present Verb) Verb {
	if v0 {
		return legacy
	}
	return present
}

// showed says whether this phone opened the session and showed its text.
func showed(s Session, v Verification) error {
	switch {
	case s.Claim == nil:
		return ErrNotClaimed
	case s.Claim.Device != v.Device || s.Claim.Token != v.Token:
		return ErrAlreadyClaimed
	case DisplayHash(s.Claim.Display) != v.Display:
		return ErrDisplay
	}
	return nil
}

// granted says whether the scopes the user grants were asked for, with none of
// the required ones missing.
func granted(s Session, scopes []string) error {
	for _, g := range scopes {
		if !slices.Contains(s.Scopes, device.Scope(g)) {
			return ErrScope
		}
	}
	for _, r := range s.Required {
		if !slices.Contains(scopes, string(r)) {
			return ErrScope
		}
	}
	return nil
}

// right says whether a code is the session's, in constant time for each code
// that counts.
func (svc *Service) right(s Session, text string, now time.Time) bool {
	if strings.HasPrefix(text, scanned) {
		// The scan was checked at the claim; here it must be the same one.
		return s.Claim != nil && s.Claim.Scan != "" && text == scanned+s.Claim.Scan
	}
	code, ok := otp.Parse(text)
	if !ok || s.Mode == Scan {
		return false
	}
	last := svc.period(s, now)
	good := false
	for p := max(0, last-int64(svc.Tolerance)); p <= last; p++ {
		if svc.Secrets.Code(s, p).Equal(code) {
			good = true
		}
	}
	return good
}

// rewards are the effects of an approval.
func rewards(o Opened, d device.Device) Effects {
	var e Effects
	if o.Standing.Counted {
		e.Clear = d.ID
	}
	if c := o.Session.Claim; c != nil && c.FirstSeen {
		e.Browser = o.Session.Requester.mark()
	}
	return e
}
