package main

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"countersign/notify"
	"countersign/notify/gateway"
	"countersign/server"
)

// devNumber is that of every phone's user in dev: one of those that are kept free for
// stories.
const devNumber = "+493023125042"

// startMessages serves a gateway that prints what it is given, unless the user has
// configured one. Nothing but dev has it: it tells codes to whoever sees the terminal.
func (d *development) startMessages(ctx context.Context, beside *besides, secrets *server.Secrets) error {
	if d.cfg.Message.URL != "" {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	secrets.Message = random32()
	d.cfg.Message.URL = "http://" + l.Addr().String()
	d.cfg.Outgoing.Allow = append(d.cfg.Outgoing.Allow, netip.MustParsePrefix("127.0.0.1/32"))
	beside.serve("messages", l, printer{d.env.Stdout, secrets.Message})
	return nil
}

// A printer is a gateway that prints messages.
type printer struct {
	out    io.Writer
	secret []byte
}

// messageMost is how long a request to the printer may be.
const messageMost = 64 << 10

// ServeHTTP prints a message that is signed.
func (p printer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, messageMost))
	at, noTime := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
	want := notify.Sign(p.secret, r.Header.Get("Webhook-Id"), time.Unix(at, 0), body).Get("Webhook-Signature")
	if err != nil || noTime != nil || !hmac.Equal([]byte(want), []byte(r.Header.Get("Webhook-Signature"))) {
		http.Error(w, "not signed", http.StatusUnauthorized)
		return
	}
	var m gateway.Message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(p.out, "message to %s: %s\n", m.Data.To, m.Data.Text)
	w.WriteHeader(http.StatusNoContent)
}
