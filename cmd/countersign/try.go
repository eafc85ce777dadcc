package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"countersign/api"
	"countersign/session"
	"countersign/ws"

	"github.com/spf13/cobra"
)

func newTry(env *environment) *cobra.Command {
	t := &trial{env: env}
	cmd := &cobra.Command{
		Use: "try", Short: "be a browser: start a login and watch it", Args: cobra.NoArgs,
		Long: `Starts a login as a page of the service would, shows the code and the moving QR code, tells what
happens, and at the end verifies the token as a relying party must. Exits 0 if it was approved.

Who is asked is --user or else the phone that is enrolled here ("countersign phone enroll"); without
one it is whoever scans the QR code.`,
	}
	t.issuer = devIssuer
	cmd.Flags().Var((*issuerURL)(&t.issuer), "issuer", "the server's public `URL`")
	caFlag(cmd, &t.ca)
	cmd.Flags().StringVar(&t.service, "service", demoService, "the `ID` of the service to be")
	cmd.Flags().StringVar(&t.secretFile, "secret-file", "", "`FILE` with the service's secret, if it has one")
	cmd.Flags().StringVar(&t.origin, "origin", "", "the `ORIGIN` of the service's page; default: the issuer's")
	cmd.Flags().StringVar(&t.user, "user", "", "the `TOKENID` of who is asked")
	cmd.Flags().StringVar(&t.profile, "profile", "default", "`NAME` of the phone here that is asked without --user")
	cmd.Flags().StringVar(&t.mode, "mode", "", "`MODE` of the code: enter, scan or compare; default: the service's")
	cmd.Flags().StringSliceVar(&t.scopes, "scopes", nil, "`SCOPES` to ask for; default: the service's")
	cmd.Flags().StringVar(&t.responseKeyFile, "response-key-file", "", "check the hash with the service's response key in this `FILE`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return t.run(cmd.Context()) }
	cmd.Annotations = map[string]string{"alone": "yes"}
	cmd.AddCommand(newTryOIDC(env), newTryCIBA(env))
	return cmd
}

// A trial is one run of try.
type trial struct {
	env             *environment
	issuer, service string
	ca              trusted
	secretFile      string
	origin          string
	user, profile   string
	mode            string
	scopes          []string
	responseKeyFile string

	client   *api.Client
	verifier string
	started  api.StartResponse
	screen   screen
}

func (t *trial) run(ctx context.Context) error {
	key, err := t.prepare(ctx)
	if err != nil {
		return err
	}
	if t.started, err = t.client.Start(ctx, t.request(), ""); err != nil {
		return startHint(err, t.client.Origin)
	}
	if err := t.announce(); err != nil {
		return err
	}
	final, err := t.follow(ctx)
	if ctx.Err() != nil && final.Type == "" {
		return t.cancel(ctx)
	}
	if err != nil {
		return err
	}
	if final.Type != session.ApprovedMessage {
		return failf("not approved: %s", inWords(final))
	}
	return t.verify(ctx, final, key)
}

// prepare reads the files that flags name, makes the client and the verifier,
// and finds out who is asked.
func (t *trial) prepare(ctx context.Context) (responseKey []byte, err error) {
	t.client = &api.Client{Issuer: t.issuer, HTTP: t.ca.client(), ServiceID: t.service}
	if t.secretFile == "" {
		t.client.Origin = cmp.Or(t.origin, origin(t.issuer))
	} else if t.client.Secret, err = readSecret(t.secretFile); err != nil {
		return nil, err
	}
	if t.responseKeyFile != "" {
		text, err := readSecret(t.responseKeyFile)
		if err != nil {
			return nil, err
		}
		if responseKey, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil || len(responseKey) != 32 {
			return nil, hint(failf("--response-key-file does not hold 32 bytes in base64url"), "countersign service show prints the key")
		}
	}
	t.verifier = newVerifier()
	if t.user == "" {
		t.user, err = t.phoneHere(ctx)
	}
	return responseKey, err
}

// readSecret is the content of a file without one newline at its end.
func readSecret(file string) (string, error) {
	text, err := os.ReadFile(file)
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), err
}

// newVerifier makes a verifier as RFC 7636 §4.1 recommends: 43 characters of 32
// random bytes.
func newVerifier() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// phoneHere is the identity of the phone that is enrolled on this machine, if
// there is one and the server still knows it.
func (t *trial) phoneHere(ctx context.Context) (string, error) {
	p, err := t.env.loadProfile(t.profile, t.issuer)
	if errors.Is(err, errNoProfile) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	known, err := enrolled(ctx, &api.Phone{Client: &api.Client{Issuer: t.issuer, HTTP: t.ca.client()}, Key: p.key, Token: p.TokenID, Device: p.DeviceID})
	if err != nil {
		return "", err
	}
	if !known {
		t.env.line("warning", "the server has forgotten the phone that is enrolled here, so anybody is asked")
		return "", nil
	}
	return p.TokenID, nil
}

func (t *trial) request() api.StartRequest {
	challenge := session.ChallengeOf(t.verifier)
	q := api.StartRequest{ServiceID: &t.service, Challenge: &challenge}
	if t.user != "" {
		q.TokenID = &t.user
	}
	if t.mode != "" {
		q.Mode = &t.mode
	}
	if t.scopes != nil {
		q.Scopes = &t.scopes
	}
	return q
}

// startHint says what to do about the refusals of a start.
func startHint(err error, origin string) error {
	switch api.CodeOf(err) {
	case "origin_not_allowed":
		return hint(err, "the service must list %s in its origins, or name one that it lists with --origin", origin)
	case "service_auth_failed":
		return hint(err, "a service with a secret needs --secret-file")
	case "":
		return hint(err, "start a server with `countersign dev`, or name one with --issuer")
	}
	return err
}

// announce prints what was started.
func (t *trial) announce() error {
	s := t.started
	asked := "whoever scans"
	if t.user != "" {
		asked = t.user
	}
	t.screen = screen{env: t.env, started: s, begun: time.Now(), code: s.AutoPassword}
	pairs := [][2]string{{"session", s.SessionID}, {"service", t.service}, {"asked", asked}, {"mode", s.Mode}, {"expires", s.ExpiresAt}}
	if !isTerminal(t.env.Stdout) {
		// Nobody would see them move.
		pairs = append(pairs, [2]string{"code", grouped(t.screen.typed())}, [2]string{"qr", t.screen.qrText()})
	}
	err := writePairs(t.env.Stdout, pairs...)
	t.screen.redraw()
	return err
}

// cancel gives the session up when the user pressed Ctrl-C.
func (t *trial) cancel(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer stop()
	if _, err := t.client.Cancel(ctx, t.started, t.verifier); err != nil {
		return fmt.Errorf("not approved, and not cancelled: %w", err)
	}
	return failf("not approved: cancelled")
}

// follow tells of what happens until the final message.
func (t *trial) follow(ctx context.Context) (ws.Wire, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := watcher{url: t.started.WSURL, tls: t.ca.tls(), verifier: t.verifier, origin: t.client.Origin, until: deadline(t.started.ExpiresAt)}
	messages, failed := make(chan ws.Wire), make(chan error, 1)
	go func() { failed <- w.watch(ctx, messages) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case m := <-messages:
			if t.screen.show(m); isFinal(m) {
				return m, nil
			}
		case err := <-failed:
			return ws.Wire{}, err
		case <-tick.C:
			t.screen.redraw()
		}
	}
}
