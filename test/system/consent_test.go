package system

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/api"
	"countersign/operation"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// contract is an operation in which users are asked to agree.
const contract = "sign_contract"

// asking has the shop ask its users to agree, in operations of the name contract.
func asking(version string) func(*server.Config) {
	return func(c *server.Config) {
		c.Flows = map[string]any{contract: map[string]any{"steps": []any{"identify", "device", "consent"}}}
		c.Services[1].Consent = server.ConsentConfig{Version: version, Validity: 90 * 24 * time.Hour,
			Options: []server.ConsentOption{{ID: "terms", Required: true}, {ID: "news"}},
			Texts: []server.ConsentText{
				{Language: "en", Text: "Acme Shop keeps\nyour data.", Options: map[string]string{"terms": "I have read the terms.", "news": "Send me news."}},
				{Language: "de", Text: "Der Shop speichert Ihre Daten.", Options: map[string]string{"terms": "Ich habe sie gelesen.", "news": "Neuigkeiten"}}}}
	}
}

// contractOf orders a contract of a phone's user, and has the phone approve it.
func contractOf(t *testing.T, r *rig.Rig, p *api.Phone) (*rig.Page, string) {
	t.Helper()
	o := r.Desk(0).Order(rig.Payment(p, "name", contract))
	page := r.Open(0, o.OperationID)
	b := page.Start(false)
	if _, err := p.Verify(rig.Ctx(t), r.Claim(p, b.Session.SessionID, ""), session.Approve, b.Session.AutoPassword, []string{}); err != nil {
		t.Fatal(err)
	}
	return page, o.OperationID
}

// agree has the user see the terms and agree to them.
func agree(page *rig.Page, ticks map[string]bool) api.AuthnResponse {
	page.Send(operation.Start, "method", "consent")
	return page.Send(operation.Verify, "options", ticks)
}

// consents are what a service is told of a user.
func consents(t *testing.T, r *rig.Rig, d *rig.Desk, user string) []api.ConsentRecord {
	t.Helper()
	var list api.ConsentList
	r.Into(d.Send(http.MethodGet, "/consents?"+url.Values{"tokenId": {user}}.Encode(), ""), &list)
	return list.Consents
}

func revoke(t *testing.T, r *rig.Rig, d *rig.Desk, user string) []api.ConsentRecord {
	t.Helper()
	var list api.ConsentList
	r.Into(d.Send(http.MethodPost, "/consents/revoke", rig.JSON(map[string]any{"tokenId": user})), &list)
	return list.Consents
}

// A user agrees in the page, the service is told, it is asked for no more, and once it
// is revoked it is.
func TestConsent(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: asking("2026-01")})
	p, other := r.Phone(0), r.Phone(0)
	shop := r.Desk(1)
	page, id := contractOf(t, r, p)
	if a := page.Send(operation.Init); len(a.Data.Methods) != 1 || a.Data.Methods[0] != (api.AuthnMethod{ID: "consent", Label: "With your consent"}) {
		t.Fatalf("init: %+v", a)
	}
	if v := shop.Ask(id); v.Consent != nil || v.Proof != nil || v.Result != "CONTINUE" || !slices.Equal(v.Steps, []api.OperationStep{{Step: "consent", Method: "consent"}}) {
		t.Errorf("before: %+v", v)
	}
	var asked api.AuthnResponse
	r.Into(page.At(1).Put(`{"type":"start","data":{"method":"consent"}}`, "Accept-Language", "de-AT,en;q=0.5"), &asked)
	if d := asked.Data; d.Text != "Der Shop speichert Ihre Daten." || d.Version != "2026-01" || d.Language != "de" ||
		!slices.Equal(d.Options, []api.AuthnOption{{ID: "terms", Text: "Ich habe sie gelesen.", Required: true}, {ID: "news", Text: "Neuigkeiten"}}) {
		t.Errorf("asked: %+v", d)
	}
	if a := page.Send(operation.Verify, "options", map[string]bool{"news": true}); a.Type != "failure" || a.Data.Message.Text != "You need to agree to this: I have read the terms." {
		t.Errorf("without what is required: %+v", a)
	}
	if a := page.Send(operation.Verify, "options", map[string]bool{"terms": true, "more": true}); a.Type != "failure" {
		t.Errorf("an option that there is not: %+v", a)
	}
	if got := consents(t, r, shop, p.Token); len(got) != 0 {
		t.Errorf("agreed to: %+v", got)
	}
	if a := page.Send(operation.Verify, "options", map[string]bool{"terms": true, "news": false}); a.Type != "complete" {
		t.Fatalf("agreed: %+v", a)
	}
	v := shop.Ask(id)
	if v.Result != "DONE" || v.Proof == nil || v.Consent == nil || v.Consent.Version != "2026-01" || !slices.Equal(v.Consent.Options, []string{"terms"}) {
		t.Errorf("after: %+v", v)
	}
	list := consents(t, r, shop, p.Token)
	if len(list) != 1 || !list[0].InForce || list[0].GrantedAt != v.Consent.GrantedAt || len(list[0].History) != 1 || list[0].History[0].OperationID != id {
		t.Fatalf("told: %+v", list)
	}
	if _, again := contractOf(t, r, p); shop.Ask(again).Result != "DONE" || shop.Ask(again).Consent == nil {
		t.Errorf("asked again: %+v", shop.Ask(again))
	}
	if got := consents(t, r, shop, other.Token); len(got) != 0 {
		t.Errorf("of somebody else: %+v", got)
	}
	for range 2 {
		if got := revoke(t, r, shop, p.Token); len(got) != 1 || got[0].InForce || got[0].RevokedAt == "" || len(got[0].History) != 2 || got[0].History[1].By != "service" {
			t.Errorf("revoked: %+v", got)
		}
	}
	if got := revoke(t, r, shop, other.Token); len(got) != 0 {
		t.Errorf("of somebody else: %+v", got)
	}
	if shop.Ask(id).Consent == nil {
		t.Error("what was done is undone")
	}
	if _, again := contractOf(t, r, p); shop.Ask(again).Result != "CONTINUE" {
		t.Errorf("not asked again: %+v", shop.Ask(again))
	}
}

// What is sent twice at once, to two nodes, is agreed to once.
func TestConsentOnce(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: asking("1")})
	p := r.Phone(0)
	page, _ := contractOf(t, r, p)
	page.Send(operation.Start, "method", "consent")
	var wait sync.WaitGroup
	for n := range 10 {
		wait.Go(func() {
			a := page.At(n % 2).Put(`{"type":"verify","data":{"options":{"terms":true}}}`)
			if a.Err != nil || !strings.Contains(string(a.Body), `"complete"`) {
				t.Errorf("%d %s %v", a.Status, a.Body, a.Err)
			}
		})
	}
	wait.Wait()
	if got := consents(t, r, r.Desk(0), p.Token); len(got) != 1 || len(got[0].History) != 1 {
		t.Errorf("%+v", got)
	}
}

// Nobody agrees to another version than the one that was shown: a node that has a new
// one asks for that.
func TestConsentRolledOut(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: asking("1")})
	next := rig.New(t, rig.Options{Nodes: 1, Redis: r.Redis, Issuer: r.Issuer, Configure: asking("2")})
	p := r.Phone(0)
	page, id := contractOf(t, r, p)
	page.Send(operation.Start, "method", "consent")
	there := next.Page(0, id, page.Cookie)
	if a := there.Send(operation.Verify, "options", map[string]bool{"terms": true}); a.Type != "failure" || a.Data.Message.Text != "The text has changed. Please read it again." {
		t.Fatalf("the old one: %+v", a)
	}
	if a := agree(there, map[string]bool{"terms": true}); a.Type != "complete" {
		t.Errorf("the new one: %+v", a)
	}
	if got := consents(t, r, r.Desk(0), p.Token); len(got) != 1 || got[0].Version != "2" {
		t.Errorf("%+v", got)
	}
}

// Before somebody has proven to be there nothing is asked for and nothing is agreed to,
// and consents are for their own service, which authenticates.
func TestConsentOfStrangers(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		asking("1")(c)
		bank := c.Services[1]
		bank.ID, bank.Subject, bank.Origins = "bank", "pairwise", []string{"https://acme-bank.example"}
		c.Services = append(c.Services, bank)
	}, Secrets: func(s *server.Secrets) { s.Services["bank"] = s.Services[rig.Shop] }})
	p := r.Phone(0)
	shop := r.Desk(0)
	o := shop.Order(rig.Payment(p, "name", contract))
	page := r.Open(0, o.OperationID)
	for _, a := range []api.AuthnResponse{page.Send(operation.Start, "method", "consent"), page.Send(operation.Verify, "options", map[string]bool{"terms": true})} {
		if a.Success || a.Reason != "wrong_step" {
			t.Errorf("before the phone: %+v", a)
		}
	}
	agreed, _ := contractOf(t, r, p)
	agree(agreed, map[string]bool{"terms": true})
	if got := consents(t, r, shop, p.Token); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	if got := consents(t, r, shop.Of("bank"), p.Token); len(got) != 0 {
		t.Errorf("told to another service: %+v", got)
	}
	if got := revoke(t, r, shop.Of("bank"), p.Token); len(got) != 0 || !consents(t, r, shop, p.Token)[0].InForce {
		t.Errorf("revoked by another service: %+v", got)
	}
	for _, a := range []rig.Answer{
		r.Send(0, http.MethodGet, "/consents?tokenId="+p.Token, ""),
		r.Send(0, http.MethodPost, "/consents/revoke", rig.JSON(map[string]any{"tokenId": p.Token})),
		r.Send(0, http.MethodGet, "/consents?tokenId="+p.Token, "", "Authorization", rig.BasicAuth(rig.Shop, "not the secret at all")),
	} {
		if a.Status != http.StatusUnauthorized || strings.Contains(string(a.Body), "2026") {
			t.Errorf("without the secret: %d %s", a.Status, a.Body)
		}
	}
	for _, a := range []rig.Answer{shop.Send(http.MethodGet, "/consents", ""), shop.Send(http.MethodPost, "/consents/revoke", "{}"),
		shop.Send(http.MethodPost, "/consents/revoke", `{"tokenId":"a b"}`)} {
		if a.Status != http.StatusBadRequest {
			t.Errorf("without a user: %d %s", a.Status, a.Body)
		}
	}
}
