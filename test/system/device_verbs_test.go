package system

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/server"
	"countersign/session"
	"countersign/test/pushtest"
	"countersign/test/rig"
)

// verb sends a request about devices to node 0.
func verb(r *rig.Rig, v device.Verb, body map[string]any) rig.Answer {
	return r.Send(0, http.MethodPost, "/device/"+string(v), rig.JSON(body))
}

// newKey makes a key for a rotation.
func newKey(t *testing.T) p256.PrivateKey {
	t.Helper()
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rotateBody is a good rotation to key.
func rotateBody(p *api.Phone, key p256.PrivateKey, timestamp int64) map[string]any {
	m := rig.VerbBody(p, device.RotateVerb, key.Public().Thumbprint(), timestamp)
	nonce, _ := m["nonce"].(string)
	text := device.VerbText(device.RotateVerb, p.Client.Issuer, device.TokenID(p.Token), device.ID(p.Device), key.Public().Thumbprint(), timestamp, device.Nonce(nonce))
	x, y := key.Public().JWK()
	m["publicKeyJwk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y}
	m["newSignature"] = key.Sign(text).String()
	return m
}

// verbBodies are a good request of each verb.
func verbBodies(t *testing.T, p *api.Phone) map[device.Verb]map[string]any {
	t.Helper()
	return map[device.Verb]map[string]any{
		device.ListVerb:    rig.VerbBody(p, device.ListVerb, "", now()),
		device.RenameVerb:  rig.VerbBody(p, device.RenameVerb, "Alice’s old phone", now()),
		device.RevokeVerb:  rig.VerbBody(p, device.RevokeVerb, string(device.NewID()), now()),
		device.LockVerb:    rig.VerbBody(p, device.LockVerb, "1", now()),
		device.CodeVerb:    rig.VerbBody(p, device.CodeVerb, "", now()),
		device.RotateVerb:  rotateBody(p, newKey(t), now()),
		device.OfflineVerb: offlineBody(t, p, now()),
		device.MethodsVerb: rig.VerbBody(p, device.MethodsVerb, "message passkey", now()),
		device.PushVerb:    pushBody(p, pushtest.NewApp(t, "https://push.example/1").Text()),
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	second := r.Join(p, 1, "Alice's tablet")
	if second.Token != p.Token || second.Device == p.Device {
		t.Errorf("joined as %s of %s", second.Device, second.Token)
	}
	if out, err := p.Rename(rig.Ctx(t), "Alice’s “old” phone <1>"); err != nil || out.DeviceID != p.Device || out.DeviceName != "Alice’s “old” phone <1>" {
		t.Errorf("%+v, %v", out, err)
	}
	list, err := second.ListDevices(rig.Ctx(t))
	if err != nil || len(list.Devices) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []struct {
		phone *api.Phone
		name  string
	}{{p, "Alice’s “old” phone <1>"}, {second, "Alice's tablet"}} {
		if d := list.Devices[i]; d.DeviceID != want.phone.Device || d.DeviceName != want.name || d.Platform != "test" ||
			d.Current != (i == 1) || !wholeSecond.MatchString(d.CreatedAt) {
			t.Errorf("%+v", d)
		}
	}
	b := r.Browser(1).Start(p.Token)
	if out, err := second.Revoke(rig.Ctx(t), p.Device); err != nil || out.DeviceID != p.Device || !out.Revoked {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := p.Claim(rig.Ctx(t), b.Session.SessionID, ""); api.CodeOf(err) != "unknown_device" {
		t.Errorf("a revoked phone claims: %v", err)
	}
	if list, err := second.ListDevices(rig.Ctx(t)); err != nil || len(list.Devices) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	r.Approve(second, b)
	if _, err := second.Revoke(rig.Ctx(t), second.Device); err != nil { // itself, the last
		t.Error(err)
	}
	if _, err := second.ListDevices(rig.Ctx(t)); api.CodeOf(err) != "unknown_device" {
		t.Error(err)
	}
}

// Each verb refuses in the order of the contract, and nothing that is refused has
// an effect.
func TestDeviceRefusals(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p, other := r.Phone(0), r.Phone(0)
	stale := func(m map[string]any) { m["timestamp"] = now() - 60 }
	stranger := func(m map[string]any) { m["deviceId"] = other.Device }
	unsigned := func(m map[string]any) { m["signature"] = "AAAA" }
	malformed := func(m map[string]any) { m["nonce"] = "AAAA" }
	for _, q := range []struct {
		what    string
		changes []func(map[string]any)
		status  int
		code    string
	}{
		{"form first", []func(map[string]any){malformed, stale, stranger, unsigned}, 400, "invalid_request"},
		{"then the clock", []func(map[string]any){stale, stranger, unsigned}, 401, "stale_timestamp"},
		{"then the device", []func(map[string]any){stranger, unsigned}, 401, "unknown_device"},
		{"then the signature", []func(map[string]any){unsigned}, 401, "invalid_signature"},
		{"another verb's", []func(map[string]any){func(m map[string]any) {
			m["signature"] = rig.VerbBody(p, "x", "", now())["signature"]
		}}, 401, "invalid_signature"},
	} {
		for v, body := range verbBodies(t, p) {
			for _, change := range q.changes {
				change(body)
			}
			a := verb(r, v, body)
			r.Refused(string(v)+": "+q.what, a, q.status, q.code)
			if q.code == "stale_timestamp" && a.Problem.ServerTime == "" {
				t.Errorf("%s: no serverTime", v)
			}
		}
	}
	if _, err := p.Pending(rig.Ctx(t)); err != nil {
		t.Errorf("something had an effect: %v", err)
	}
	for _, path := range []string{"/device/ws", "/device/", "/device/list/x", "/device"} {
		r.Refused(path, r.Send(0, http.MethodPost, path, rig.JSON(rig.VerbBody(p, "push", "", now()))), 404, "not_found")
	}
	r.Refused("GET", r.Send(0, http.MethodGet, "/device/list", ""), 405, "method_not_allowed")
}

func TestDeviceArguments(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	p := r.Phone(0)
	for v, arguments := range map[device.Verb][]string{
		device.ListVerb: {"x"}, device.CodeVerb: {"x"},
		device.RenameVerb: {"", strings.Repeat("ä", 65), "a\u202eb", "a\nb", "a\x7fb", "a\u0085b"},
		device.RevokeVerb: {"", "a b", strings.Repeat("x", 65)},
		device.PushVerb:   {"", "x", api.SubscriptionHash("another")},
		device.LockVerb:   {"", "0", "721", "1.5", "-1", "+1", "01", "1h", " 1", "99999999999999999999"},
		device.RotateVerb: {"", newKey(t).Public().Thumbprint()},
		device.MethodsVerb: {" ", "device", "identify", "review", "consent", "telepathy", "passkey message", "message message", "message  passkey",
			"message,passkey", " message", "message ", "Message"},
	} {
		for _, argument := range arguments {
			body := rig.VerbBody(p, v, argument, now())
			if v == device.RotateVerb {
				body = rotateBody(p, newKey(t), now())
				body["argument"] = argument
			}
			a := verb(r, v, body)
			r.Refused(string(v)+" "+argument, a, 400, "invalid_request")
			if !strings.Contains(a.Problem.Detail, "argument") {
				t.Errorf("%s: %s", v, a.Problem.Detail)
			}
		}
	}
	longest := rig.VerbBody(p, device.RenameVerb, strings.Repeat("ä", 64), now())
	r.Into(verb(r, device.RenameVerb, longest), new(api.RenameResponse))
	for _, missing := range []string{"newSignature", "publicKeyJwk"} {
		body := rotateBody(p, newKey(t), now())
		delete(body, missing)
		r.Refused("no "+missing, verb(r, device.RotateVerb, body), 400, "invalid_request")
	}
	body := rotateBody(p, newKey(t), now()-60)
	delete(body, "publicKeyJwk")
	body["publicKeyPem"] = otherCurve(t)
	r.Refused("another curve, before the clock", verb(r, device.RotateVerb, body), 400, "invalid_key")
	body = rig.VerbBody(p, device.ListVerb, "", now())
	delete(body, "argument") // absent is empty
	r.Into(verb(r, device.ListVerb, body), new(api.DeviceList))
	r.Refused("a device of nobody", verb(r, device.RevokeVerb, rig.VerbBody(p, device.RevokeVerb, "dev_x", now())), 404, "device_not_found")
	other := r.Phone(0)
	r.Refused("a device of another", verb(r, device.RevokeVerb, rig.VerbBody(p, device.RevokeVerb, other.Device, now())), 404, "device_not_found")
}

// A request counts once, on whichever node it comes again, whatever it did: a
// lock stands before the nonce.
func TestDeviceReplays(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	for _, v := range []device.Verb{device.ListVerb, device.RenameVerb, device.RevokeVerb, device.CodeVerb} {
		body := rig.JSON(verbBodies(t, p)[v])
		first := r.Send(0, http.MethodPost, "/device/"+string(v), body)
		if v == device.RevokeVerb {
			r.Refused("the first", first, 404, "device_not_found")
		} else if first.Status != http.StatusOK {
			t.Errorf("%s: %d %s", v, first.Status, first.Body)
		}
		r.Refused(string(v)+" again", r.Send(1, http.MethodPost, "/device/"+string(v), body), 409, "replayed")
	}
	key := newKey(t)
	body := rotateBody(p, key, now())
	body["newSignature"] = "AAAA"
	r.Refused("a bad new signature", verb(r, device.RotateVerb, body), 401, "invalid_signature")
	r.Refused("again, before it is looked at", verb(r, device.RotateVerb, body), 409, "replayed")
	lock := rig.VerbBody(p, device.LockVerb, "1", now())
	r.Into(verb(r, device.LockVerb, lock), new(api.LockResponse))
	r.Refused("a lock again", verb(r, device.LockVerb, lock), 429, "locked")
}

func TestRotatedKey(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	second := r.Join(p, 0, "Alice's tablet")
	before := *p
	b := r.Browser(1).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	claimed := r.Claim(p, b.Session.SessionID, "")
	b.Expect(session.ClaimedMessage)
	key := newKey(t)
	if out, err := p.Rotate(rig.Ctx(t), key); err != nil || out.DeviceID != before.Device || !p.Key.Public().Equal(key.Public()) {
		t.Fatalf("%+v, %v", out, err)
	}
	scopes := []string{"identity:name"}
	if _, err := before.Verify(rig.Ctx(t), claimed, session.Approve, b.Session.AutoPassword, scopes); api.CodeOf(err) != "invalid_signature" {
		t.Errorf("the old key approves: %v", err)
	}
	b.Expect(session.RejectedMessage) // its watcher is told of that
	if _, err := r.At(p, 1).Verify(rig.Ctx(t), claimed, session.Approve, b.Session.AutoPassword, scopes); err != nil {
		t.Errorf("the new key, what the old one claimed: %v", err)
	}
	if m := b.Expect(session.ApprovedMessage); m.JWT == "" {
		t.Errorf("%+v", m)
	}
	r.Approve(p, r.Browser(0).Start(p.Token))
	for what, taken := range map[string]p256.PrivateKey{"its own key": key, "its old key": before.Key, "another device's": second.Key} {
		if _, err := p.Rotate(rig.Ctx(t), taken); api.CodeOf(err) != "already_enrolled" {
			t.Errorf("rotate to %s: %v", what, err)
		}
		x := r.NewPhone(0)
		x.Key = taken
		if _, err := x.Enrol(rig.Ctx(t), "", "x", "test"); api.CodeOf(err) != "already_enrolled" {
			t.Errorf("enrol %s: %v", what, err)
		}
	}
	// A token signed before the rotation is still made of the same proof.
	late := r.Browser(0).Start(p.Token)
	r.Approve(p, late)
	if _, err := p.Rotate(rig.Ctx(t), newKey(t)); err != nil {
		t.Fatal(err)
	}
	if m := rig.Expect(t, late.At(1).Dial(), session.ApprovedMessage); m.JWT == "" {
		t.Errorf("%+v", m)
	}
	if list, err := p.ListDevices(rig.Ctx(t)); err != nil || len(list.Devices) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A lock by one phone stops all of them, makes decoys of starts, and ends when an
// operator lifts it.
func TestOwnersLock(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	p := r.Phone(0)
	second, other := r.Join(p, 1, "Alice's tablet"), r.Phone(1)
	out, err := p.Lock(rig.Ctx(t), 720)
	if err != nil {
		t.Fatal(err)
	}
	until, err := time.Parse(time.RFC3339, out.LockedUntil)
	if left := time.Until(until) - 720*time.Hour; err != nil || left < -time.Minute || left > time.Minute {
		t.Errorf("until %v, %v", until, err)
	}
	b := r.Browser(1).Start(p.Token).Watch()
	b.Expect(session.OTPReady)
	for _, x := range []*api.Phone{p, second} {
		_, pending := x.Pending(rig.Ctx(t))
		_, claim := x.Claim(rig.Ctx(t), b.Session.SessionID, "")
		_, list := x.ListDevices(rig.Ctx(t))
		_, lock := x.Lock(rig.Ctx(t), 1)
		for _, err := range []error{pending, claim, list, lock} {
			if api.CodeOf(err) != "locked" {
				t.Errorf("%v", err)
			}
		}
	}
	a := r.Send(0, http.MethodPost, "/auth/pending", rig.JSON(rig.PendingBody(p, now())))
	const longest = 720 * 60 * 60
	if after, err := strconv.Atoi(a.Head.Get("Retry-After")); err != nil || after > longest+1 || after < longest-60 {
		t.Errorf("Retry-After %d, %v", after, err)
	}
	good := r.Post(0, initiate, rig.JSON(map[string]any{"serviceId": rig.Service, "tokenId": other.Token}))
	decoy := r.Post(0, initiate, rig.JSON(map[string]any{"serviceId": rig.Service, "tokenId": p.Token}))
	if shape(good) != shape(decoy) {
		t.Errorf("a locked identity shows:\n%s\n%s", good.Body, decoy.Body)
	}
	tools := &server.Operators{Store: r.Store(t), Registry: r.Nodes[1].Server.Registry()}
	if err := tools.Unlock(rig.Ctx(t), device.TokenID(p.Token)); err != nil {
		t.Fatal(err)
	}
	r.Approve(second, r.Browser(0).Start(p.Token))
}

// What phones ask is counted against the caller's address, a bad signature too.
func TestDeviceLimits(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		c.Limits.Disabled = false
		c.Limits.VerifyPerIP = server.Rate{N: 3, Per: time.Hour}
	}})
	p := r.Phone(0)
	body := rig.VerbBody(p, device.ListVerb, "", now())
	body["signature"] = "AAAA"
	for range 3 {
		r.Refused("a bad signature", verb(r, device.ListVerb, body), 401, "invalid_signature")
	}
	if _, err := p.ListDevices(rig.Ctx(t)); api.CodeOf(err) != "rate_limited" {
		t.Error(err)
	}
	if _, err := p.Rename(rig.Ctx(t), "x"); err != nil { // counted apart
		t.Error(err)
	}
	var problem *api.Problem
	if _, err := p.ListDevices(rig.Ctx(t)); !errors.As(err, &problem) || problem.Status != http.StatusTooManyRequests {
		t.Error(err)
	}
}
