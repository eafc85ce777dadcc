package ws

import (
	"context"

	"github.com/gorilla/websocket"
)

// A PhoneClient is a phone's end of its socket. It is made by [DialPhone], and
// used by one goroutine.
type PhoneClient struct{ conn *websocket.Conn }

// DialPhone opens the phone's socket at url, and says who is there by first.
func DialPhone(ctx context.Context, url string, first []byte, o DialOptions) (*PhoneClient, error) {
	conn, err := dial(ctx, url, Subprotocol, o)
	if err != nil {
		return nil, err
	}
	c := &PhoneClient{conn}
	if len(first) > 0 {
		if err := c.Send(string(first)); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Next waits for the next frame. The end is a [CloseError].
func (c *PhoneClient) Next(ctx context.Context) (PhoneWire, error) {
	var w PhoneWire
	return w, next(ctx, c.conn, &w)
}

// Send writes a text message; the server ignores all but the first.
func (c *PhoneClient) Send(text string) error {
	return c.conn.WriteMessage(websocket.TextMessage, []byte(text))
}

// Close ends the connection.
func (c *PhoneClient) Close() error { return c.conn.Close() }
