package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/notify"
)

// What is signed is printed, and nothing else is.
func TestPrinter(t *testing.T) {
	secret := random32()
	body := `{"type":"message.code","data":{"to":"` + devNumber + `","text":"Tell it to nobody: 012345"}}`
	send := func(body, signature string) (status int, printed string) {
		var out strings.Builder
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Webhook-Id", "msg_1")
		r.Header.Set("Webhook-Timestamp", "1767355200")
		r.Header.Set("Webhook-Signature", signature)
		w := httptest.NewRecorder()
		printer{&out, secret}.ServeHTTP(w, r)
		return w.Code, out.String()
	}
	signed := func(body string) string {
		return notify.Sign(secret, "msg_1", time.Unix(1767355200, 0), []byte(body)).Get("Webhook-Signature")
	}
	if status, printed := send(body, signed(body)); status != http.StatusNoContent || printed != "message to "+devNumber+": Tell it to nobody: 012345\n" {
		t.Errorf("%d %q", status, printed)
	}
	for _, x := range [][2]string{{body, ""}, {body, signed(body + " ")}, {body + " ", signed(body)}, {"[]", signed("[]")}} {
		if status, printed := send(x[0], x[1]); status/100 != 4 || printed != "" {
			t.Errorf("%s, %s: %d %q", x[0], x[1], status, printed)
		}
	}
}
