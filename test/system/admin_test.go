package system

import (
	"encoding/json"
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
	"countersign/ws"
)

// Without operators in the configuration there is no operators' API.
func TestAdminIsOff(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	for _, path := range []string{"/admin/audit", "/admin/enrollments", "/admin/x", "/admin"} {
		r.Refused(path, r.Send(0, http.MethodGet, path, "", "Authorization", "Bearer x"), 404, "not_found")
	}
}

// adminRequests is every request there is, and whether it changes something.
func adminRequests(id string) []struct {
	method, path string
	changes      bool
} {
	e := "/admin/enrollments/" + id
	return []struct {
		method, path string
		changes      bool
	}{
		{"GET", "/admin/enrollments", false}, {"GET", e, false}, {"GET", "/admin/sessions", false}, {"GET", "/admin/sessions/live", false},
		{"GET", "/admin/sessions/sess_AAAAAAAAAAAAAAAAAAAAAA", false}, {"GET", "/admin/services", false}, {"GET", "/admin/audit", false},
		{"POST", "/admin/enrollments", true}, {"POST", e + "/revoke", true}, {"POST", e + "/lock", true}, {"POST", e + "/unlock", true},
		{"DELETE", e + "/devices/dev_AAAAAAAAAAAAAAAAAAAAAA", true}, {"DELETE", e + "/passkeys/x", true},
		{"POST", "/admin/sessions/sess_AAAAAAAAAAAAAAAAAAAAAA/cancel", true},
	}
}

// Nobody gets in without a token, with one that only reads nobody changes anything,
// and pages of other origins get nothing from it.
func TestAdminRefuses(t *testing.T) {
	t.Parallel()
	o := newOperators(t, rig.Options{})
	p := o.Phone(0)
	for _, q := range adminRequests(p.Token) {
		what := q.method + " " + q.path
		for name, head := range map[string][]string{
			"no token": nil, "another token": {"Authorization", "Bearer " + o.tokens[boss] + "x"}, "part of a token": {"Authorization", "Bearer " + o.tokens[boss][:20]},
			"an empty token": {"Authorization", "Bearer "}, "Basic": {"Authorization", rig.BasicAuth(rig.Shop, rig.ShopSecret)},
			"another scheme": {"Authorization", "Token " + o.tokens[boss]}, "a cookie": {"Cookie", "token=" + o.tokens[boss]},
			"two": {"Authorization", "Bearer x", "Authorization", "Bearer " + o.tokens[boss]},
		} {
			a := o.Send(1, q.method, q.path, "", head...)
			o.Refused(what+" with "+name, a, 401, "invalid_token")
			if got := a.Head.Values("WWW-Authenticate"); len(got) != 2 || !strings.HasPrefix(got[0], "Bearer ") || !strings.HasPrefix(got[1], "DPoP ") {
				t.Errorf("%s: WWW-Authenticate %q", what, got)
			}
		}
		o.Refused(what+" in the query", o.Send(0, q.method, q.path+"?access_token="+o.tokens[boss], ""), 401, "invalid_token")
		if q.changes {
			o.Refused(what+" by a reader", o.ask(1, reader, q.method, q.path, ""), 403, "insufficient_scope")
		}
		a := o.Send(0, "OPTIONS", q.path, "", "Origin", rig.Origin, "Access-Control-Request-Method", q.method)
		b := o.Send(0, q.method, q.path, "", "Origin", rig.Origin, "Authorization", "Bearer "+o.tokens[reader])
		if a.Head.Get("Access-Control-Allow-Origin") != "" || b.Head.Get("Access-Control-Allow-Origin") != "" || len(b.Head.Values("Set-Cookie")) != 0 {
			t.Errorf("%s is there for pages: %d %v %v", what, a.Status, a.Head, b.Head)
		}
	}
	o.Refused("a method", o.ask(0, boss, "PUT", "/admin/enrollments", ""), 405, "method_not_allowed")
	for _, secret := range o.tokens {
		if o.Log.Contains(secret) {
			t.Error("a token is in the log")
		}
	}
}

// Who guesses at tokens is stopped, and nobody else is.
func TestAdminGuesses(t *testing.T) {
	t.Parallel()
	o := newOperators(t, rig.Options{Configure: limited})
	ask := func(n int, token, from string) rig.Answer {
		return o.Send(n, "GET", "/admin/services", "", "Authorization", "Bearer "+token, "X-Forwarded-For", from)
	}
	for i := range 30 {
		o.Refused("a guess", ask(i%2, "guess", "203.0.113.1"), 401, "invalid_token")
	}
	for n := range 2 {
		ask(n, "guess", "203.0.113.1")
		rateLimited(t, o.Rig, "a right one", ask(n, o.tokens[boss], "203.0.113.1"), 20)
	}
	if a := ask(1, o.tokens[boss], "203.0.113.2"); a.Status != 200 {
		t.Errorf("another address: %d %s", a.Status, a.Body)
	}
}

// An operator enrols somebody, and what was done says who did it.
func TestAdminEnrols(t *testing.T) {
	t.Parallel()
	o := newOperators(t, rig.Options{Configure: func(c *server.Config) { c.Enrollment = "code" }})
	var made api.AdminCode
	o.Into(o.ask(0, boss, "POST", "/admin/enrollments", `{"claims":{"given_name":"Alice","birthdate":"1990-04-01","is_eu_citizen":true,"address":{"country":"CZ"}}}`), &made)
	for _, kind := range []string{"identity.added", "enrolment.code_made"} {
		if e := o.onRecord(1, kind, "tokenId="+made.TokenID); e.Operator != boss || e.Address != "127.0.0.1" {
			t.Errorf("%+v", e)
		}
	}
	alice := o.NewPhone(1)
	if _, err := alice.Enrol(rig.Ctx(t), made.EnrollmentCode, "Alice's phone", "test"); err != nil || alice.Token != made.TokenID {
		t.Fatalf("%v, %s", err, alice.Token)
	}
	if e := o.onRecord(0, "device.enrolled"); e.Operator != "" {
		t.Errorf("the phone enrolled by itself: %+v", e)
	}
	line := o.Listen(alice)
	line.Expect(ws.ReadyFrame)
	o.Into(o.ask(1, boss, "POST", "/admin/enrollments", `{"tokenId":"`+alice.Token+`"}`), &made)
	intruder := o.NewPhone(0)
	if _, err := intruder.Enrol(rig.Ctx(t), made.EnrollmentCode, "another", "test"); err != nil {
		t.Fatal(err)
	}
	if w := line.Expect(ws.AddedFrame); w.DeviceName != "another" {
		t.Errorf("the phone is told of %+v", w)
	}
	var list page
	o.read(0, "/admin/enrollments", &list)
	if len(list.Enrollments) != 1 || list.Enrollments[0].TokenID != alice.Token || list.Enrollments[0].Devices != 2 || list.Enrollments[0].Status != "active" {
		t.Errorf("%+v", list)
	}
	a := o.ask(0, boss, "GET", "/admin/enrollments/"+alice.Token, "")
	if strings.Contains(string(a.Body), "1990") || strings.Contains(string(a.Body), "given_name") {
		t.Errorf("claims are told: %s", a.Body)
	}
	for what, body := range map[string]string{
		"claims": `{"claims":{"nickname":"x"}}`, "claims.birthdate": `{"claims":{"birthdate":"yesterday"}}`, "claims.given_name": `{"claims":{"given_name":true}}`,
		"claims.email": `{"claims":{"email":{"a":1}}}`, "claims.age_over_18": `{"claims":{"age_over_18":1}}`, "tokenId": `{"tokenId":"x","claims":{"given_name":"A"}}`,
	} {
		a := o.ask(1, boss, "POST", "/admin/enrollments", body)
		if o.Refused(what, a, 400, "invalid_request"); !strings.Contains(a.Problem.Detail, what) {
			t.Errorf("%s: %s", what, a.Body)
		}
	}
	o.Refused("nobody", o.ask(1, boss, "POST", "/admin/enrollments", `{"tokenId":"tok_AAAAAAAAAAAAAAAAAAAAAA"}`), 404, "not_enrolled")
}

