package ws

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"countersign/session"

	"github.com/gorilla/websocket"
)

// Subprotocol is what the server selects when the client offers it; the token
// and the verifier may come beside it.
const (
	Subprotocol    = "countersign.v1"
	tokenPrefix    = "token."
	verifierPrefix = "verifier."
)

const (
	readLimit    = 512
	bindWithin   = 5 * time.Second
	closeWithin  = time.Second
	writeWithin  = time.Second
	takeWithin   = 2 * time.Second
	drainedBytes = 1 << 20
)

// upgrader takes little memory for each connection: the write buffer is lent
// from a pool, and all that clients send is short. It selects the subprotocol if
// the client offers it.
func (h *Hub) upgrader(r *http.Request, subprotocol string) *websocket.Upgrader {
	u := &websocket.Upgrader{ReadBufferSize: 128, WriteBufferSize: 512, WriteBufferPool: &h.writers,
		CheckOrigin: func(*http.Request) bool { return true }} // checked before
	if slices.Contains(websocket.Subprotocols(r), subprotocol) {
		u.Subprotocols = []string{subprotocol}
	}
	return u
}

// Socket serves GET /ws/session/{id}. It returns once the connection is
// upgraded and goes on without the request, whose memory is then free.
// ErrNotUpgrade and ErrOrigin come before the upgrade; all later trouble is a
// close code.
func (h *Hub) Socket(w http.ResponseWriter, r *http.Request, id string) error {
	h.start()
	if !isUpgrade(r) {
		return ErrNotUpgrade
	}
	services, err := h.origin(r.Header)
	if err != nil {
		return err
	}
	token, verifier := credentials(r)
	u := h.upgrader(r, Subprotocol)
	sock, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil //nolint:nilerr // Upgrade has answered
	}
	out := newSocket(sock)
	code := h.full()
	if !h.Sessions.Secrets.CheckWSToken(session.ID(id), token) {
		code = CloseRefused
	}
	if code != 0 {
		go out.dismiss(code)
		return nil
	}
	// The id must not keep the request's memory alive.
	h.watch(out, session.ID(strings.Clone(id)), Asker{Services: services}, verifier)
	return nil
}

// isUpgrade says whether a request has all that gorilla wants of an upgrade, so
// that what it would refuse is answered as this server answers.
func isUpgrade(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	return websocket.IsWebSocketUpgrade(r) && r.Method == http.MethodGet && err == nil && len(key) == 16 &&
		r.Header.Get("Sec-WebSocket-Version") == "13"
}

// watch takes the session over, and leaves the reading to a goroutine that has
// nothing else on its stack: a waiting browser costs little more than that.
func (h *Hub) watch(out *socket, id session.ID, a Asker, verifier string) {
	if verifier != "" {
		a.Challenge = session.ChallengeOf(verifier)
	}
	c := newConn(h, id, out)
	err := c.greet(a)
	switch {
	case errors.Is(err, ErrVerifierMissing):
		go out.bind(c, a)
	case err != nil:
		go out.dismiss(closeCode(err))
	default:
		go out.serve(c)
	}
}

// bind waits for the verifier in the first message.
func (s *socket) bind(c *conn, a Asker) {
	challenge, err := s.verifier()
	if err == nil {
		a.Challenge = challenge
		err = c.greet(a)
	}
	if err != nil {
		c.finish(closeCode(err), "")
	}
	if c.ended() { // perhaps before verifier took its deadline away
		_ = s.ws.SetReadDeadline(time.Now().Add(closeWithin)) // failing, it is over already
	}
	go s.serve(c) // with a small stack again
}

// full is the code to turn a new connection away with; 0: come in.
func (h *Hub) full() int {
	switch {
	case h.draining.Load():
		return CloseGoingAway
	case h.Most > 0 && h.Count() >= h.Most:
		return CloseTryAgain
	}
	return 0
}

// origin says which services a page may watch: any without an Origin, which no
// browser leaves out, and from the issuer's own pages.
func (h *Hub) origin(header http.Header) ([]string, error) {
	values := header.Values("Origin")
	if len(values) == 0 || len(values) == 1 && values[0] == originOf(h.Issuer) {
		return nil, nil
	}
	services := h.Sessions.Parties.ByOrigin(values[0])
	if len(values) > 1 || len(services) == 0 {
		return nil, ErrOrigin
	}
	return services, nil
}

