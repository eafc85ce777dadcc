package rp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// patience is how long a request may take when its context does not say.
	patience = 10 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 10
)

// A Client starts sessions and orders operations as a service that authenticates.
// It may be used by many goroutines; it prints as its ServiceID alone.
type Client struct {
	// Issuer is the server's base URL, as in discovery, without a slash at its end.
	Issuer string
	// ServiceID and Secret are the service's, as the server is configured.
	ServiceID, Secret string
	// HTTP is used instead of http.DefaultClient, but for its CheckRedirect:
	// an API that redirects is not the one that was asked.
	HTTP *http.Client
}

// A Start is the wish for a session. Its zero value asks whoever scans the code
// first, for the service's default scopes.
type Start struct {
	// TokenID is who is asked; empty: the first phone that scans.
	TokenID string
	// Scopes are the claims wanted; nil: the service's default.
	Scopes []string
	// Mode is enter, scan or compare; empty: the service's first, or scan
	// without a TokenID, which allows no other.
	Mode string
	// Challenge is what the page's SDK made: without it whoever learns the
	// wsToken can watch the session.
	Challenge string
	// ClientNonce, up to 128 visible ASCII characters, comes back in the token.
	ClientNonce string
	// Operation is what is approved beyond a login.
	Operation *Operation
	// Requester is the user's browser as this service sees it, which the phone
	// shows as the service's word.
	Requester *Requester
	// IdempotencyKey, up to 64 visible ASCII characters, makes a repeated Start
	// the same session: for a retry after an answer was lost.
	IdempotencyKey string
}

// An Operation is what a phone shows and signs.
type Operation struct {
	Name string // such as authorize_payment
	Data string // A1*A100CZK*Q238400856/0300; its hash comes back in the token
	// Form is shown to the user. It must encode as a form of docs/protocol.md,
	// Operation data and form, and may not contradict Data. nil: none.
	Form any
}

// A Requester is a browser.
type Requester struct {
	IP        string // an address, without a port
	UserAgent string // up to 512 bytes without control characters
}

// A Started is a session that waits for its approval. It prints as its id alone.
type Started struct {
	SessionID string
	// Random is for this back end alone: it proves that a token answers this
	// start, and never goes to a page.
	Random    string
	ExpiresAt time.Time

	page json.RawMessage
}

// ForPage is the server's answer without random: what the page's SDK needs, and
// the only thing to hand to a browser. It holds the code and the right to watch,
// so it is sent with Cache-Control: no-store.
func (s Started) ForPage() json.RawMessage { return bytes.Clone(s.page) }

// Format implements [fmt.Formatter]: every verb prints the session's id.
func (s Started) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "rp.Started(%s)", s.SessionID) }

// Format implements [fmt.Formatter]: every verb prints the service's id.
func (c Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "rp.Client(%s)", c.ServiceID) }

// initiate is the body of POST /auth/initiate.
type initiate struct {
	TokenID     string     `json:"tokenId,omitempty"`
	Scopes      *[]string  `json:"scopes,omitempty"`
	Mode        string     `json:"mode,omitempty"`
	Challenge   string     `json:"challenge,omitempty"`
	ClientNonce string     `json:"clientNonce,omitempty"`
	Operation   *operation `json:"operation,omitempty"`
	Requester   *requester `json:"requester,omitempty"`
}

type operation struct {
	Name string `json:"name"`
	Data string `json:"data"`
	Form any    `json:"form,omitempty"`
}

type requester struct {
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent"`
}

func (st Start) body() ([]byte, error) {
	q := initiate{TokenID: st.TokenID, Mode: st.Mode, Challenge: st.Challenge, ClientNonce: st.ClientNonce,
		Operation: (*operation)(st.Operation), Requester: (*requester)(st.Requester)}
	if st.Scopes != nil {
		q.Scopes = &st.Scopes // none at all is an empty list
	}
	return json.Marshal(q)
}

// Start starts a session. A refusal is a [*Problem]: 401 service_auth_failed, 422
// scope_not_allowed or mode_not_allowed, 429 rate_limited, 503 unavailable and
// the others of the protocol. Any other error is the network's, after which the
// same Start with the same IdempotencyKey may be tried again.
func (c *Client) Start(ctx context.Context, st Start) (Started, error) {
	body, err := st.body()
	if err != nil {
		return Started{}, fmt.Errorf("rp: start: %w", err)
	}
	answer, err := c.call(ctx, request{http.MethodPost, "/auth/initiate", body, st.IdempotencyKey, maxAnswer})
	if err != nil {
		return Started{}, named("start", err)
	}
	return parseStarted(answer)
}

// A request is one of the service's to the server.
type request struct {
	method, path string
	body         []byte // JSON; nil: none
	key          string // the Idempotency-Key; empty: none
	most         int64  // of the answer
}

// call sends a request and gives the answer, or the [*Problem] that came instead.
func (c *Client) call(ctx context.Context, q request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, q.method, c.Issuer+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	r.SetBasicAuth(c.ServiceID, c.Secret)
	resp, err := straight(c.HTTP).Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, q.most))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, problem(resp, answer)
	}
	return answer, nil
}

// named says of the network's error what was tried; a refusal says it itself.
func named(what string, err error) error {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return err
	}
	return fmt.Errorf("rp: %s: %w", what, err)
}

// straight is a client that follows no redirect.
func straight(c *http.Client) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// errStarted is the server's fault, or something else answers at its address.
var errStarted = errors.New("rp: start: the answer is no started session")

// parseStarted parts the answer into what the back end keeps and what the page
// gets: by leaving out one member, so that a member of tomorrow reaches the SDK.
func parseStarted(answer []byte) (Started, error) {
	var kept struct {
		SessionID string    `json:"sessionId"`
		Random    string    `json:"random"`
		ExpiresAt time.Time `json:"expiresAt"`
	}
	members := map[string]json.RawMessage{}
	if json.Unmarshal(answer, &kept) != nil || json.Unmarshal(answer, &members) != nil || kept.SessionID == "" || kept.Random == "" {
		return Started{}, errStarted
	}
	delete(members, "random")
	page, err := json.Marshal(members)
	if err != nil {
		return Started{}, errStarted
	}
	return Started{SessionID: kept.SessionID, Random: kept.Random, ExpiresAt: kept.ExpiresAt, page: page}, nil
}

// problem reads a refusal; what is no problem document is one without a code.
func problem(resp *http.Response, answer []byte) *Problem {
	var doc struct{ Code, Detail string }
	if json.Unmarshal(answer, &doc) != nil {
		doc.Code, doc.Detail = "", ""
	}
	p := &Problem{Status: resp.StatusCode, Code: doc.Code, Detail: doc.Detail}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 && seconds < 1<<31 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