// What an operator does to an identity counts at once on every node, is on record, and
// may be repeated.
func TestAdminChangesIdentities(t *testing.T) {
	t.Parallel()
	o := newOperators(t, rig.Options{})
	p := o.Phone(0)
	second := o.Join(p, 1, "second")
	line := o.Listen(p)
	line.Expect(ws.ReadyFrame)
	path := "/admin/enrollments/" + p.Token
	do := func(n int, method, path string) (v api.AdminIdentity) {
		t.Helper()
		o.Into(o.ask(n, boss, method, path, ""), &v)
		return v
	}
	for range 2 {
		if v := do(0, "POST", path+"/lock"); v.Status != "locked" {
			t.Errorf("%+v", v)
		}
	}
	o.Refused("a phone of a locked identity", o.Send(1, "POST", "/auth/pending", rig.JSON(rig.Signed(p, device.PendingPurpose, time.Now().Unix(), p.Token, p.Device))), 429, "locked")
	line.ExpectClose(ws.CloseRefused, "locked")
	if e := o.onRecord(1, "identity.locked"); e.Operator != boss || e.TokenID != p.Token {
		t.Errorf("%+v", e)
	}
	for range 2 {
		if v := do(1, "POST", path+"/unlock"); v.Status != "active" || len(v.Devices) != 2 {
			t.Errorf("%+v", v)
		}
	}
	o.onRecord(1, "identity.unlocked", "tokenId="+p.Token)
	v := do(0, "DELETE", path+"/devices/"+second.Device)
	if i := slices.IndexFunc(v.Devices, func(d api.AdminDevice) bool { return d.DeviceID == second.Device }); v.Devices[i].Status != "revoked" {
		t.Errorf("%+v", v)
	}
	if e := o.onRecord(1, "device.revoked", "device="+second.Device); e.Operator != boss {
		t.Errorf("%+v", e)
	}
	o.Refused("a revoked phone", o.ask(0, boss, "DELETE", path+"/devices/"+second.Device, ""), 404, "device_not_found")
	o.Refused("a passkey", o.ask(0, boss, "DELETE", path+"/passkeys/x", ""), 404, "passkey_not_found")
	for range 2 {
		if v := do(0, "POST", path+"/revoke"); v.Status != "revoked" {
			t.Errorf("%+v", v)
		}
	}
	o.onRecord(1, "identity.revoked", "tokenId="+p.Token)
	var p2 page
	o.read(0, "/admin/audit?kind=identity.revoked&kind=identity.locked&tokenId="+p.Token, &p2)
	if len(p2.Events) != 2 {
		t.Errorf("what was repeated is on record again: %+v", p2.Events)
	}
	o.Refused("locking who is revoked", o.ask(1, boss, "POST", path+"/lock", ""), 404, "not_enrolled")
	o.Refused("a code for who is revoked", o.ask(1, boss, "POST", "/admin/enrollments", `{"tokenId":"`+p.Token+`"}`), 404, "not_enrolled")
	for _, q := range adminRequests("tok_AAAAAAAAAAAAAAAAAAAAAA") {
		if strings.Contains(q.path, "/tok_") {
			o.Refused(q.method+" "+q.path, o.ask(0, boss, q.method, q.path, ""), 404, "not_enrolled")
		}
	}
}

