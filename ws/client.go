package ws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/websocket"
)

// DialOptions say how to watch. The zero value watches a session that was
// started without a challenge.
type DialOptions struct {
	// Verifier of the session's challenge; sent as subprotocol, with the token.
	Verifier string
	// Origin to claim to be, as a browser would.
	Origin string
	// Header is added to the request.
	Header http.Header
}

// A Client watches one session. It is made by [Dial], and used by one goroutine.
type Client struct{ conn *websocket.Conn }

// A CloseError is how the server ended the connection.
type CloseError struct {
	Code   int
	Reason string
}

// Error implements error.
func (e CloseError) Error() string { return fmt.Sprintf("ws: closed with %d %s", e.Code, e.Reason) }

// Dial opens the wsUrl of a start.
func Dial(ctx context.Context, url string, o DialOptions) (*Client, error) {
	header := o.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if o.Origin != "" {
		header.Set("Origin", o.Origin)
	}
	d := websocket.Dialer{Subprotocols: []string{Subprotocol}, ReadBufferSize: 1024, WriteBufferSize: 512}
	if o.Verifier != "" {
		d.Subprotocols = append(d.Subprotocols, verifierPrefix+o.Verifier)
	}
	c, resp, err := d.DialContext(ctx, url, header)
	if resp != nil {
		resp.Body.Close()
	}
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("ws: dial: %w (HTTP %d)", err, resp.StatusCode)
		}
		return nil, fmt.Errorf("ws: dial: %w", err)
	}
	return &Client{conn: c}, nil
}

// Next waits for the next message. The end is a [CloseError].
func (c *Client) Next(ctx context.Context) (Wire, error) {
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	defer stop()
	var w Wire
	_, b, err := c.conn.ReadMessage()
	if ctx.Err() != nil {
		return w, ctx.Err()
	}
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return w, CloseError{Code: closed.Code, Reason: closed.Text}
	}
	if err != nil {
		return w, err
	}
	return w, json.Unmarshal(b, &w)
}

// Send writes a text message, as a bind is one.
func (c *Client) Send(text string) error {
	return c.conn.WriteMessage(websocket.TextMessage, []byte(text))
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }
