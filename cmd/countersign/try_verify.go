package main

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"countersign/crypto/keyring"
	"countersign/session"
	"countersign/ws"
)

// verify checks an approved message as a back end that started the session must
// (docs/protocol.md, Token), and prints the claims.
func (t *trial) verify(ctx context.Context, m ws.Wire, responseKey []byte) error {
	body, err := t.client.JWKS(ctx)
	if err != nil {
		return fmt.Errorf("approved, but the keys cannot be fetched: %w", err)
	}
	keys, err := keyring.ParseJWKS(body)
	if err != nil {
		return err
	}
	claims := keyring.Claims{}
	if err := keys.Verify(m.JWT, session.TokenType, t.issuer, t.service, time.Now(), claims); err != nil {
		return fmt.Errorf("approved, but the token does not hold: %w", err)
	}
	if claims["nonce"] != t.started.Random || m.Random != t.started.Random || claims["sid"] != t.started.SessionID {
		return errors.New("approved, but the token is of another session")
	}
	checked := "signature, issuer, audience, time, session and nonce are good"
	if responseKey != nil {
		want := session.Hash(responseKey, session.ID(t.started.SessionID), m.Random, m.JWT, m.ExpiresAt)
		if !hmac.Equal([]byte(m.Hash), []byte(want)) {
			return hint(errors.New("approved, but the hash does not fit"), "is it the response key of %s?", t.service)
		}
		checked = "signature, issuer, audience, time, session, nonce and hash are good"
	}
	fmt.Fprintln(t.env.Stdout, checked)
	return writeJSON(t.env.Stdout, claims)
}