// An operator sees what is open, cancels it, and finds it among what has ended; nothing
// that is told lets anybody watch or approve a session.
func TestAdminSessions(t *testing.T) {
	t.Parallel()
	o := newOperators(t, rig.Options{})
	p := o.Phone(0)
	b := o.Browser(0).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	other := o.Shop(1).Start(p.Token)
	var live struct {
		Open     int64
		Services []api.AdminCount
		Sessions []api.AdminSession
	}
	o.Eventually("both are counted", func() bool {
		o.read(1, "/admin/sessions/live", &live)
		return live.Open == 2 && len(live.Sessions) == 2
	})
	if !slices.Equal(live.Services, []api.AdminCount{{ServiceID: rig.Service, Open: 1}, {ServiceID: rig.Shop, Open: 1}}) {
		t.Errorf("%+v", live.Services)
	}
	o.read(0, "/admin/sessions/live?limit=1&service="+rig.Service, &live)
	if len(live.Sessions) != 1 || live.Sessions[0].SessionID != b.Session.SessionID || live.Sessions[0].Status != "pending" || live.Sessions[0].TokenID != p.Token {
		t.Errorf("%+v", live.Sessions)
	}
	path := "/admin/sessions/" + b.Session.SessionID
	raw := string(o.ask(1, boss, "GET", path, "").Body) + string(o.ask(1, boss, "GET", "/admin/sessions/live", "").Body)
	for name, secret := range map[string]string{"code": b.Session.AutoPassword, "wsToken": b.Session.WSToken, "random": b.Session.Random, "qrKey": b.Session.QRKey} {
		if strings.Contains(raw, secret) {
			t.Errorf("the %s is told: %s", name, raw)
		}
	}
	for range 2 {
		var v api.AdminSession
		if o.Into(o.ask(1, boss, "POST", path+"/cancel", ""), &v); v.Status != "cancelled" || v.CancelledBy != "admin" || v.EndedAt == "" {
			t.Errorf("%+v", v)
		}
	}
	if w := b.Expect(session.CancelledMessage); w.By != session.ByAdmin {
		t.Errorf("the page is told %+v", w)
	}
	rig.ExpectClose(t, b.Socket, 1000, "cancelled")
	o.Approve(p, other)
	o.Refused("cancelling what is approved", o.ask(0, boss, "POST", "/admin/sessions/"+other.Session.SessionID+"/cancel", ""), 409, "session_resolved")
	var v api.AdminSession
	if o.read(0, "/admin/sessions/"+other.Session.SessionID, &v); v.Status != "approved" || v.DeviceID != p.Device {
		t.Errorf("%+v", v)
	}
	if e := o.onRecord(0, "session.cancelled", "session="+b.Session.SessionID); e.Operator != boss || e.Detail != "admin" {
		t.Errorf("%+v", e)
	}
	o.onRecord(1, "session.approved")
	var ended page
	o.read(1, "/admin/sessions?tokenId="+p.Token, &ended)
	if len(ended.Sessions) != 2 || ended.Next != "" {
		t.Fatalf("%+v", ended)
	}
	for status, id := range map[string]string{"cancelled": b.Session.SessionID, "approved": other.Session.SessionID} {
		var one page
		o.read(1, "/admin/sessions?status="+status, &one)
		if len(one.Sessions) != 1 || one.Sessions[0].SessionID != id || one.Sessions[0].Status != status || one.Sessions[0].TokenID != p.Token {
			t.Errorf("%s: %+v", status, one)
		}
	}
	o.Refused("a session that is not there", o.ask(0, boss, "GET", "/admin/sessions/sess_AAAAAAAAAAAAAAAAAAAAAA", ""), 404, "session_not_found")
}

// Lists come in pages that miss nothing, and wishes that make no sense are refused.
func TestAdminPages(t *testing.T) {
	t.Parallel()
	o := newOperators(t, rig.Options{})
	want := map[string]bool{}
	for range 5 {
		want[o.Phone(0).Token] = true
	}
	got, cursor := map[string]bool{}, ""
	for range 3 {
		var p page
		o.read(1, "/admin/enrollments?limit=2&cursor="+cursor, &p)
		for _, e := range p.Enrollments {
			got[e.TokenID] = true
		}
		cursor = p.Next
	}
	if len(got) != 5 || cursor != "" {
		t.Errorf("%d identities, next %q", len(got), cursor)
	}
	var all, part page
	o.Eventually("all are on record", func() bool {
		all = page{}
		o.read(0, "/admin/audit", &all)
		return len(all.Events) >= 10
	})
	var events []api.AdminEvent
	for more := true; more; more = part.Next != "" {
		next := part.Next
		part = page{}
		o.read(1, "/admin/audit?limit=3&cursor="+next, &part)
		events = append(events, part.Events...)
	}
	if !slices.Equal(events, all.Events) {
		t.Errorf("pages %+v\nall %+v", events, all.Events)
	}
	part = page{}
	o.read(1, "/admin/audit?from="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), &part)
	if o.read(1, "/admin/audit?to="+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), &part); len(part.Events) != 0 {
		t.Errorf("%+v", part)
	}
	for _, query := range []string{"audit?limit=0", "audit?limit=101", "audit?limit=x", "audit?kind=x", "audit?from=today", "audit?to=0001-01-01T00:00:00Z", "audit?cursor=x", "audit?cursor=-1-0",
		"audit?tokenId=%0a", "sessions?status=pending", "sessions/live?service=x", "enrollments?cursor=x", "enrollments?limit=-1"} {
		o.Refused(query, o.ask(0, boss, "GET", "/admin/"+query, ""), 400, "invalid_request")
	}
	var services struct{ Services []api.ServiceView }
	o.read(0, "/admin/services", &services)
	raw, err := json.Marshal(services)
	if err != nil || len(services.Services) != 2 || services.Services[1].ServiceID != rig.Shop || services.Services[0].Kind != "public" ||
		strings.Contains(string(raw), rig.ShopSecret) {
		t.Errorf("%s %v", raw, err)
	}
}
