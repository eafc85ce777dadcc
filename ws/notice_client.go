package ws

import (
	"context"
	"encoding/json"

	"countersign/ws/stomp"

	"github.com/gorilla/websocket"
)

// A NoticeClient is the page's end of a socket of notices. It is made by
// [DialNotices], and used by one goroutine. It sends no heart-beats.
type NoticeClient struct {
	conn   *websocket.Conn
	frames []stomp.Frame // read, and not given yet
}

// DialNotices opens the socket at url.
func DialNotices(ctx context.Context, url string, o DialOptions) (*NoticeClient, error) {
	conn, err := dial(ctx, url, NoticeProtocol, o)
	if err != nil {
		return nil, err
	}
	return &NoticeClient{conn: conn}, nil
}

// Register says all that has to be said to hear of an operation.
func (c *NoticeClient) Register(webSocketID string) error {
	body, err := json.Marshal(struct {
		WebSocketID string `json:"webSocketId"`
	}{webSocketID})
	if err != nil {
		return err
	}
	send := stomp.New(stomp.Send, "destination", RegistrationDestination, stomp.ContentType, "application/json")
	send.Body = body
	return c.Send(stomp.New(stomp.Connect, "accept-version", "1.2"),
		stomp.New(stomp.Subscribe, "id", "0", "destination", RegistrationTopic),
		stomp.New(stomp.Subscribe, "id", "1", "destination", AuthorizationTopic), send)
}

// Next waits for the next frame, whatever heart-beats come before it. The end is a
// [CloseError].
func (c *NoticeClient) Next(ctx context.Context) (stomp.Frame, error) {
	for len(c.frames) == 0 {
		b, err := receive(ctx, c.conn)
		if err == nil {
			c.frames, err = stomp.Parse(b)
		}
		if err != nil {
			return stomp.Frame{}, err
		}
	}
	f := c.frames[0]
	c.frames = c.frames[1:]
	return f, nil
}

// Send sends frames, each as one message.
func (c *NoticeClient) Send(frames ...stomp.Frame) error {
	for _, f := range frames {
		if err := c.SendText(string(f.Append(nil))); err != nil {
			return err
		}
	}
	return nil
}

// SendText sends a message as it is.
func (c *NoticeClient) SendText(text string) error {
	return c.conn.WriteMessage(websocket.TextMessage, []byte(text))
}

// Close ends the connection.
func (c *NoticeClient) Close() error { return c.conn.Close() }
