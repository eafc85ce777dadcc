package api

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

// A Client speaks to a server over HTTP. The zero value but for Issuer is a
// page without an Origin.
type Client struct {
	// Issuer is the server's base URL, which is also what phones sign.
	Issuer string
	// Base is where requests go instead, such as to one node of a cluster.
	Base string
	// HTTP is used instead of http.DefaultClient.
	HTTP *http.Client
	// Origin is sent as a browser would.
	Origin string
	// ServiceID and Secret authenticate a service.
	ServiceID, Secret string
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// Start starts a session. An error of the server is a [*Problem].
func (c *Client) Start(ctx context.Context, q StartRequest, idempotencyKey string) (StartResponse, error) {
	var out StartResponse
	head := http.Header{}
	if idempotencyKey != "" {
		head.Set("Idempotency-Key", idempotencyKey)
	}
	return out, c.do(ctx, http.MethodPost, "/auth/initiate", head, q, &out)
}

// Poll asks what is new in a session since message after.
func (c *Client) Poll(ctx context.Context, s StartResponse, verifier string, after int, wait time.Duration) (PollResponse, error) {
	var out PollResponse
	path := "/auth/session/" + s.SessionID + "?after=" + strconv.Itoa(after) + "&wait=" + strconv.Itoa(int(wait/time.Second))
	return out, c.do(ctx, http.MethodGet, path, bearer(s, verifier), nil, &out)
}

// Cancel gives a session up, as the page that watches it.
func (c *Client) Cancel(ctx context.Context, s StartResponse, verifier string) (StatusResponse, error) {
	var out StatusResponse
	return out, c.do(ctx, http.MethodPost, "/auth/session/"+s.SessionID+"/cancel", bearer(s, verifier), nil, &out)
}

// Return brings the browser back that started a session and handed over to an
// app on its own device. Code is what the app's returnUrl has behind its #.
func (c *Client) Return(ctx context.Context, s StartResponse, verifier, code string) (StatusResponse, error) {
	var out StatusResponse
	return out, c.do(ctx, http.MethodPost, "/auth/session/"+s.SessionID+"/return", bearer(s, verifier), ReturnRequest{Code: &code}, &out)
}

// CancelAsService gives a session up, as the service that started it.
func (c *Client) CancelAsService(ctx context.Context, sessionID string) (StatusResponse, error) {
	var out StatusResponse
	return out, c.do(ctx, http.MethodPost, "/auth/session/"+sessionID+"/cancel", http.Header{}, nil, &out)
}

// JWKS fetches the signing keys.
func (c *Client) JWKS(ctx context.Context) ([]byte, error) {
	var out json.RawMessage
	return out, c.do(ctx, http.MethodGet, "/.well-known/jwks.json", http.Header{}, nil, &out)
}

// Discovery fetches what the server tells of itself.
func (c *Client) Discovery(ctx context.Context) (Discovery, error) {
	var out Discovery
	return out, c.do(ctx, http.MethodGet, "/.well-known/openid-configuration", http.Header{}, nil, &out)
}

func bearer(s StartResponse, verifier string) http.Header {
	head := http.Header{"Authorization": {"Bearer " + s.WSToken}}
	if verifier != "" {
		head.Set("Countersign-Verifier", verifier)
	}
	return head
}

// do sends a request and reads the answer into out.
func (c *Client) do(ctx context.Context, method, path string, head http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
		head.Set("Content-Type", "application/json")
	}
	base := c.Base
	if base == "" {
		base = c.Issuer
	}
	r, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return err
	}
	r.Header = head
	if c.Origin != "" {
		r.Header.Set("Origin", c.Origin)
	}
	if c.Secret != "" && r.Header.Get("Authorization") == "" {
		r.SetBasicAuth(c.ServiceID, c.Secret)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	return answer(resp, b, out)
}

// answer reads a body as what its status says it is.
func answer(resp *http.Response, b []byte, out any) error {
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(b, out)
	}
	p := &Problem{}
	if err := json.Unmarshal(b, p); err != nil || p.Code == "" {
		return fmt.Errorf("api: HTTP %d from %s, and no problem document", resp.StatusCode, resp.Request.URL.Path)
	}
	return p
}

// CodeOf is the code of a server's error; empty: it was another error, or none.
func CodeOf(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}
