package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"countersign/crypto/p256"
	"countersign/device"
)

// A PushResponse is the answer to push.
type PushResponse struct {
	DeviceID string `json:"deviceId"`
	Push     bool   `json:"push"` // the phone is woken from now on
}

// A Subscription is what a browser's PushSubscription writes itself as; UnifiedPush has
// the same members. The request carries its text, which is what is hashed and signed.
type Subscription struct {
	Endpoint string           `json:"endpoint"`
	Keys     SubscriptionKeys `json:"keys"`
}

// SubscriptionKeys are what a push is encrypted for.
type SubscriptionKeys struct {
	P256DH string `json:"p256dh"`
	Auth   string `json:"auth"`
}

// SubscriptionHash is the argument of push: what is signed of a subscription's text.
func SubscriptionHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

const (
	subscriptionMost = 2 << 10
	endpointMost     = 1 << 10
	authSize         = 16
)

func (h *Handler) goodPush(q DeviceRequest) error {
	if text(q.Argument) != SubscriptionHash(text(q.Subscription)) {
		return malformed("argument")
	}
	_, err := h.subscription(text(q.Subscription))
	return err
}

// subscription reads a subscription's text; empty: none.
func (h *Handler) subscription(text string) (device.Subscription, error) {
	var s Subscription
	switch {
	case text == "":
		return device.Subscription{}, nil
	case len(text) > subscriptionMost, strings.TrimSpace(text) == "", decode([]byte(text), &s) != nil:
		return device.Subscription{}, malformed("subscription")
	case !h.mayPush(s.Endpoint):
		return device.Subscription{}, malformed("subscription.endpoint")
	}
	point, err := base64.RawURLEncoding.Strict().DecodeString(s.Keys.P256DH)
	if err == nil {
		_, err = p256.ParsePoint(point)
	}
	if err != nil || base64.RawURLEncoding.EncodeToString(point) != s.Keys.P256DH {
		return device.Subscription{}, malformed("subscription.keys.p256dh")
	}
	auth, err := base64.RawURLEncoding.Strict().DecodeString(s.Keys.Auth)
	if err != nil || len(auth) != authSize || base64.RawURLEncoding.EncodeToString(auth) != s.Keys.Auth {
		return device.Subscription{}, malformed("subscription.keys.auth")
	}
	return device.Subscription{Endpoint: s.Endpoint, P256DH: s.Keys.P256DH, Auth: s.Keys.Auth}, nil
}

// mayPush says whether an endpoint has the form of one. Where its name leads is looked
// at when a push is sent.
func (h *Handler) mayPush(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && visible(endpoint, 1, endpointMost) && u.Hostname() != "" && u.User == nil && !strings.Contains(endpoint, "#") &&
		(u.Scheme == "https" || u.Scheme == "http") && h.PushTo(endpoint)
}

func (h *Handler) push(ctx context.Context, o device.Owner, q DeviceRequest) (any, error) {
	s, err := h.subscription(text(q.Subscription))
	if err != nil {
		return nil, err
	}
	return PushResponse{DeviceID: string(o.Device.ID), Push: s != device.Subscription{}}, h.Devices.Subscribe(ctx, o, s)
}
