package notify

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

// The vector of the reference implementations of Standard Webhooks (libraries/go,
// TestWebhookSign).
func TestSign(t *testing.T) {
	t.Parallel()
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	if err != nil {
		t.Fatal(err)
	}
	h := Sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 999), []byte(`{"test": 2432232314}`))
	for name, want := range map[string]string{
		"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	of := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, good := range []string{"whsec_" + of(24), "whsec_" + of(32) + "\n", "whsec_" + of(64)} {
		if _, err := ParseSecret(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "whsec_", of(32), "whsec_" + of(23), "whsec_" + of(65), "whsk_" + of(32), "whsec_" + strings.TrimRight(of(32), "="), "whsec_ümlaut", "WHSEC_" + of(32)} {
		if _, err := ParseSecret(bad); !errors.Is(err, ErrSecret) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
