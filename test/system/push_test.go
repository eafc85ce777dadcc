package system

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/audit"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/pushtest"
	"countersign/test/rig"
)

// pushBody is a good request to be woken at a subscription.
func pushBody(p *api.Phone, subscription string) map[string]any {
	m := rig.VerbBody(p, device.PushVerb, api.SubscriptionHash(subscription), now())
	m["subscription"] = subscription
	return m
}

// pushRig is two nodes that reach a push service on this machine.
func pushRig(t *testing.T, change ...func(*server.Config)) *rig.Rig {
	t.Helper()
	return rig.New(t, rig.Options{Configure: func(c *server.Config) {
		c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		for _, f := range change {
			f(c)
		}
	}})
}

// subscribe has a phone woken at a push service.
func subscribe(t *testing.T, p *api.Phone, s *pushtest.Service) pushtest.App {
	t.Helper()
	a := s.Subscribe()
	if out, err := p.Push(rig.Ctx(t), a.Text()); err != nil || !out.Push || out.DeviceID != p.Device {
		t.Fatalf("%+v, %v", out, err)
	}
	return a
}

// woken says whether the server would wake a phone, as its list has it.
func woken(t *testing.T, asks *api.Phone, id string) bool {
	t.Helper()
	list, err := asks.ListDevices(rig.Ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	k := slices.IndexFunc(list.Devices, func(d api.DeviceEntry) bool { return d.DeviceID == id })
	return k >= 0 && list.Devices[k].Push
}

// A phone whose app is closed is woken for what is started on any node, and what it is
// told is no more than that.
func TestPush(t *testing.T) {
	t.Parallel()
	r, s := pushRig(t), pushtest.NewService(t)
	p := r.Phone(0)
	tablet, before := r.Join(p, 1, "Alice's tablet"), time.Now()
	a := subscribe(t, p, s)
	list, err := tablet.ListDevices(rig.Ctx(t))
	if err != nil || !woken(t, p, p.Device) || woken(t, p, tablet.Device) {
		t.Errorf("%+v, %v", list, err)
	}
	b := r.Browser(1).Start(p.Token)
	got := s.Next()
	want := fmt.Sprintf(`{"type":"pending","deviceId":%q,"sessionId":%q,"expiresAt":%q}`, p.Device, b.Session.SessionID, b.Session.ExpiresAt)
	if !strings.HasSuffix(a.Endpoint, got.Path) || got.Message != want || got.Key != list.PushKey || !strings.HasSuffix(got.Claims.Subject, r.Issuer) {
		t.Errorf("%+v, want %s", got, want)
	}
	if ttl, err := time.ParseDuration(got.TTL + "s"); err != nil || ttl > 2*time.Minute || ttl < 2*time.Minute-time.Since(before)-2*time.Second {
		t.Errorf("TTL %s, %v", got.TTL, err)
	}
	r.Approve(p, b)
	subscribe(t, tablet, s)
	r.Browser(0).Start(p.Token)
	if first, second := s.Next(), s.Next(); first.Path == second.Path || first.Message == second.Message || first.Key != second.Key {
		t.Errorf("%+v, %+v", first, second)
	}
	r.Eventually("it is on record", func() bool { return strings.Count(r.Log.String(), string(audit.NoticeTaken)) == 3 })
	if r.Log.Contains(a.Endpoint) || r.Log.Contains(a.Secret()) {
		t.Error("the log has the subscription")
	}
}

// Nobody is woken whom the server does not tell of a session when they ask, and what
// the start is answered is the same.
func TestPushSilence(t *testing.T) {
	t.Parallel()
	r, s := pushRig(t), pushtest.NewService(t)
	off, revoked, rotated, locked, reporting, late := r.Phone(0), r.Phone(0), r.Phone(0), r.Phone(0), r.Phone(0), r.Phone(0)
	for _, p := range []*api.Phone{off, revoked, rotated, locked, reporting, late} {
		subscribe(t, p, s)
	}
	ctx := rig.Ctx(t)
	if out, err := off.Push(ctx, ""); err != nil || out.Push || woken(t, off, off.Device) {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := revoked.Revoke(ctx, revoked.Device); err != nil {
		t.Error(err)
	}
	if _, err := rotated.Rotate(ctx, newKey(t)); err != nil || woken(t, rotated, rotated.Device) {
		t.Errorf("rotated: %v", err)
	}
	if _, err := locked.Lock(ctx, 1); err != nil {
		t.Error(err)
	}
	b := r.Browser(0).Start(reporting.Token)
	if got := s.Next(); !strings.Contains(got.Message, b.Session.SessionID) {
		t.Errorf("%+v", got)
	}
	claimed, err := reporting.Claim(ctx, b.Session.SessionID, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reporting.Verify(ctx, claimed, session.Report, "", nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*api.Phone{off, revoked, rotated, locked, reporting} {
		r.Browser(1).Start(p.Token)
	}
	r.Browser(1).Start(string(device.NewTokenID()))
	b = r.Browser(1).Start(late.Token)
	if got := s.Next(); !strings.Contains(got.Message, b.Session.SessionID) || s.Waiting() > 0 {
		t.Errorf("somebody else was woken: %+v", got)
	}
}

// Whoever starts many sessions at somebody wakes them a few times, and then there is
// silence: nothing else changes.
func TestPushBudget(t *testing.T) {
	t.Parallel()
	s := pushtest.NewService(t)
	r := pushRig(t, func(c *server.Config) {
		many := server.Rate{N: 1_000_000, Per: time.Minute}
		c.Limits.Disabled, c.Limits.InitiatePerIP, c.Limits.EnrollPerIP, c.Limits.VerifyPerIP = false, many, many, many
		c.Limits.PendingPerUser, c.Limits.PushesPerUser = 5, server.Rate{N: 2, Per: time.Hour}
	})
	p := r.Phone(0)
	subscribe(t, p, s)
	for n := range 2 {
		b := r.Browser(n).Start(p.Token)
		if got := s.Next(); !strings.Contains(got.Message, b.Session.SessionID) {
			t.Errorf("%+v", got)
		}
	}
	for n := range 2 {
		r.Browser(n).Start(p.Token)
	}
	r.Eventually("the silence is on record", func() bool {
		return strings.Count(r.Log.String(), string(audit.RequestsLimited)) == 2 // by each node
	})
	if waits, err := p.Pending(rig.Ctx(t)); err != nil || len(waits.Sessions) != 4 || s.Waiting() > 0 {
		t.Errorf("%+v, %v, %d more pushes", waits, err, s.Waiting())
	}
}

// What the push service does not know any more is forgotten, and asked for no more.
func TestPushGone(t *testing.T) {
	t.Parallel()
	r, s := pushRig(t), pushtest.NewService(t, 410)
	p := r.Phone(0)
	subscribe(t, p, s)
	r.Browser(0).Start(p.Token)
	s.Next()
	r.Eventually("the subscription is forgotten", func() bool { return !woken(t, p, p.Device) })
	r.Browser(0).Start(p.Token)
	subscribe(t, p, s)
	s.Answer(429, 503)
	b := r.Browser(1).Start(p.Token)
	for range 3 {
		if got := s.Next(); !strings.Contains(got.Message, b.Session.SessionID) {
			t.Errorf("%+v", got)
		}
	}
}

// What is no subscription is refused by its form; where an address leads is looked at
// when it is connected to.
func TestPushForms(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) { c.Outgoing.Allow = nil }})
	p := r.Phone(0)
	good := pushtest.NewApp(t, "https://push.example/1")
	at := func(endpoint string) string { a := good; a.Endpoint = endpoint; return a.Text() }
	for member, texts := range map[string][]string{
		"subscription": {"x", " ", "[]", "{}x", strings.Repeat(" ", 2048) + good.Text(), `{"endpoint":null}`, `{"endpoint":"https://push.example/1","endpoint":"https://push.example/2"}`},
		"subscription.endpoint": {"{}", at(""), at("push.example"), at("ftp://push.example/1"), at("https:///1"), at("https://alice@push.example/1"), at("https://push.example/#1"),
			at("https://push.example/ü"), at("https://push.example/a b"), at("https://push.example/" + strings.Repeat("a", 1024)), at("javascript:alert(1)"),
			at("https://127.0.0.1/1"), at("https://localhost/1"), at("https://[::1]/1"), at("https://10.0.0.1/1"), at("https://169.254.169.254/latest/meta-data")},
		"subscription.keys.p256dh": {strings.Replace(good.Text(), `"p256dh":"B`, `"p256dh":"C`, 1), strings.Replace(good.Text(), good.P256DH(), "", 1),
			strings.Replace(good.Text(), good.P256DH(), good.P256DH()+"=", 1), strings.Replace(good.Text(), good.P256DH(), good.P256DH()[:40]+"AAAAAAAA"+good.P256DH()[48:], 1)},
		"subscription.keys.auth": {strings.Replace(good.Text(), good.Secret(), good.Secret()[:20], 1), strings.Replace(good.Text(), good.Secret(), good.Secret()+"AA", 1),
			strings.Replace(good.Text(), good.Secret(), good.Secret()+"==", 1)},
	} {
		for _, text := range texts {
			a := verb(r, device.PushVerb, pushBody(p, text))
			r.Refused(text, a, 400, "invalid_request")
			if !strings.HasSuffix(a.Problem.Detail, member) {
				t.Errorf("%s: %s", text, a.Problem.Detail)
			}
		}
	}
	// The text is what is signed: the same in another writing is another.
	body := pushBody(p, good.Text())
	body["subscription"] = good.Text() + " "
	r.Refused("another writing", verb(r, device.PushVerb, body), 400, "invalid_request")
	if woken(t, p, p.Device) {
		t.Error("something had an effect")
	}
	r.Into(verb(r, device.PushVerb, pushBody(p, good.Text())), new(api.PushResponse))
	off := pushBody(p, "")
	delete(off, "subscription") // absent is empty
	r.Into(verb(r, device.PushVerb, off), new(api.PushResponse))
	if woken(t, p, p.Device) {
		t.Error("it was not switched off")
	}
}
