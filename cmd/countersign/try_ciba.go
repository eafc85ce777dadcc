package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

func newTryCIBA(env *environment) *cobra.Command {
	t := &cibaTrial{oidcTrial: oidcTrial{env: env, issuer: devIssuer}}
	cmd := &cobra.Command{
		Use: "ciba --client-id ID --secret-file FILE", Short: "be a back end: have a user approve on the phone, and show the tokens", Args: cobra.NoArgs,
		Long: `Is a back end whose user is not in front of a browser of yours: at the counter, or on the telephone.
Asks the server to have the user approve, shows the code that they type into the phone, asks until they
have decided, verifies what comes, and prints the decoded tokens (OpenID Connect CIBA, poll mode).

Who is asked is --user or else the phone that is enrolled here. The client must have ciba.delivery set.`,
		Example: "  countersign try ciba --client-id acme-desk --secret-file acme-desk.secret --message 'Desk 4'",
	}
	cmd.Flags().Var((*issuerURL)(&t.issuer), "issuer", "the provider's public `URL`")
	caFlag(cmd, &t.ca)
	cmd.Flags().StringVar(&t.client, "client-id", "", "the `ID` of the client to be; required")
	cmd.Flags().StringVar(&t.secretFile, "secret-file", "", "`FILE` with the client's secret; required")
	cmd.Flags().StringVar(&t.scope, "scope", "openid", "the `SCOPES` to ask for, separated by spaces")
	cmd.Flags().StringVar(&t.loginHint, "user", "", "the `TOKENID` of who is asked")
	cmd.Flags().StringVar(&t.profile, "profile", "default", "`NAME` of the phone here that is asked without --user")
	cmd.Flags().StringVar(&t.message, "message", "", "`TEXT` shown here and on the phone, so that the user knows which request is theirs")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return t.run(cmd.Context()) }
	return cmd
}

// A cibaTrial is one run of try ciba.
type cibaTrial struct {
	oidcTrial
	profile, message string
}

// begun is the answer to a request (CIBA Core §7.3), with the code that this server
// adds.
type begun struct {
	ID       string `json:"auth_req_id"`
	Expires  int    `json:"expires_in"`
	Interval int    `json:"interval"`
	Code     string `json:"autoPassword"`
}

func (t *cibaTrial) run(ctx context.Context) (err error) {
	if err := t.prepare(ctx); err != nil {
		return err
	}
	t.nonce = "" // there is none in these requests
	switch {
	case t.secret == "":
		return hint(failf("--secret-file is required"), "a client without a secret cannot ask for its users")
	case t.provider.Backchannel == "":
		return failf("discovery names no backchannel_authentication_endpoint: this provider has no CIBA")
	}
	if t.loginHint == "" {
		here := trial{env: t.env, issuer: t.issuer, ca: t.ca, profile: t.profile}
		if t.loginHint, err = here.phoneHere(ctx); err != nil {
			return err
		}
		if t.loginHint == "" {
			return hint(failf("nobody to ask"), "name somebody with --user, or enrol a phone here: countersign phone enroll")
		}
	}
	form := url.Values{"scope": {t.scope}, "login_hint": {t.loginHint}}
	if t.message != "" {
		form.Set("binding_message", t.message)
	}
	var b begun
	if err := t.post(ctx, t.provider.Backchannel, form, &b); err != nil {
		return err
	}
	if b.ID == "" {
		return failf("the answer has no auth_req_id")
	}
	pairs := [][2]string{{"asked", plain(t.loginHint)}, {"waiting", (time.Duration(b.Expires) * time.Second).String()}}
	if b.Code != "" {
		pairs = append(pairs, [2]string{"code", grouped(plain(b.Code))})
	}
	if t.message != "" {
		pairs = append(pairs, [2]string{"message", plain(t.message)})
	}
	if err := writePairs(t.env.Stdout, pairs...); err != nil {
		return err
	}
	got, err := t.poll(ctx, b)
	if err != nil {
		return err
	}
	fmt.Fprintln(t.env.Stdout, "\napproved")
	return t.show(ctx, got)
}

// poll asks until the user has decided (CIBA Core §10.1, §11).
func (t *cibaTrial) poll(ctx context.Context, b begun) (granted, error) {
	every := time.Duration(cmp.Or(b.Interval, 5)) * time.Second
	for {
		timer := time.NewTimer(every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return granted{}, failf("given up; the request waits until its time is up")
		}
		got, err := t.redeem(ctx, url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {b.ID}})
		var refused oauthError
		switch {
		case err == nil:
			return got, nil
		case !errors.As(err, &refused):
			return got, err
		}
		switch refused.Code {
		case "authorization_pending":
		case "slow_down":
			every += 5 * time.Second
		case "access_denied":
			return got, failf("not approved: the user declined, reported it, or typed wrong codes")
		case "expired_token":
			return got, failf("not approved: the time is up")
		default:
			return got, err
		}
	}
}
