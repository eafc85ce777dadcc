package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secretPrefix begins a secret as the tools of Standard Webhooks make it: base64
// follows.
const secretPrefix = "whsec_"

// Sign gives the headers by which a receiver knows that a body comes from here, and
// when it was sent: those of Standard Webhooks, with HMAC-SHA256. A secret is taken
// as it is unless it begins with whsec_. The id has no dot.
func Sign(secret []byte, id string, at time.Time, body []byte) http.Header {
	if text, found := strings.CutPrefix(string(secret), secretPrefix); found {
		if key, err := base64.StdEncoding.DecodeString(text); err == nil {
			secret = key
		}
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	h := http.Header{}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h
}
