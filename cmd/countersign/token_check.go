package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newTokenCheck(env *environment) *cobra.Command {
	c := &tokenCheck{env: env, issuer: devIssuer}
	cmd := &cobra.Command{
		Use: "check [TOKEN|-]", Short: "say why a token is not accepted, or that it is good", Args: cobra.MaximumNArgs(1),
		Long: `Looks at everything a relying party must check of a token (approval, id_token, access token, logout
token), says of each what is wrong with it, and prints what the token says, without its signature.
Exits 0 if it is good.

Without TOKEN, or with -, the token is read from standard input: what stands on a command line,
other users of the machine can see. The keys are fetched from --issuer and from nowhere else,
whatever the token says.`,
		Example: "  countersign token check --issuer https://login.example.com --audience acme-bank <token.txt",
	}
	cmd.Flags().Var((*issuerURL)(&c.issuer), "issuer", "the server's public `URL`, as it should stand in iss")
	caFlag(cmd, &c.ca)
	cmd.Flags().StringVar(&c.audience, "audience", "", "the `ID` of the service the token should be for; default: not compared")
	cmd.Flags().StringVar(&c.kind, "type", "", "the `TYP` it should have: "+strings.Join(slices.Sorted(maps.Keys(tokenKinds)), ", ")+"; default: any")
	jsonFlag(cmd, &c.asJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) }
	return cmd
}

// A tokenCheck is one run of token check.
type tokenCheck struct {
	env      *environment
	issuer   string
	ca       trusted
	audience string
	kind     string
	asJSON   bool
}

func (c *tokenCheck) run(ctx context.Context, args []string) error {
	if _, known := tokenKinds[c.kind]; c.kind != "" && !known {
		return failf("--type must be one of %s", strings.Join(slices.Sorted(maps.Keys(tokenKinds)), ", "))
	}
	token, err := c.read(args)
	if err != nil {
		return err
	}
	j := judge{issuer: c.issuer, audience: c.audience, kind: c.kind, now: time.Now()}
	var skew time.Duration
	// A token without form needs no keys.
	if _, err := splitToken(token); err == nil {
		j, skew = c.fetch(ctx, j)
	}
	v := j.judge(token)
	if err := c.print(v, skew); err != nil {
		return err
	}
	if v.Good {
		return nil
	}
	err = failf("the token does not hold: %s", wrongs(v.Checks))
	if j.keyError != nil {
		return hint(err, "start a server with `countersign dev`, or name one with --issuer")
	}
	return err
}

// read gives the token without what is often copied along with it.
func (c *tokenCheck) read(args []string) (string, error) {
	token := "-"
	if len(args) == 1 {
		token = args[0]
	}
	if token == "-" {
		b, err := io.ReadAll(io.LimitReader(c.env.Stdin, maxToken+1))
		if err != nil {
			return "", err
		}
		token = string(b)
	}
	return strings.TrimPrefix(strings.TrimSpace(token), "Bearer "), nil
}

// fetch adds the issuer's keys, and tells how far the clock here is behind the
// server's.
func (c *tokenCheck) fetch(ctx context.Context, j judge) (judge, time.Duration) {
	var body json.RawMessage
	date, err := getJSON(ctx, c.ca.client(), c.issuer+"/.well-known/jwks.json", "", &body)
	if err == nil {
		j.keys, err = parseKeySet(body)
	}
	j.keyError = err
	if date.IsZero() {
		return j, 0
	}
	return j, date.Sub(j.now)
}

// print shows what was found and what the token says.
func (c *tokenCheck) print(v judgement, skew time.Duration) error {
	if c.asJSON {
		text, err := harmlessJSON(v)
		fmt.Fprint(c.env.Stdout, text)
		return err
	}
	pairs := findingPairs(v.Checks)
	const tolerable = 5 * time.Second // Date has whole seconds, and the answer took its time
	if skew.Abs() > tolerable {
		pairs = append(pairs, [2]string{"clock", fmt.Sprintf("the one here is %s the server's", behind(skew.Round(time.Second)))})
	}
	if err := writePairs(c.env.Stdout, pairs...); err != nil || v.Header == nil {
		return err
	}
	return c.env.showToken(v)
}

func behind(d time.Duration) string {
	if d < 0 {
		return (-d).String() + " ahead of"
	}
	return d.String() + " behind"
}

// showToken prints header and claims.
func (env *environment) showToken(v judgement) error {
	for _, part := range []map[string]any{v.Header, v.Claims} {
		if part == nil {
			continue
		}
		text, err := harmlessJSON(part)
		if err != nil {
			return err
		}
		fmt.Fprint(env.Stdout, text)
	}
	return nil
}

// getJSON fetches a document into out, with an access token if there is one, and
// gives the server's clock if it told.
func getJSON(ctx context.Context, client *http.Client, address, accessToken string, out any) (date time.Time, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return date, err
	}
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	return sendJSON(client, r, out)
}

// sendJSON sends a request whose answer must be JSON, unless out is nil. An answer
// that is none, or a refusal, is an error; a refusal in the way of RFC 6749 §5.2
// an [oauthError].
func sendJSON(client *http.Client, r *http.Request, out any) (date time.Time, err error) {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := own.Do(r)
	if err != nil {
		return date, err
	}
	defer resp.Body.Close()
	date, _ = http.ParseTime(resp.Header.Get("Date")) // zero: not told
	const most = 1 << 20
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return date, err
	}
	where := r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
	if resp.StatusCode != http.StatusOK {
		var e oauthError
		if json.Unmarshal(body, &e) == nil && e.Code != "" {
			return date, fmt.Errorf("%s: %w", where, e)
		}
		return date, failf("%s answered %d", where, resp.StatusCode)
	}
	if out != nil && json.Unmarshal(body, out) != nil {
		return date, failf("%s answered no such JSON", where)
	}
	return date, nil
}

// An oauthError is a refusal in the way of RFC 6749 §5.2.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error implements error.
func (e oauthError) Error() string {
	if e.Description == "" {
		return plain(e.Code)
	}
	return plain(e.Code + ": " + e.Description)
}
