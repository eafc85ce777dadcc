package rp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/api/rp"
)

const orderedAnswer = `{"operationId":"op_1","name":"authorize_payment","externalId":"1042","tokenId":"tok_1","data":"A1*A1CZK","form":{"title":"Pay 1"},
	"result":"CONTINUE","steps":[{"step":"review","method":"review"}],"createdAt":"2026-01-01T12:00:00Z","expiresAt":"2026-01-01T12:10:00Z",
	"url":"https://login.example.com/login?operation=op_1","history":[{"at":"2026-01-01T12:00:01Z","step":"identify","stepResult":"CONFIRMED","result":"CONTINUE"}],"later":1}`

// sent checks what the server was asked, in whose name, and with what body.
func (s *server) sent(t *testing.T, method, uri, key, body string) {
	t.Helper()
	id, secret, _ := s.request.BasicAuth()
	if s.request.Method != method || s.request.RequestURI != uri || s.request.Header.Get("Idempotency-Key") != key || id != "bank" || secret != "hunter2" {
		t.Errorf("sent %s %s %v", s.request.Method, s.request.RequestURI, s.request.Header)
	}
	var got, want any
	if body == "" {
		if s.body != "" || s.request.Header.Get("Content-Type") != "" {
			t.Errorf("sent %s", s.body)
		}
	} else if json.Unmarshal([]byte(s.body), &got) != nil || json.Unmarshal([]byte(body), &want) != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent %s, want %s", s.body, body)
	}
}

func TestOrder(t *testing.T) {
	c, s := answering(t, http.StatusOK, orderedAnswer)
	o, err := c.Order(t.Context(), rp.Order{Operation: rp.Operation{Name: "authorize_payment", Data: "A1*A1CZK", Form: map[string]string{"title": "Pay {a}"}},
		TokenID: "tok_1", Scopes: []string{}, ExternalID: "1042", ReturnURL: "https://bank.example/1042", IdempotencyKey: "ik"})
	if err != nil {
		t.Fatal(err)
	}
	s.sent(t, http.MethodPost, "/operations", "ik", `{"name":"authorize_payment","data":"A1*A1CZK","form":{"title":"Pay {a}"},"tokenId":"tok_1",
		"externalId":"1042","scopes":[],"returnUrl":"https://bank.example/1042"}`)
	if o.ID != "op_1" || o.Name != "authorize_payment" || o.ExternalID != "1042" || o.TokenID != "tok_1" || o.Data != "A1*A1CZK" || string(o.Form) != `{"title":"Pay 1"}` ||
		o.Result != rp.Continue || o.URL != "https://login.example.com/login?operation=op_1" || !o.ExpiresAt.Equal(noon().Add(10*time.Minute)) || o.Proof != nil ||
		len(o.Steps) != 1 || o.Steps[0] != (rp.Step{Name: "review", Method: "review"}) || len(o.History) != 1 || o.History[0].StepResult != "CONFIRMED" {
		t.Errorf("got %+v", o)
	}
	if _, err := c.Order(t.Context(), rp.Order{Template: "pay_invoice", Parameters: map[string]string{"amount": "1"}, Language: "de-AT"}); err != nil {
		t.Fatal(err)
	}
	s.sent(t, http.MethodPost, "/operations", "", `{"template":"pay_invoice","parameters":{"amount":"1"},"language":"de-AT"}`)
	// What is empty is not sent.
	if _, err := c.Order(t.Context(), rp.Order{Operation: rp.Operation{Name: "login"}}); err != nil {
		t.Fatal(err)
	}
	s.sent(t, http.MethodPost, "/operations", "", `{"name":"login"}`)
}

func TestAsking(t *testing.T) {
	c, s := answering(t, http.StatusOK, orderedAnswer)
	if o, err := c.Operation(t.Context(), "op_1"); err != nil || o.ID != "op_1" {
		t.Errorf("%v, %+v", err, o)
	}
	s.sent(t, http.MethodGet, "/operations/op_1", "", "")
	if o, err := c.Cancel(t.Context(), "op_1"); err != nil || o.ID != "op_1" {
		t.Errorf("%v, %+v", err, o)
	}
	s.sent(t, http.MethodPost, "/operations/op_1/cancel", "", "")
	if _, err := c.Operation(t.Context(), "op_2"); err == nil {
		t.Error("another operation is taken for the one that was asked for")
	}
	if _, err := c.Operation(t.Context(), "op_1/../x?y#z"); err == nil || s.request.RequestURI != "/operations/op_1%2F..%2Fx%3Fy%23z" {
		t.Errorf("%v, sent %s", err, s.request.RequestURI)
	}
}

func TestListing(t *testing.T) {
	c, s := answering(t, http.StatusOK, `{"operations":[`+orderedAnswer+`,`+strings.ReplaceAll(orderedAnswer, "op_1", "op_0")+`]}`)
	list, err := c.Operations(t.Context(), "tok_1 &", rp.Done)
	if err != nil || len(list) != 2 || list[0].ID != "op_1" || list[1].ID != "op_0" {
		t.Errorf("%v, %+v", err, list)
	}
	s.sent(t, http.MethodGet, "/operations?result=DONE&tokenId=tok_1+%26", "", "")
	if _, err := c.Operations(t.Context(), "tok_1", ""); err != nil || s.request.RequestURI != "/operations?tokenId=tok_1" {
		t.Errorf("%v, sent %s", err, s.request.RequestURI)
	}
	none, _ := answering(t, http.StatusOK, `{"operations":[]}`)
	if list, err := none.Operations(t.Context(), "tok_1", ""); err != nil || len(list) != 0 {
		t.Errorf("%v, %+v", err, list)
	}
}

// A refusal is one of the server's, and what is no operation is not taken for one.
func TestOrderRefused(t *testing.T) {
	all := func(c *rp.Client) (errs []error) {
		_, ordering := c.Order(t.Context(), rp.Order{})
		_, asking := c.Operation(t.Context(), "op_1")
		_, cancelling := c.Cancel(t.Context(), "op_1")
		_, listing := c.Operations(t.Context(), "tok_1", "")
		return []error{ordering, asking, cancelling, listing}
	}
	c, _ := answering(t, http.StatusConflict, `{"code":"operation_resolved","detail":"has ended"}`)
	for _, err := range all(c) {
		if p := (*rp.Problem)(nil); !errors.As(err, &p) || p.Code != "operation_resolved" || p.Status != http.StatusConflict {
			t.Errorf("got %v", err)
		}
	}
	moved, s := answering(t, http.StatusTemporaryRedirect, "", "Location", "/elsewhere")
	for _, err := range all(moved) {
		if err == nil || s.request.URL.Path == "/elsewhere" {
			t.Errorf("went on to %s", s.request.URL.Path)
		}
	}
	for _, body := range []string{"", "[]", "{}", `{"operationId":"op_1"}`, `{"result":"DONE"}`, `{"operations":null}`, `{"operationId":"op_1","result":"DONE","proof":"x"}`} {
		c, _ := answering(t, http.StatusOK, body)
		for i, err := range all(c) {
			if err == nil {
				t.Errorf("%d: %s is taken for an answer", i, body)
			}
		}
	}
	gone := &rp.Client{Issuer: "http://127.0.0.1:1", ServiceID: "bank", Secret: "hunter2"}
	for _, err := range all(gone) {
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "rp: ") {
			t.Errorf("got %v", err)
		}
	}
}
