package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/session"

	"github.com/spf13/cobra"
)

func newTryOIDC(env *environment) *cobra.Command {
	t := &oidcTrial{env: env, issuer: devIssuer}
	cmd := &cobra.Command{
		Use: "oidc --client-id ID", Short: "be an OpenID Connect client: log in, and show the tokens", Args: cobra.NoArgs,
		Long: `Is a native app for the length of one login: listens on a loopback port, prints the address to open in
a browser, takes the answer, redeems the code with PKCE, verifies what comes, and prints the decoded
tokens and what userinfo says. With --scope "openid offline_access" it also refreshes once, and then
revokes the grant.

The client must have the redirect URI http://127.0.0.1/callback, or the one given with --redirect-uri;
the port is free (RFC 8252 §7.3).`,
		Example: "  countersign try oidc --client-id acme-app --scope 'openid profile offline_access'",
	}
	cmd.Flags().Var((*issuerURL)(&t.issuer), "issuer", "the provider's public `URL`")
	caFlag(cmd, &t.ca)
	cmd.Flags().StringVar(&t.client, "client-id", "", "the `ID` of the client to be; required")
	cmd.Flags().StringVar(&t.secretFile, "secret-file", "", "`FILE` with the client's secret, if it has one")
	cmd.Flags().StringVar(&t.scope, "scope", "openid", "the `SCOPES` to ask for, separated by spaces")
	cmd.Flags().StringVar(&t.redirect, "redirect-uri", tryRedirect, "the `URL` to come back to: http on a loopback host; without a port, any free one")
	cmd.Flags().StringVar(&t.loginHint, "login-hint", "", "the `TOKENID` of who should log in")
	cmd.Flags().StringVar(&t.prompt, "prompt", "", "none, login or consent, as in OpenID Connect")
	cmd.Flags().DurationVar(&t.wait, "wait", 10*time.Minute, "how `LONG` to wait for the browser")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return t.run(cmd.Context()) }
	return cmd
}

// tryRedirect is where the browser comes back to, unless told otherwise.
const tryRedirect = "http://127.0.0.1/callback"

// An oidcTrial is one run of try oidc.
type oidcTrial struct {
	env               *environment
	issuer            string
	ca                trusted
	client            string
	secretFile        string
	scope             string
	redirect          string
	loginHint, prompt string
	wait              time.Duration

	http                   *http.Client
	secret                 string
	provider               provider
	verifier, state, nonce string
}

