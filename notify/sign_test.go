package notify

import (
	"testing"
	"time"
)

// The example of the Standard Webhooks specification, and a secret of no form.
func TestSign(t *testing.T) {
	t.Parallel()
	at, body := time.Unix(1731705121, 999), []byte(`{"event_type":"ping","data":{"success":true}}`)
	h := Sign([]byte("whsec_plJ3nmyCDGBKInavdOK15jsl"), "msg_loFOjxBNrRLzqYUf", at, body)
	for name, want := range map[string]string{
		"webhook-id": "msg_loFOjxBNrRLzqYUf", "webhook-timestamp": "1731705121", "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	plain := Sign([]byte("plJ3nmyCDGBKInavdOK15jsl"), "msg_loFOjxBNrRLzqYUf", at, body)
	if odd := Sign([]byte("whsec_!"), "id", at, body); plain.Get("webhook-signature") == h.Get("webhook-signature") || odd.Get("webhook-signature") == "" {
		t.Error("a secret without the prefix is taken as it is")
	}
}