// originOf is the origin of a page at an address: without its path.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// credentials gives the wsToken and the verifier of an upgrade request.
func credentials(r *http.Request) (token, verifier string) {
	token = r.URL.Query().Get("token")
	for _, p := range websocket.Subprotocols(r) {
		if t, ok := strings.CutPrefix(p, tokenPrefix); ok {
			token = t
		}
		if v, ok := strings.CutPrefix(p, verifierPrefix); ok {
			verifier = v
		}
	}
	return token, verifier
}

func (c *conn) greet(a Asker) error {
	ctx, cancel := context.WithTimeout(context.Background(), takeWithin)
	defer cancel()
	return c.join(ctx, a, session.Session.Greeting)
}

// closeCode is what a failed start of watching is closed with.
func closeCode(err error) int {
	switch {
	case errors.Is(err, session.ErrNotFound):
		return CloseNotFound
	case errors.Is(err, ErrRefused), errors.Is(err, ErrVerifierMissing):
		return CloseRefused
	}
	return CloseTryAgain
}

// A socket is the sink of a WebSocket. gorilla allows one writer at a time;
// conn.mu is held for every send, and control frames may come in between.
type socket struct {
	ws *websocket.Conn
	// waiting is when the unanswered ping was sent, unix ms; 0: none.
	waiting atomic.Int64
}

func newSocket(c *websocket.Conn) *socket {
	s := &socket{ws: c}
	c.SetReadLimit(readLimit)
	c.SetPongHandler(func(string) error {
		s.waiting.Store(0)
		return nil
	})
	return s
}

// serve takes what the peer sends, and ignores it, until the peer is gone: the
// life of a watching socket; c is nil for one that never watched. A waiting
// browser spends it in NextReader, and what lies below that on the stack decides
// whether its goroutine fits the smallest stack there is (2 KiB). So nothing but
// the loop is here; docs/performance.md has what a browser costs.
func (s *socket) serve(c *conn) {
	for {
		_, message, err := s.ws.NextReader()
		if err == nil {
			err = discard(message)
		}
		if err != nil {
			s.leave(c, err)
			return
		}
	}
}

// discard reads a message to its end, for gorilla counts its fragments only
// then.
func discard(message io.Reader) error {
	_, err := io.Copy(io.Discard, message)
	return err
}

// leave ends a socket whose reading has ended. After a message over the limit
// gorilla has sent 1009 and reads no more; what is still coming is taken off the
// line, or the peer would see a reset before it sees the code.
func (s *socket) leave(c *conn, err error) {
	if errors.Is(err, websocket.ErrReadLimit) {
		s.drainLine()
	}
	if c != nil {
		c.finish(CloseNormal, "")
	}
	s.ws.Close()
}

// drainLine takes what is still coming off the line, for a moment.
func (s *socket) drainLine() {
	line := s.ws.NetConn()
	_ = line.SetReadDeadline(time.Now().Add(closeWithin)) // failing, it is over already
	_, _ = io.CopyN(io.Discard, line, drainedBytes)
}

func (s *socket) send(_ int, frame []byte) error {
	if err := s.ws.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	return s.ws.WriteMessage(websocket.TextMessage, frame)
}

func (s *socket) ping() error {
	s.waiting.CompareAndSwap(0, time.Now().UnixMilli())
	return s.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin))
}

func (s *socket) gone(now time.Time, within time.Duration) bool {
	sent := s.waiting.Load()
	return sent != 0 && now.UnixMilli()-sent >= within.Milliseconds()
}

// end sends the close frame; the reader goes on for a moment to take the
// peer's, and then closes.
func (s *socket) end(code int, reason string) {
	frame := websocket.FormatCloseMessage(code, reason)
	// The connection is over whether or not the peer hears why.
	_ = s.ws.WriteControl(websocket.CloseMessage, frame, time.Now().Add(writeWithin))
	_ = s.ws.SetReadDeadline(time.Now().Add(closeWithin))
}

// dismiss ends a socket that never watched.
func (s *socket) dismiss(code int) {
	s.end(code, "")
	s.serve(nil)
}

// verifier takes the verifier from the first message and gives its challenge.
func (s *socket) verifier() (challenge string, err error) {
	if err := s.ws.SetReadDeadline(time.Now().Add(bindWithin)); err != nil {
		return "", err
	}
	_, b, err := s.ws.ReadMessage()
	if err != nil {
		return "", ErrRefused
	}
	var m struct {
		Type     string `json:"type"`
		Verifier string `json:"verifier"`
	}
	if json.Unmarshal(b, &m) != nil || m.Type != "bind" || m.Verifier == "" {
		return "", ErrRefused
	}
	return session.ChallengeOf(m.Verifier), s.ws.SetReadDeadline(time.Time{})
}
