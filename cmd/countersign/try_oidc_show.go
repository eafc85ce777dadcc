package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// show verifies what the token endpoint gave, as a client must (OpenID Connect
// Core 1.0 §3.1.3.7), and prints it.
func (t *oidcTrial) show(ctx context.Context, got granted) error {
	var body json.RawMessage
	if _, err := getJSON(ctx, t.http, t.provider.JWKS, "", &body); err != nil {
		return err
	}
	keys, err := parseKeySet(body)
	if err != nil {
		return err
	}
	j := judge{issuer: t.issuer, keys: keys, now: time.Now()}
	if err := writePairs(t.env.Stdout, [2]string{"scope", plain(got.Scope)}, [2]string{"expires in", (time.Duration(got.ExpiresIn) * time.Second).String()}); err != nil {
		return err
	}
	subject, err := t.showIDToken(j, got)
	if err != nil {
		return err
	}
	if err := t.showAccessToken(j, got); err != nil {
		return err
	}
	if err := t.showUserinfo(ctx, got, subject); err != nil {
		return err
	}
	return t.refreshAndRevoke(ctx, got)
}

func (t *oidcTrial) showIDToken(j judge, got granted) (subject string, err error) {
	if got.IDToken == "" {
		fmt.Fprintln(t.env.Stdout, "\nid_token: none, for openid was not granted")
		return "", nil
	}
	j.kind, j.audience = "JWT", t.client
	v := j.judge(got.IDToken)
	switch hash, given := v.Claims["at_hash"]; {
	case !v.Good:
		return "", t.refuse("id_token", v)
	case text(v.Claims, "nonce") != t.nonce:
		return "", failf("the id_token is the answer to another request: its nonce is not the one that was sent")
	case given && hash != atHash(got.AccessToken):
		return "", failf("the id_token is about another access token: at_hash does not fit")
	}
	checked := "signature, issuer, audience, time and nonce"
	if t.nonce == "" {
		checked = "signature, issuer, audience and time"
	}
	fmt.Fprintf(t.env.Stdout, "\nid_token: %s are good\n", checked)
	return text(v.Claims, "sub"), t.env.showToken(v)
}

// atHash is the left half of the token's hash (OpenID Connect Core 1.0 §3.1.3.6).
func atHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// showAccessToken looks into it as an API would; for its client it is opaque.
func (t *oidcTrial) showAccessToken(j judge, got granted) error {
	if strings.Count(got.AccessToken, ".") != 2 {
		fmt.Fprintln(t.env.Stdout, "\naccess token: opaque")
		return nil
	}
	j.kind = "at+jwt" // RFC 9068 §4
	v := j.judge(got.AccessToken)
	switch {
	case !v.Good:
		return t.refuse("access token", v)
	case v.Claims["client_id"] != t.client:
		return failf("the access token is another client's")
	}
	fmt.Fprintln(t.env.Stdout, "\naccess token: signature, issuer, time and client are good")
	return t.env.showToken(v)
}

// refuse prints everything that is wrong with a token.
func (t *oidcTrial) refuse(name string, v judgement) error {
	for _, f := range v.Checks {
		if !f.Good {
			fmt.Fprintf(t.env.Stdout, "%s: %s: %s\n", name, f.Check, f.Detail)
		}
	}
	return failf("the %s does not hold: %s", name, wrongs(v.Checks))
}

func (t *oidcTrial) showUserinfo(ctx context.Context, got granted, subject string) error {
	if t.provider.Userinfo == "" || subject == "" {
		return nil
	}
	var claims map[string]any
	if _, err := getJSON(ctx, t.http, t.provider.Userinfo, got.AccessToken, &claims); err != nil {
		return err
	}
	if text(claims, "sub") != subject { // OpenID Connect Core 1.0 §5.3.2
		return failf("userinfo is about somebody else: its sub is not the id_token's")
	}
	fmt.Fprintln(t.env.Stdout, "\nuserinfo")
	return t.env.showToken(judgement{Claims: claims})
}

// refreshAndRevoke uses a refresh token once, and leaves no grant behind.
func (t *oidcTrial) refreshAndRevoke(ctx context.Context, got granted) error {
	if got.RefreshToken == "" {
		return nil
	}
	next, err := t.redeem(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken}})
	if err != nil {
		return fmt.Errorf("refreshing: %w", err)
	}
	newest, rotated := got.RefreshToken, "not rotated"
	if next.RefreshToken != "" && next.RefreshToken != newest {
		newest, rotated = next.RefreshToken, "rotated"
	}
	fmt.Fprintf(t.env.Stdout, "\nrefreshed: a new access token, and the refresh token was %s\n", rotated)
	if t.provider.Revocation == "" {
		return nil
	}
	if err := t.post(ctx, t.provider.Revocation, url.Values{"token": {newest}, "token_type_hint": {"refresh_token"}}, nil); err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	fmt.Fprintln(t.env.Stdout, "revoked the refresh token, and with it the grant")
	return nil
}
