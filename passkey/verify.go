package passkey

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"

	"countersign/audit"
	"countersign/device"

	"github.com/go-webauthn/webauthn/protocol"
)

// bytesMost bounds what an authenticator may send, in bytes. Assertions have some
// hundred, attestations of certificates some thousand.
const bytesMost = 16 << 10

// A Found is a good assertion whose counter is not spent yet.
type Found struct {
	Token device.TokenID
	key   Passkey
	count uint32
}

// Device is what stands for the passkey that made it.
func (f Found) Device() device.ID { return f.key.Device() }

// Check finds whether an assertion, in JSON as browsers write it, is good for a
// challenge: made by a passkey that is known, for this site, with its user verified.
// It changes nothing. [RefusedError].
func (svc *Service) Check(ctx context.Context, assertion, challenge []byte) (Found, error) {
	if len(assertion) > bytesMost {
		return Found{}, RefusedError{Why: Malformed}
	}
	a, err := protocol.ParseCredentialRequestResponseBytes(assertion)
	if err != nil {
		return Found{}, RefusedError{Why: Malformed}
	}
	// The handle says who; whoever lies about it has no passkey in that wallet.
	if len(a.Response.UserHandle) != HandleSize {
		return Found{}, RefusedError{Why: Unknown}
	}
	token, err := svc.Store.WalletOf(ctx, a.Response.UserHandle)
	if err != nil {
		return Found{}, err
	}
	if token == "" {
		return Found{}, RefusedError{Why: Unknown}
	}
	w, err := svc.Store.Wallet(ctx, token)
	if err != nil {
		return Found{}, err
	}
	k := w.find(a.RawID)
	if k < 0 || !bytes.Equal(w.Handle, a.Response.UserHandle) {
		return Found{}, RefusedError{Why: Unknown, Token: token}
	}
	if !svc.Site.proves(a, w.Passkeys[k], challenge) {
		return Found{}, RefusedError{Why: Unproven, Token: token}
	}
	return Found{Token: token, key: w.Passkeys[k], count: a.Response.AuthenticatorData.Counter}, nil
}

// proves says whether an assertion is a passkey's, for this site and challenge, of a
// user who was verified.
func (s Site) proves(a *protocol.ParsedCredentialAssertionData, p Passkey, challenge []byte) bool {
	err := a.Verify(base64.RawURLEncoding.EncodeToString(challenge), s.ID, "", []string{s.Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, true, true, p.Key, protocol.SignaturePolicy{})
	flags := a.Response.AuthenticatorData.Flags
	// What may be copied when it is made may be copied for good, and the other way
	// round (WebAuthn §7.2, step 19).
	return err == nil && flags.HasBackupEligible() == p.Synced && (p.Synced || !flags.HasBackupState())
}

// Use spends the counter of an assertion, unless one as high was spent before: then
// there are two that sign with the same key. [RefusedError], also if the passkey was
// removed meanwhile.
func (svc *Service) Use(ctx context.Context, f Found) error {
	return svc.change(ctx, f.Token, func(w Wallet) (Wallet, error) {
		k := w.find(f.key.ID)
		if k < 0 {
			return w, RefusedError{Why: Unknown, Token: f.Token}
		}
		p := &w.Passkeys[k]
		if f.count <= p.Count && (f.count != 0 || p.Count != 0) {
			return w, RefusedError{Why: Counter, Token: f.Token}
		}
		p.Count, p.UsedAt = f.count, svc.Now()
		return w, nil
	})
}

// Add takes a new passkey into a wallet: what a browser answered to [Site.AskNew].
// handle is the wallet's, as it was told then; by is the phone that lets it in.
// [RefusedError], [ErrFull].
func (svc *Service) Add(ctx context.Context, id device.TokenID, by device.ID, handle, attestation, challenge []byte) error {
	p, err := svc.Site.made(attestation, challenge)
	if err != nil {
		return err
	}
	p.CreatedAt, p.By = svc.Now(), by
	err = svc.change(ctx, id, func(w Wallet) (Wallet, error) {
		switch {
		case w.Version > 0 && !bytes.Equal(w.Handle, handle): // another was first to make the wallet
			return w, RefusedError{Why: Unknown, Token: id}
		case w.find(p.ID) >= 0:
			return w, RefusedError{Why: Known, Token: id}
		case w.Full():
			return w, ErrFull
		}
		w.Handle, w.Passkeys = handle, append(w.Passkeys, p)
		return w, nil
	})
	if err != nil {
		return err
	}
	return svc.Audit.Record(ctx, audit.Event{Time: svc.Now(), Kind: audit.PasskeyAdded, Token: string(id), Device: string(by)})
}

// made is the passkey that an attestation tells of. Whose make its authenticator is
// was not asked, and what it says of that counts for nothing.
func (s Site) made(attestation, challenge []byte) (p Passkey, err error) {
	if len(attestation) > bytesMost {
		return p, RefusedError{Why: Malformed}
	}
	a, err := protocol.ParseCredentialCreationResponseBytes(attestation)
	if err != nil {
		return p, RefusedError{Why: Malformed}
	}
	_, err = a.Verify(base64.RawURLEncoding.EncodeToString(challenge), s.ID, []string{s.Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, true, true, nil, algorithms(), protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	data := a.Response.AttestationObject.AuthData
	if err != nil || len(data.AttData.CredentialID) == 0 || len(data.AttData.CredentialID) > idMost {
		return p, RefusedError{Why: Unproven}
	}
	return Passkey{ID: data.AttData.CredentialID, Key: data.AttData.CredentialPublicKey, Count: data.Counter,
		Synced: data.Flags.HasBackupEligible()}, nil
}

// idMost is how long a passkey's id may be, in bytes (WebAuthn §7.1, step 25).
const idMost = 1023

// Refused is why an error is a refusal; ok is false if it is none.
func Refused(err error) (e RefusedError, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}
