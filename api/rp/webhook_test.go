package rp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/notify"

	"github.com/google/go-cmp/cmp"
)

const (
	approvedEvent = `{"type":"session.approved","timestamp":"2026-01-02T03:04:05Z","data":{"sessionId":"sess_1","serviceId":"bank","status":"approved","sub":"tok_alice","jti":"j1"}}`
	doneEvent     = `{"type":"operation.done","timestamp":"2026-01-02T03:04:05Z","data":{"operationId":"op_1","serviceId":"bank","name":"authorize_payment","externalId":"order-1042","result":"DONE","more":1}}`
	otherEvent    = `{"type":"device.lost","timestamp":"2026-01-02T03:04:05Z","data":{"serviceId":"bank"}}`
)

func hookKey(n byte) []byte { return []byte(strings.Repeat(string(n), 32)) }

func hookText(n byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(hookKey(n)) }

func bankHook() *rp.Webhook {
	return &rp.Webhook{Secrets: []string{hookText('a'), "the secret itself\n"}, Service: "bank", Now: noon}
}

func TestWebhookParse(t *testing.T) {
	ended := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for body, want := range map[string]rp.Event{
		approvedEvent: {ID: "msg_1", Type: "session.approved", At: ended, Session: &rp.SessionEnd{ID: "sess_1", Service: "bank", Status: "approved", Subject: "tok_alice", TokenID: "j1"}},
		doneEvent:     {ID: "msg_1", Type: "operation.done", At: ended, Operation: &rp.OperationEnd{ID: "op_1", Service: "bank", Name: "authorize_payment", ExternalID: "order-1042", Result: rp.Done}},
		otherEvent:    {ID: "msg_1", Type: "device.lost", At: ended},
	} {
		for _, secrets := range [][][]byte{{hookKey('a')}, {[]byte("the secret itself")}, {hookKey('b'), hookKey('a')}} {
			got, err := bankHook().Parse(notify.SignAll(secrets, "msg_1", noon(), []byte(body)), []byte(body))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v: %s", err, diff)
			}
		}
	}
}

func TestWebhookRefuses(t *testing.T) {
	sign := func(secret []byte, at time.Time, body string, change ...func(http.Header)) (http.Header, string) {
		head := notify.Sign(secret, "msg_1", at, []byte(body))
		for _, f := range change {
			f(head)
		}
		return head, body
	}
	with := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	parse := func(h *rp.Webhook) func(http.Header, string) error {
		return func(head http.Header, body string) error {
			_, err := h.Parse(head, []byte(body))
			return err
		}
	}
	bank := parse(bankHook())
	good := hookKey('a')
	for what, x := range map[string]struct{ got, want error }{
		"just in time":    {bank(sign(good, noon().Add(-5*time.Minute), approvedEvent)), nil},
		"another secret":  {bank(sign(hookKey('b'), noon(), approvedEvent)), rp.ErrSignature},
		"an empty secret": {parse(&rp.Webhook{Secrets: []string{"", "whsec_", "whsec_!"}, Now: noon})(sign(nil, noon(), approvedEvent)), rp.ErrSignature},
		"no secret":       {parse(&rp.Webhook{Now: noon})(sign(nil, noon(), approvedEvent)), rp.ErrSignature},
		"no signature":    {bank(sign(good, noon(), approvedEvent, with("Webhook-Signature", ""))), rp.ErrSignature},
		"another version": {bank(sign(good, noon(), approvedEvent, func(h http.Header) { h.Set("Webhook-Signature", "v2"+h.Get("Webhook-Signature")[2:]) })), rp.ErrSignature},
		"too many": {bank(sign(good, noon(), approvedEvent, func(h http.Header) {
			h.Set("Webhook-Signature", h.Get("Webhook-Signature")+strings.Repeat(" v1,x", 1000))
		})), rp.ErrSignature},
		"another id":        {bank(sign(good, noon(), approvedEvent, with("Webhook-Id", "msg_2"))), rp.ErrSignature},
		"another time":      {bank(sign(good, noon(), approvedEvent, with("Webhook-Timestamp", fmt.Sprint(noon().Unix()+1)))), rp.ErrSignature},
		"no id":             {bank(sign(good, noon(), approvedEvent, with("Webhook-Id", ""))), rp.ErrMalformed},
		"an id with a dot":  {bank(sign(good, noon(), approvedEvent, with("Webhook-Id", "msg.1"))), rp.ErrMalformed},
		"no time":           {bank(sign(good, noon(), approvedEvent, with("Webhook-Timestamp", "now"))), rp.ErrMalformed},
		"too late":          {bank(sign(good, noon().Add(-5*time.Minute-time.Second), approvedEvent)), rp.ErrExpired},
		"too early":         {bank(sign(good, noon().Add(5*time.Minute+time.Second), approvedEvent)), rp.ErrNotYet},
		"of another":        {bank(sign(good, noon(), strings.Replace(approvedEvent, "bank", "shop", 1))), rp.ErrAudience},
		"no event":          {bank(sign(good, noon(), `[]`)), rp.ErrMalformed},
		"without a type":    {bank(sign(good, noon(), `{"data":{"serviceId":"bank"}}`)), rp.ErrMalformed},
		"without data":      {bank(sign(good, noon(), `{"type":"session.approved"}`)), rp.ErrMalformed},
		"of the wrong type": {bank(sign(good, noon(), `{"type":"session.approved","data":{"serviceId":"bank","sessionId":1}}`)), rp.ErrMalformed},
		"too large":         {bank(sign(good, noon(), otherEvent+strings.Repeat(" ", 16<<10))), rp.ErrMalformed},
	} {
		if !errors.Is(x.got, x.want) {
			t.Errorf("%s: %v, want %v", what, x.got, x.want)
		}
	}
	head, _ := sign(good, noon(), approvedEvent)
	if err := bank(head, strings.Replace(approvedEvent, "tok_alice", "tok_other", 1)); !errors.Is(err, rp.ErrSignature) {
		t.Errorf("another body: %v", err)
	}
}

func TestWebhookHandler(t *testing.T) {
	var took []string
	var fail error
	h := bankHook().Handler(func(_ context.Context, e rp.Event) error {
		took = append(took, e.ID)
		return fail
	})
	post := func(method, body string, secret byte) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/hooks", strings.NewReader(body))
		r.Header = notify.Sign(hookKey(secret), "msg_1", noon(), []byte(body))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := post(http.MethodPost, approvedEvent, 'a'); w.Code != http.StatusNoContent || w.Header().Get("Cache-Control") != "no-store" || len(took) != 1 {
		t.Errorf("%d %v", w.Code, took)
	}
	for _, w := range []*httptest.ResponseRecorder{post(http.MethodPost, approvedEvent, 'b'), post(http.MethodPost, strings.Repeat(" ", 17<<10), 'a')} {
		if w.Code != http.StatusBadRequest || len(took) != 1 {
			t.Errorf("%d %v", w.Code, took)
		}
	}
	if w := post(http.MethodGet, approvedEvent, 'a'); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost || len(took) != 1 {
		t.Errorf("%d %v", w.Code, took)
	}
	fail = errors.New("the database is away")
	if w := post(http.MethodPost, approvedEvent, 'a'); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "database") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