// A provider is what discovery tells of one, as far as it is used here.
type provider struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Userinfo      string   `json:"userinfo_endpoint"`
	Revocation    string   `json:"revocation_endpoint"`
	Backchannel   string   `json:"backchannel_authentication_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	PKCE          []string `json:"code_challenge_methods_supported"`
	NamesItself   bool     `json:"authorization_response_iss_parameter_supported"`
}

func (t *oidcTrial) run(ctx context.Context) (err error) {
	if err := t.prepare(ctx); err != nil {
		return err
	}
	back, err := listenForCode(ctx, t.redirect, t.state)
	if err != nil {
		return err
	}
	defer back.close()
	address, err := t.authorizeURL(back.redirectURI)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.env.Stdout, "open in a browser:\n\n  %s\n\nwaiting on %s\n", address, back.redirectURI)
	answer, err := t.waitFor(ctx, back)
	if err != nil {
		return err
	}
	code, err := t.codeOf(answer)
	if err != nil {
		return err
	}
	got, err := t.redeem(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {back.redirectURI}, "code_verifier": {t.verifier}})
	if err != nil {
		return fmt.Errorf("the code is not redeemed: %w", err)
	}
	return t.show(ctx, got)
}

// prepare reads the secret, discovers the provider and makes what must be new
// each time.
func (t *oidcTrial) prepare(ctx context.Context) (err error) {
	if t.client == "" {
		return hint(failf("--client-id is required"), "a service with redirectURIs is a client; its id is the client id")
	}
	if t.secretFile != "" {
		if t.secret, err = readSecret(t.secretFile); err != nil {
			return err
		}
	}
	t.http = t.ca.client()
	if _, err := getJSON(ctx, t.http, t.issuer+"/.well-known/openid-configuration", "", &t.provider); err != nil {
		return hint(err, "start a server with `countersign dev`, or name one with --issuer")
	}
	switch p := t.provider; {
	case p.Issuer != t.issuer: // OpenID Connect Discovery 1.0 §4.3
		return failf("discovery names another issuer: %q, not %q", plain(p.Issuer), t.issuer)
	case p.Authorization == "" || p.Token == "" || p.JWKS == "":
		return failf("discovery names no authorization endpoint, token endpoint or keys: this is no OpenID Provider")
	case len(p.PKCE) > 0 && !slices.Contains(p.PKCE, "S256"):
		return failf("the provider does not take PKCE with S256")
	}
	t.verifier, t.state, t.nonce = newVerifier(), newVerifier(), newVerifier()
	return nil
}

func (t *oidcTrial) authorizeURL(redirectURI string) (string, error) {
	u, err := url.Parse(t.provider.Authorization)
	if err != nil {
		return "", failf("the authorization endpoint is no URL")
	}
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": t.client, "redirect_uri": redirectURI, "scope": t.scope, "state": t.state, "nonce": t.nonce,
		"code_challenge": session.ChallengeOf(t.verifier), "code_challenge_method": "S256", "login_hint": t.loginHint, "prompt": t.prompt,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (t *oidcTrial) waitFor(ctx context.Context, back *codeListener) (url.Values, error) {
	late := time.NewTimer(t.wait)
	defer late.Stop()
	select {
	case answer := <-back.answers:
		return answer, nil
	case <-late.C:
		return nil, hint(failf("no browser came back in %s", t.wait), "if the browser shows an error about the redirect URI, add %s to the client's redirectURIs", t.redirect)
	case <-ctx.Done():
		return nil, failf("given up")
	}
}

// codeOf takes the code out of an answer whose state was checked already.
func (t *oidcTrial) codeOf(answer url.Values) (string, error) {
	// RFC 9207 §2.4: who does not name itself, though it says it does, is another.
	if iss := answer.Get("iss"); iss != t.issuer && (iss != "" || t.provider.NamesItself) {
		return "", failf("the answer is another issuer's: iss is %q", plain(iss))
	}
	if code := answer.Get("error"); code != "" {
		return "", failf("the provider refused: %s", oauthError{code, answer.Get("error_description")})
	}
	if answer.Get("code") == "" {
		return "", failf("the answer has neither a code nor an error")
	}
	return answer.Get("code"), nil
}

// granted is the token endpoint's answer.
type granted struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Scope        string `json:"scope"`
}

// redeem asks the token endpoint.
func (t *oidcTrial) redeem(ctx context.Context, form url.Values) (got granted, err error) {
	err = t.post(ctx, t.provider.Token, form, &got)
	if err == nil && (got.AccessToken == "" || !strings.EqualFold(got.TokenType, "Bearer")) {
		err = failf("the answer has no Bearer access token but one of type %q", plain(got.TokenType))
	}
	return got, err
}

// post sends a form as the client: with its secret (RFC 6749 §2.3.1), else with
// its id alone.
func (t *oidcTrial) post(ctx context.Context, address string, form url.Values, out any) error {
	if t.secret == "" {
		form.Set("client_id", t.client)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if t.secret != "" {
		r.SetBasicAuth(url.QueryEscape(t.client), url.QueryEscape(t.secret))
	}
	_, err = sendJSON(t.http, r, out)
	return hintOnClient(err, t.secret)
}

// hintOnClient says what a refused client can be missing.
func hintOnClient(err error, secret string) error {
	var refused oauthError
	switch {
	case !errors.As(err, &refused) || refused.Code != "invalid_client":
		return err
	case secret == "":
		return hint(err, "a client with a secret needs --secret-file")
	}
	return hint(err, "see that the file of --secret-file is the one the server has")
}
