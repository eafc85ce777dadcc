package push

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"countersign/device"
	"countersign/notify"
	"countersign/session"

	webpush "github.com/SherClockHolmes/webpush-go"
)

const (
	// topic makes a newer push replace one that still waits at the push service (RFC 8030
	// §5.4). It is the same for everybody, so it tells nothing.
	topic = "countersign"
	// size is that of every push, so that none says by its length what it is about.
	size = 512
)

// A Message is what a phone is told, encrypted for it.
type Message struct {
	Type      string `json:"type"` // "pending"
	DeviceID  string `json:"deviceId"`
	SessionID string `json:"sessionId"`
	ExpiresAt string `json:"expiresAt"`
}

// messageType is that of every push: something waits, ask.
const messageType = "pending"

// late: the session has ended, or is about to.
const late = "its time was up"

// A sent is what became of a push.
type sent struct {
	taken, gone, again bool
	after              time.Duration // the push service wants no other before
	cause              string        // of a failure, without what the other side sent
}

// send tries once.
func (p *Pusher) send(ctx context.Context, s session.Session, d device.Device) sent {
	left := s.ExpiresAt.Sub(p.Now())
	if left < time.Second {
		return sent{cause: late}
	}
	body, err := json.Marshal(Message{Type: messageType, DeviceID: string(d.ID), SessionID: string(s.ID), ExpiresAt: s.ExpiresAt.UTC().Format(time.RFC3339)})
	if err != nil {
		return sent{cause: "it cannot be written"}
	}
	resp, err := webpush.SendNotificationWithContext(ctx, body,
		&webpush.Subscription{Endpoint: d.Push.Endpoint, Keys: webpush.Keys{P256dh: d.Push.P256DH, Auth: d.Push.Auth}},
		&webpush.Options{HTTPClient: p.HTTP, RecordSize: size, Subscriber: p.Issuer, Topic: topic, TTL: int(left / time.Second), Urgency: webpush.UrgencyHigh,
			VAPIDPublicKey: p.PublicKey(), VAPIDPrivateKey: base64.RawURLEncoding.EncodeToString(p.Key.Scalar())})
	if err != nil {
		return sent{again: true, cause: notify.Cause(err)}
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	return judge(resp, p.Now())
}

// judge reads an answer (RFC 8030 §5, §7.3).
func judge(resp *http.Response, now time.Time) sent {
	cause := fmt.Sprintf("answered %d", resp.StatusCode)
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return sent{taken: true}
	case code == http.StatusNotFound, code == http.StatusGone:
		return sent{gone: true, cause: cause}
	case code == http.StatusTooManyRequests, code/100 == 5:
		return sent{again: true, after: retryAfter(resp.Header.Get("Retry-After"), now), cause: cause}
	}
	return sent{cause: cause}
}

// retryAfter reads either form of the header (RFC 9110 §10.2.3); what is neither asks
// for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
