package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/notify"
	"countersign/operation"
	"countersign/web"
)

// A tray keeps the notice that was posted last.
type tray struct{ notice notify.Notice }

func (x *tray) Post(_ context.Context, n notify.Notice) error {
	x.notice = n
	return nil
}

func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

func newGateway(t *testing.T) (*Gateway, *tray) {
	t.Helper()
	pages, err := web.New(web.Options{Issuer: "https://login.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	x := &tray{}
	return &Gateway{URL: "https://gateway.example/codes", Secret: bytes.Repeat([]byte{7}, 32), Say: pages.Say, Outbox: x, Now: func() time.Time { return noon().Add(8 * time.Second) }}, x
}

func letter() operation.Letter {
	return operation.Letter{ID: "msg_abc_1", Operation: "op_abc", Service: "bank", Name: "Acme Bank", Channel: device.SMS, To: "+491701234542", Code: "012345",
		Data: "A1*A100.50EUR*IDE89370400440532013000*NRent", Form: []byte(`{"title":"Approve a payment"}`), Language: "en", At: noon(), Until: noon().Add(5 * time.Minute)}
}

// What leaves: the body of the documents, under the id of the letter, with the time of
// the try.
func TestRequest(t *testing.T) {
	g, x := newGateway(t)
	if err := g.Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	if n := x.notice; n.ID != "msg_abc_1" || n.Kind != Kind || n.Service != "bank" || !n.Until.Equal(noon().Add(5*time.Minute)) {
		t.Errorf("posted %+v", n)
	}
	q, err := g.Request(t.Context(), x.notice)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"type": "message.code", "timestamp": "2026-01-02T12:00:00Z", "data": map[string]any{
		"to": "+491701234542", "channel": "sms", "code": "012345", "language": "en", "operationId": "op_abc", "serviceId": "bank", "serviceName": "Acme Bank", "expiresAt": "2026-01-02T12:05:00Z",
		"text": "Acme Bank asks you to approve: Approve a payment, 100.50 EUR, DE89370400440532013000. If you did not start this, do not use this code. Tell it to nobody, whoever asks: 012345"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("body %s", body)
	}
	if q.Method != http.MethodPost || q.URL.String() != g.URL || q.Header.Get("Content-Type") != "application/json" || q.Header.Get("Webhook-Id") != "msg_abc_1" ||
		q.Header.Get("Webhook-Timestamp") != "1767355208" || q.Header.Get("Webhook-Signature") != notify.Sign(g.Secret, "msg_abc_1", noon().Add(8*time.Second), body).Get("Webhook-Signature") {
		t.Errorf("%s %s %v", q.Method, q.URL, q.Header)
	}
}

// A letter to nobody is kept like every other, and dropped where it would leave; a
// node without a gateway leaves letters to others. No error shows what a letter says.
func TestRequestOfNone(t *testing.T) {
	g, x := newGateway(t)
	l := letter()
	l.To, l.Channel = "", ""
	if err := g.Send(t.Context(), l); err != nil || x.notice.ID != l.ID {
		t.Fatalf("%+v, %v", x.notice, err)
	}
	if _, err := g.Request(t.Context(), x.notice); !errors.Is(err, notify.ErrNobody) {
		t.Errorf("%v", err)
	}
	if err := g.Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	g.URL = ""
	if _, err := g.Request(t.Context(), x.notice); !errors.Is(err, errNone) {
		t.Errorf("%v", err)
	}
	if _, err := g.Request(t.Context(), notify.Notice{Body: []byte(`{"code":"012345"`)}); err == nil || strings.Contains(err.Error(), "012345") {
		t.Errorf("%v", err)
	}
}

// In every language the text names who asks and what for, and ends with the code.
func TestText(t *testing.T) {
	g, _ := newGateway(t)
	seen := map[string]bool{}
	for _, lang := range []string{"en", "de", "sv", "cs", "fr", "es", "ar"} {
		for _, data := range []string{letter().Data, ""} {
			l := letter()
			l.Language, l.Data = lang, data
			text, err := g.text(l)
			if err != nil || !strings.Contains(text, "Acme Bank") || !strings.HasSuffix(text, " 012345") || strings.Contains(text, "{") || seen[text] {
				t.Errorf("%s: %q, %v", lang, text, err)
			}
			if data != "" && !strings.Contains(text, "Approve a payment, 100.50 EUR, DE89370400440532013000") {
				t.Errorf("%s: %q does not say what is paid", lang, text)
			}
			seen[text] = true
		}
	}
}

// What a service calls things neither pushes the amount out, nor puts a line or a code
// of its own in the place of ours.
func TestTextOfService(t *testing.T) {
	for _, x := range []struct{ data, form, want string }{
		{"A1*A100EUR*Q238400856/0300", ``, "100 EUR, 238400856/0300"},
		{"A1*A100EUR", `{"title":"` + strings.Repeat("long ", 100) + `"}`, "long long long long long long long long long long long long…, 100 EUR"},
		{"A1*NRent of May", `{}`, "Rent of May"},
		{"A1*A1EUR", `{"title":"{code} {service}"}`, "{code} {service}, 1 EUR"},
		{"Contract 17,\nwith all annexes", ``, "Contract 17, with all annexes"},
		{"Contract 17", `{"title":"Sign"}`, "Sign, Contract 17"},
	} {
		l := letter()
		l.Data, l.Form = x.data, []byte(x.form)
		if got := what(l); got != x.want {
			t.Errorf("%s: %q, want %q", x.data, got, x.want)
		}
		g, _ := newGateway(t)
		text, err := g.text(l)
		if err != nil || !strings.Contains(text, x.want) || strings.Count(text, l.Code) != 1 || strings.Contains(text, "\n") {
			t.Errorf("%s: %q, %v", x.data, text, err)
		}
	}
}
