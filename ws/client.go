package ws

import (
	"context"
	"crypto/tls"
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
	// TLS says whom a wss URL is believed from; nil: the system's authorities.
	TLS *tls.Config
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
	conn, err := dial(ctx, url, Subprotocol, o)
	if err != nil {
		return nil, err
	}
	return &Client{conn}, nil
}

func dial(ctx context.Context, url, subprotocol string, o DialOptions) (*websocket.Conn, error) {
	header := o.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if o.Origin != "" {
		header.Set("Origin", o.Origin)
	}
	d := websocket.Dialer{Subprotocols: []string{subprotocol}, ReadBufferSize: 1024, WriteBufferSize: 512, TLSClientConfig: o.TLS}
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
	return c, nil
}

// Next waits for the next message. The end is a [CloseError].
func (c *Client) Next(ctx context.Context) (Wire, error) {
	var w Wire
	return w, next(ctx, c.conn, &w)
}

// next waits for a message and reads it into v.
func next(ctx context.Context, conn *websocket.Conn, v any) error {
	b, err := receive(ctx, conn)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// receive waits for a message.
func receive(ctx context.Context, conn *websocket.Conn) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_, b, err := conn.ReadMessage()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return nil, CloseError{Code: closed.Code, Reason: closed.Text}
	}
	return b, err
}

// Send writes a text message, as a bind is one.
func (c *Client) Send(text string) error {
	return c.conn.WriteMessage(websocket.TextMessage, []byte(text))
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }
