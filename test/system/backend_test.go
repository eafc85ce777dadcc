package system

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
)

// backendRig is two nodes with back ends: shop, pair (subjects of its own) and
// counter (nobody scans there), and with flows beside those built in: sign is the
// phone alone, twice wants it two times, soon has a second.
func backendRig(t *testing.T, change ...func(*server.Config)) *rig.Rig {
	t.Helper()
	return rig.New(t, rig.Options{
		Configure: func(c *server.Config) {
			pair, counter := c.Services[1], c.Services[1]
			pair.ID, pair.Name, pair.Subject = "pair", "Pair", "pairwise"
			counter.ID, counter.Name, counter.Modes = "counter", "Counter", []string{"enter"}
			c.Services = append(c.Services, pair, counter)
			c.Flows = map[string]any{
				"sign":  map[string]any{"steps": []any{"device"}},
				"twice": map[string]any{"steps": []any{map[string]any{"name": "first", "methods": []any{"device"}}, map[string]any{"name": "second", "methods": []any{"device"}}}},
				"soon":  map[string]any{"expiry": "1s", "steps": []any{"device"}},
			}
			for _, f := range change {
				f(c)
			}
		},
		Secrets: func(s *server.Secrets) {
			for _, id := range []string{"pair", "counter"} {
				s.Services[id] = server.ServiceSecrets{Secret: []byte(rig.ShopSecret)}
			}
		},
	})
}

// One operation of one key, on both nodes, as it stands.
func TestBackendRepeats(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	d, phone := r.Desk(0), r.Phone(0)
	key := []string{"Idempotency-Key", "order-1042"}
	first := d.Order(rig.Payment(phone), key...)
	if again := d.At(1).Order(rig.Payment(phone), key...); again.OperationID != first.OperationID || again.ExpiresAt != first.ExpiresAt {
		t.Errorf("again: %+v", again)
	}
	d.Cancel(first.OperationID)
	if again := d.At(1).Order(rig.Payment(phone), key...); again.OperationID != first.OperationID || again.Result != "FAILED" {
		t.Errorf("again at its end: %+v", again)
	}
	r.Refused("another body", d.At(1).TryOrder(rig.Payment(phone, "data", "A1*A101EUR"), key...), http.StatusConflict, "idempotency_conflict")
	if other := d.Of("counter").Order(rig.Payment(phone), key...); other.OperationID == first.OperationID {
		t.Error("another service has the same key")
	}
	for _, bad := range []string{"a b", strings.Repeat("a", 65), "ä"} {
		r.Refused("key "+bad, d.TryOrder(rig.Payment(phone), "Idempotency-Key", bad), http.StatusBadRequest, "invalid_request")
	}
	r.Refused("two keys", d.TryOrder(rig.Payment(phone), "Idempotency-Key", "a", "Idempotency-Key", "b"), http.StatusBadRequest, "invalid_request")
	bob := r.Phone(1)
	bodies := make([]string, 50)
	codes := parallel(len(bodies), func(i int) rig.Answer {
		a := d.At(i%2).TryOrder(rig.Payment(bob), "Idempotency-Key", "at-once")
		bodies[i] = string(a.Body)
		return a
	})
	// A machine that is busy may say so; whoever is answered has the one.
	if codes[""] == 0 || codes[""]+codes["unavailable"] != len(bodies) {
		t.Errorf("at once: %v", codes)
	}
	one := d.Order(rig.Payment(bob), "Idempotency-Key", "at-once").OperationID
	for _, body := range bodies {
		if !strings.Contains(body, one) && !strings.Contains(body, "unavailable") {
			t.Errorf("%s, and %s", one, body)
		}
	}
	if listed := d.List(bob.Token, ""); !slices.Equal(listed, []string{one}) {
		t.Errorf("listed: %v, want %s", listed, one)
	}
}

// What is malformed is named as an order has it, and nothing begins.
func TestBackendForm(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	d, phone := r.Desk(0), r.Phone(0)
	deep := map[string]any{}
	for range 8 {
		deep = map[string]any{"a": deep}
	}
	for _, x := range []struct {
		member string
		change []any
	}{
		{"name", []any{"name", nil}}, {"name", []any{"name", ""}}, {"name", []any{"name", "a b"}}, {"name", []any{"name", 1}}, {"name", []any{"name", strings.Repeat("a", 65)}},
		{"data", []any{"data", nil}}, {"data", []any{"data", ""}}, {"data", []any{"data", 1}}, {"data", []any{"data", strings.Repeat("a", 8<<10+1)}},
		{"data", []any{"data", "A1*A100EUR\n"}}, {"data", []any{"data", "A1*NRent\u202eoboB ot"}}, {"data", []any{"data", "A1*N\u0000"}},
		{"data", []any{"name", "login", "data", nil}},
		{"form", []any{"form", "text"}}, {"form", []any{"form", []any{}}}, {"form", []any{"form", map[string]any{"title": "Pay\u202ement"}}}, {"form", []any{"form", map[string]any{"ti\u0007tle": "x"}}},
		{"body", []any{"form", deep}},
		{"tokenId", []any{"tokenId", ""}}, {"tokenId", []any{"tokenId", "a b"}}, {"tokenId", []any{"tokenId", strings.Repeat("a", 65)}}, {"tokenId", []any{"tokenId", 7}},
		{"externalId", []any{"externalId", ""}}, {"externalId", []any{"externalId", "order 1"}}, {"externalId", []any{"externalId", strings.Repeat("a", 129)}},
		{"scopes", []any{"scopes", "identity:name"}}, {"scopes", []any{"scopes", []any{""}}}, {"scopes", []any{"scopes", slices.Repeat([]any{"identity:name"}, 33)}},
		{"returnUrl", []any{"returnUrl", ""}}, {"returnUrl", []any{"returnUrl", "/orders"}}, {"returnUrl", []any{"returnUrl", rig.ShopPage + "#a"}}, {"returnUrl", []any{"returnUrl", "http://shop.example/"}},
		{"returnUrl", []any{"returnUrl", "https://shop.example.evil.example/"}}, {"returnUrl", []any{"returnUrl", "https://shop.example@evil.example/"}}, {"returnUrl", []any{"returnUrl", "https://user@shop.example/"}},
		{"returnUrl", []any{"returnUrl", "https://evil.example/https://shop.example/"}}, {"returnUrl", []any{"returnUrl", "https:shop.example"}}, {"returnUrl", []any{"returnUrl", "javascript:alert(1)"}},
		{"returnUrl", []any{"returnUrl", `https://shop.example\@evil.example`}}, {"returnUrl", []any{"returnUrl", "https://shop.example/a b"}}, {"returnUrl", []any{"returnUrl", "https://shop.example/\n"}},
		{"returnUrl", []any{"returnUrl", "https://shop.example/" + strings.Repeat("a", 1024)}}, {"returnUrl", []any{"returnUrl", "https://bank.example/"}}, {"returnUrl", []any{"returnUrl", "https://shop.example:8443/"}},
	} {
		a := d.TryOrder(rig.Payment(phone, x.change...))
		r.Refused(rig.JSON(map[string]any{"change": x.change}), a, http.StatusBadRequest, "invalid_request")
		if want := "invalid: " + x.member; a.Problem.Detail != want && !strings.HasPrefix(a.Problem.Detail, want+".") {
			t.Errorf("%v: %q, want %q", x.change, a.Problem.Detail, want)
		}
	}
	for _, body := range []string{"{", "[]", `{"name":"a","name":"b"}`, `{"name":null}`, `{"name":"authorize_payment","data":"A1","form":null}`, `{"name":"authorize_payment","data":"A1"} x`, ""} {
		r.Refused(body, d.Send(http.MethodPost, "/operations", body), http.StatusBadRequest, "invalid_request")
	}
	r.Refused("no JSON", d.Send(http.MethodPost, "/operations", "{}", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "unsupported_media_type")
	r.Refused("too large", d.TryOrder(rig.Payment(phone, "more", strings.Repeat("a", 16<<10))), http.StatusRequestEntityTooLarge, "too_large")
	r.Refused("no such name", d.TryOrder(rig.Payment(phone, "name", "authorise_payment")), http.StatusUnprocessableEntity, "operation_unknown")
	high := map[string]any{"attributes": []any{map[string]any{"type": "AMOUNT", "amount": "900", "currency": "EUR"}}}
	mismatch := d.TryOrder(rig.Payment(phone, "form", high))
	r.Refused("a form of another amount", mismatch, http.StatusUnprocessableEntity, "form_mismatch")
	if mismatch.Problem.Detail != "form.attributes[0].amount is not what data says" {
		t.Errorf("detail %q", mismatch.Problem.Detail)
	}
	r.Refused("no such scope", d.TryOrder(rig.Payment(phone, "scopes", []string{"identity:shoe_size"})), http.StatusUnprocessableEntity, "scope_not_allowed")
	for _, query := range []string{"", "?result=DONE", "?tokenId=", "?tokenId=a%20b", "?tokenId=a&result=done"} {
		r.Refused("list"+query, d.Send(http.MethodGet, "/operations"+query, ""), http.StatusBadRequest, "invalid_request")
	}
	if got := d.List(phone.Token, ""); len(got) != 0 {
		t.Errorf("begun: %v", got)
	}
	largest := d.Order(rig.Payment(phone, "data", "A1*N"+strings.Repeat("a", 8<<10-4), "externalId", strings.Repeat("~", 128), "returnUrl", rig.ShopPage+"?a=b&c=%20"))
	if got := d.Ask(largest.OperationID); len(got.Data) != 8<<10 || len(got.ExternalID) != 128 {
		t.Errorf("the largest: %d bytes of data", len(got.Data))
	}
	if v := d.Order(map[string]any{"name": "login", "tokenId": phone.Token}); v.Data != "" || v.Form != nil || v.Steps[0].Step != "device" {
		t.Errorf("a login: %+v", v)
	}
}

// Every request wants the secret of a service that has one.
func TestBackendAuthenticates(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	id := r.Desk(0).Order(rig.Payment(nil)).OperationID
	for what, auth := range map[string]string{
		"none":           "",
		"wrong":          rig.BasicAuth(rig.Shop, rig.ShopSecret+"x"),
		"empty":          rig.BasicAuth(rig.Shop, ""),
		"a public one":   rig.BasicAuth(rig.Service, ""),
		"a public one's": rig.BasicAuth(rig.Service, rig.ShopSecret),
		"unknown":        rig.BasicAuth("nobody", rig.ShopSecret),
		"bearer":         "Bearer " + rig.ShopSecret,
		"no base64":      "Basic shop:secret",
	} {
		for path, method := range map[string]string{"/operations": http.MethodPost, "/operations?tokenId=a": http.MethodGet, "/operations/" + id: http.MethodGet, "/operations/" + id + "/cancel": http.MethodPost, "/operations/op_1": http.MethodGet} {
			a := r.Send(1, method, path, "", "Authorization", auth, "Origin", rig.Origin)
			r.Refused(what+" "+path, a, http.StatusUnauthorized, "service_auth_failed")
			if !strings.HasPrefix(a.Head.Get("WWW-Authenticate"), "Basic ") || a.Head.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %v", what, path, a.Head)
			}
		}
	}
	if v := r.Desk(0).Ask(id); v.Result != "CONTINUE" {
		t.Errorf("%+v", v)
	}
	r.Refused("another method", r.Desk(0).Send(http.MethodDelete, "/operations/"+id, ""), http.StatusMethodNotAllowed, "method_not_allowed")
}

// Wrong secrets are counted here as at every door, and so is a right one after them.
func TestBackendGuesses(t *testing.T) {
	t.Parallel()
	r := backendRig(t, limited)
	d := r.Desk(0)
	from := []string{"X-Forwarded-For", "203.0.113.1"}
	for range 31 {
		r.Send(0, http.MethodPost, "/operations", "{}", append(from, "Authorization", rig.BasicAuth(rig.Shop, "guess"))...)
	}
	a := d.Send(http.MethodPost, "/operations", rig.JSON(rig.Payment(nil)), from...)
	r.Refused("a right one", a, http.StatusTooManyRequests, "rate_limited")
	if a.Head.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	d.Order(rig.Payment(nil), "X-Forwarded-For", "203.0.113.2")
}

// To every other service an operation is one that there is not; and so is a login's.
func TestBackendOfAnother(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	d, phone := r.Desk(0), r.Phone(0)
	v, page := d.Order(rig.Payment(phone)), r.Login(0)
	for what, id := range map[string]string{"another's": v.OperationID, "a login": page.ID, "unknown": "op_AAAAAAAAAAAAAAAAAAAAAA", "no id of ours": "op_1"} {
		other := r.Desk(1).Of("counter")
		r.Refused(what, other.TryAsk(id), http.StatusNotFound, "operation_not_found")
		r.Refused(what+", cancelled", other.TryCancel(id), http.StatusNotFound, "operation_not_found")
	}
	for what, ids := range map[string][]string{"another's": d.Of("counter").List(phone.Token, ""), "nobody's": d.List("nobody", ""), "unknown": d.List(string(device.NewTokenID()), "")} {
		if len(ids) != 0 {
			t.Errorf("%s: %v", what, ids)
		}
	}
	if got := d.At(1).Ask(v.OperationID); got.Result != "CONTINUE" || len(got.History) != 0 {
		t.Errorf("mine: %+v", got)
	}
	if a := page.Send("init"); !a.Success {
		t.Errorf("the login: %+v", a)
	}
}

// Names that nobody has, or had, are answered like good ones, but to a service that
// may know; nobody approves them.
func TestBackendHidesWhoIsEnrolled(t *testing.T) {
	t.Parallel()
	r := backendRig(t, func(c *server.Config) { c.Services[3].RevealUnknown = true })
	alice, revoked := r.Phone(0), r.Phone(1)
	setStatus(t, r, revoked.Token, device.Revoked)
	nobody := string(device.NewTokenID())
	knows := r.Desk(1).Of("counter")
	for name, want := range map[string]struct {
		status int
		code   string
	}{nobody: {http.StatusNotFound, "not_enrolled"}, "alice@bank.example": {http.StatusNotFound, "not_enrolled"}, revoked.Token: {http.StatusForbidden, "revoked"}} {
		a := knows.TryOrder(rig.Payment(nil, "tokenId", name), "Idempotency-Key", "k"+name[:4])
		r.Refused(name, a, want.status, want.code)
		if ids := knows.List(name, ""); len(ids) != 0 {
			t.Errorf("%s: begun %v", name, ids)
		}
	}
	knows.Order(rig.Payment(alice))
	knows.Order(rig.Payment(nil))
	seen := map[string]bool{}
	for _, name := range []string{alice.Token, nobody, revoked.Token} {
		a := r.Desk(0).TryOrder(rig.Payment(nil, "tokenId", name))
		var v api.OperationView
		r.Into(a, &v)
		seen[shape(a)] = true
		page := r.Open(0, v.OperationID)
		seen[shape(page.Put(`{"type":"init"}`))] = true
		page.Send("choose", "method", "device")
		b := page.Start(false).Watch()
		b.Expect(session.OTPReady)
		seen[shape(r.Desk(1).TryAsk(v.OperationID))] = true
	}
	if len(seen) != 3 {
		t.Errorf("the answers differ: %v", seen)
	}
}

// A service whose users have ids of their own never hears another: named by it, a
// user is found; by another id there is nobody, and no proof names one.
func TestBackendPairwise(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	alice, d := r.Phone(0), r.Desk(1).Of("pair")
	seen := d.Order(rig.Payment(nil, "name", "sign"))
	page := r.Open(0, seen.OperationID)
	b := page.Start(true)
	scan := scanOf(t, b.Session, 0)
	if _, err := alice.Verify(rig.Ctx(t), r.Claim(alice, b.Session.SessionID, scan), session.Approve, "qr:"+scan, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
	done := d.Ask(seen.OperationID)
	if done.Result != "DONE" || done.TokenID == "" || done.TokenID == alice.Token || done.Proof != nil {
		t.Fatalf("scanned: %+v", done)
	}
	if got := d.List(done.TokenID, "DONE"); !slices.Equal(got, []string{seen.OperationID}) {
		t.Errorf("listed: %v", got)
	}
	// Under the id it was told.
	own := d.Order(rig.Payment(nil, "name", "sign", "tokenId", done.TokenID))
	if own.TokenID != done.TokenID {
		t.Errorf("named: %+v", own)
	}
	r.Approve(alice, r.Open(1, own.OperationID).Start(false))
	body := string(d.TryAsk(own.OperationID).Body)
	if got := d.Ask(own.OperationID); got.Result != "DONE" || got.TokenID != done.TokenID || strings.Contains(body, alice.Token) || strings.Contains(body, alice.Device) {
		t.Errorf("approved: %s", body)
	}
	// Under everybody's, and with a name told in the page, it learns nothing.
	foreign := d.Order(rig.Payment(nil, "name", "sign", "tokenId", alice.Token))
	r.Open(0, foreign.OperationID).Start(false)
	if waiting, err := alice.Pending(rig.Ctx(t)); err != nil || len(waiting.Sessions) != 0 {
		t.Errorf("asked by another id: %+v, %v", waiting, err)
	}
	told := d.Order(rig.Payment(nil))
	r.Open(0, told.OperationID).Send("start", "method", "identify", "user", alice.Token)
	if got := d.Ask(told.OperationID); got.TokenID != "" || len(got.Steps) == 0 || got.Steps[0].Step != "review" {
		t.Errorf("told: %+v", got)
	}
	if got := d.List(done.TokenID, ""); !slices.Equal(got, []string{own.OperationID, seen.OperationID}) && len(got) != 2 {
		t.Errorf("listed: %v", got)
	}
}

// Whoever it is has to be named where the steps do not ask, and nobody may scan.
func TestBackendOfNobody(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	d, counter := r.Desk(0), r.Desk(0).Of("counter")
	a := counter.TryOrder(rig.Payment(nil, "name", "sign"))
	r.Refused("nobody", a, http.StatusBadRequest, "invalid_request")
	if a.Problem.Detail != "invalid: tokenId" {
		t.Errorf("detail %q", a.Problem.Detail)
	}
	if v := counter.Order(rig.Payment(nil)); v.TokenID != "" || v.Steps[0].Step != "identify" {
		t.Errorf("where the steps ask: %+v", v)
	}
	if v := d.Order(rig.Payment(nil, "name", "sign")); v.TokenID != "" || v.Steps[0].Method != "device" {
		t.Errorf("where anybody may scan: %+v", v)
	}
}

// Cancelled twice it is cancelled; after another end it is not.
func TestBackendCancels(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	d, phone := r.Desk(0), r.Phone(0)
	v := d.Order(rig.Payment(phone, "name", "sign"))
	page := r.Open(1, v.OperationID)
	b := page.Start(false).Watch()
	b.Expect(session.OTPReady)
	for n := range r.Nodes {
		if got := d.At(n).Cancel(v.OperationID); got.Result != "FAILED" || got.Reason != "cancelled" || len(got.Steps) != 0 || got.StepResult != "CANCELED" {
			t.Errorf("cancelled: %+v", got)
		}
	}
	if m := b.Expect(session.CancelledMessage); m.By != session.ByService {
		t.Errorf("the page is told that %s did", m.By)
	}
	if a := page.Send("status"); a.Type != "cancel" || a.Data.Location != r.Issuer+"/done?operation="+v.OperationID {
		t.Errorf("the page: %+v", a)
	}
	if h := d.Ask(v.OperationID).History; len(h) != 1 || h[0].Step != "device" || h[0].Method != "" || h[0].Result != "FAILED" || h[0].Reason != "cancelled" {
		t.Errorf("history: %+v", h)
	}
	paid := d.Order(rig.Payment(phone, "name", "sign"))
	r.Approve(phone, r.Open(0, paid.OperationID).Start(false))
	r.Refused("done", d.At(1).TryCancel(paid.OperationID), http.StatusConflict, "operation_resolved")
	if got := d.Ask(paid.OperationID); got.Result != "DONE" || got.Proof == nil {
		t.Errorf("done: %+v", got)
	}
	r.Refused("a body that is none", d.Send(http.MethodPost, "/operations/"+paid.OperationID+"/cancel", "{}", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "unsupported_media_type")
	for result, want := range map[string][]string{"": {paid.OperationID, v.OperationID}, "DONE": {paid.OperationID}, "FAILED": {v.OperationID}, "CONTINUE": {}} {
		if got := d.At(1).List(phone.Token, result); !slices.Equal(got, want) {
			t.Errorf("listed %s: %v, want %v", result, got, want)
		}
	}
}

// Time ends it, whoever asks first.
func TestBackendExpires(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	d, phone := r.Desk(0), r.Phone(0)
	v := d.Order(rig.Payment(phone, "name", "soon"))
	page := r.Open(1, v.OperationID)
	end, err := time.Parse(time.RFC3339, v.ExpiresAt)
	if err != nil {
		t.Fatal(err)
	}
	r.Eventually("it has expired", func() bool { return d.At(1).Ask(v.OperationID).Result == "FAILED" })
	if got := d.Ask(v.OperationID); got.Reason != "expired" || time.Now().Before(end) || got.History[len(got.History)-1].Reason != "expired" {
		t.Errorf("%+v", got)
	}
	if a := page.Send("init"); a.Type != "cancel" || a.Data.Result != "FAILED" || a.Data.Location == "" {
		t.Errorf("the page: %+v", a)
	}
	r.Refused("cancelled after it", d.TryCancel(v.OperationID), http.StatusConflict, "operation_resolved")
}

// Without Redis a back end is told to come again, and no more.
func TestBackendWithoutRedis(t *testing.T) {
	t.Parallel()
	r := backendRig(t)
	d, phone := r.Desk(0), r.Phone(0)
	v := d.Order(rig.Payment(phone))
	r.Redis.Stop()
	for what, ask := range map[string]func() rig.Answer{
		"create": func() rig.Answer { return d.TryOrder(rig.Payment(phone)) },
		"again":  func() rig.Answer { return d.TryOrder(rig.Payment(phone), "Idempotency-Key", "a") },
		"ask":    func() rig.Answer { return d.TryAsk(v.OperationID) },
		"list":   func() rig.Answer { return d.Send(http.MethodGet, "/operations?tokenId="+phone.Token, "") },
		"cancel": func() rig.Answer { return d.TryCancel(v.OperationID) },
	} {
		rig.Timely(t, what, func() { r.Refused(what, ask(), http.StatusServiceUnavailable, "unavailable") })
	}
}
