package system

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"countersign/api"
	"countersign/device"
	"countersign/server"
	"countersign/test/rig"
)

func withCode(c *server.Config) { c.Enrollment = "code" }

// newCode makes an identity and a code for it, as an operator does.
func newCode(t *testing.T, r *rig.Rig, c device.Claims) (device.TokenID, string) {
	t.Helper()
	reg := r.Nodes[0].Server.Registry()
	i, err := reg.Add(rig.Ctx(t), c)
	if err != nil {
		t.Fatal(err)
	}
	code, _, err := reg.NewCode(rig.Ctx(t), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	return i.ID, string(code)
}

// enrolBody is a good enrolment.
func enrolBody(p *api.Phone, code string, timestamp int64) map[string]any {
	nonce := rig.NewNonce()
	text := device.SignedText(device.EnrolPurpose, p.Client.Issuer, code, p.Key.Public().Thumbprint(), strconv.FormatInt(timestamp, 10), nonce)
	return map[string]any{"enrollmentCode": code, "publicKeyPem": p.Key.Public().PEM(), "deviceName": "Bob's phone", "platform": "ios",
		"timestamp": timestamp, "nonce": nonce, "signature": p.Key.Sign(text).String()}
}

func enrol(r *rig.Rig, n int, body map[string]any) rig.Answer {
	return r.Send(n, http.MethodPost, "/enroll", rig.JSON(body))
}

func TestEnrol(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: withCode})
	token, code := newCode(t, r, nil)
	p := r.NewPhone(0)
	a := enrol(r, 0, enrolBody(p, code, now()))
	var e api.EnrolResponse
	r.Into(a, &e)
	if !e.Enrolled || e.TokenID != string(token) || !strings.HasPrefix(e.DeviceID, "dev_") || len(e.DeviceID) != 26 || !wholeSecond.MatchString(e.CreatedAt) {
		t.Errorf("%s", a.Body)
	}
	i, err := r.Nodes[1].Server.Registry().Store.Identity(rig.Ctx(t), token)
	if err != nil || len(i.Devices) != 1 || i.Devices[0].Name != "Bob's phone" || i.Devices[0].Platform != "ios" || !i.Devices[0].Key.Equal(p.Key.Public()) {
		t.Errorf("%+v, %v", i, err)
	}
	// A JWK is as good as a PEM, a code may be typed in lower case, and a second
	// phone joins the same identity.
	code2, _, err := r.Nodes[1].Server.Registry().NewCode(rig.Ctx(t), token)
	if err != nil {
		t.Fatal(err)
	}
	second := r.NewPhone(1)
	body := enrolBody(second, string(code2), now())
	delete(body, "publicKeyPem")
	x, y := second.Key.Public().JWK()
	body["publicKeyJwk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "kid": "whatever"}
	r.Into(enrol(r, 1, body), &e)
	if e.TokenID != string(token) {
		t.Errorf("joined %s, want %s", e.TokenID, token)
	}
}

// otherCurve is a P-384 key as PEM.
func otherCurve(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestEnrolRefusals(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: withCode})
	_, code := newCode(t, r, nil)
	x, y := r.NewPhone(0).Key.Public().JWK()
	jwk := func(change func(m map[string]any)) map[string]any {
		m := map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y}
		change(m)
		return m
	}
	for _, q := range []struct {
		what   string
		change func(m map[string]any)
		status int
		code   string
	}{
		{"no code", func(m map[string]any) { delete(m, "enrollmentCode") }, 401, "invalid_signature"},
		{"a line break in the code", func(m map[string]any) { m["enrollmentCode"] = code + "\n" }, 400, "invalid_request"},
		{"no key", func(m map[string]any) { delete(m, "publicKeyPem") }, 400, "invalid_request"},
		{"two keys", func(m map[string]any) { m["publicKeyJwk"] = jwk(func(map[string]any) {}) }, 400, "invalid_request"},
		{"no name", func(m map[string]any) { delete(m, "deviceName") }, 400, "invalid_request"},
		{"empty name", func(m map[string]any) { m["deviceName"] = "" }, 400, "invalid_request"},
		{"long name", func(m map[string]any) { m["deviceName"] = strings.Repeat("ä", 65) }, 400, "invalid_request"},
		{"turned name", func(m map[string]any) { m["deviceName"] = "a\u202eb" }, 400, "invalid_request"},
		{"null platform", func(m map[string]any) { m["platform"] = nil }, 400, "invalid_request"},
		{"timestamp as text", func(m map[string]any) { m["timestamp"] = "1" }, 400, "invalid_request"},
		{"short nonce", func(m map[string]any) { m["nonce"] = "AAAA" }, 400, "invalid_request"},
		{"padded nonce", func(m map[string]any) { m["nonce"] = rig.NewNonce() + "==" }, 400, "invalid_request"},
		{"no signature", func(m map[string]any) { delete(m, "signature") }, 400, "invalid_request"},
		{"form before key", func(m map[string]any) { m["publicKeyPem"], m["nonce"] = "x", "" }, 400, "invalid_request"},
		{"no PEM", func(m map[string]any) { m["publicKeyPem"] = "x" }, 400, "invalid_key"},
		{"another curve", func(m map[string]any) { m["publicKeyPem"] = otherCurve(t) }, 400, "invalid_key"},
		{"off the curve", func(m map[string]any) {
			delete(m, "publicKeyPem")
			m["publicKeyJwk"] = jwk(func(m map[string]any) { m["y"] = x })
		}, 400, "invalid_key"},
		{"a private key", func(m map[string]any) {
			delete(m, "publicKeyPem")
			m["publicKeyJwk"] = jwk(func(m map[string]any) { m["d"] = x })
		}, 400, "invalid_key"},
		{"key before signature", func(m map[string]any) { m["publicKeyPem"], m["signature"] = "x", "x" }, 400, "invalid_key"},
		{"stale", func(m map[string]any) { m["timestamp"] = now() - 60 }, 401, "stale_timestamp"},
		{"another key's signature", func(m map[string]any) { m["publicKeyPem"] = r.NewPhone(0).Key.Public().PEM() }, 401, "invalid_signature"},
		{"signature before code", func(m map[string]any) { m["enrollmentCode"] = "x" }, 401, "invalid_signature"},
	} {
		body := enrolBody(r.NewPhone(0), code, now())
		q.change(body)
		r.Refused(q.what, enrol(r, 0, body), q.status, q.code)
	}
	p := r.NewPhone(0)
	for what, unknown := range map[string]string{"a code of nobody": string(device.NewEnrolmentCode()), "no code at all": "x", "the empty code": ""} {
		r.Refused(what, enrol(r, 0, enrolBody(p, unknown, now())), 404, "code_unknown")
	}
	body := enrolBody(p, code, now())
	r.Into(enrol(r, 0, body), new(api.EnrolResponse)) // none of all that spent the code
	r.Refused("the same request again", enrol(r, 0, body), 409, "replayed")
	r.Refused("the code again", enrol(r, 0, enrolBody(r.NewPhone(0), code, now())), 404, "code_unknown")
	r.Refused("code before key", enrol(r, 0, enrolBody(p, code, now())), 404, "code_unknown")
	_, code = newCode(t, r, nil)
	r.Refused("the key again", enrol(r, 0, enrolBody(p, code, now())), 409, "already_enrolled")
	r.Into(enrol(r, 0, enrolBody(r.NewPhone(0), code, now())), new(api.EnrolResponse))
}

func TestCodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Configure: withCode})
	token, code := newCode(t, r, nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	codes := map[string]int{}
	for i := range 20 {
		p := r.NewPhone(i % 2)
		wg.Go(func() {
			_, err := p.Enrol(rig.Ctx(t), code, "Alice's phone", "test")
			mu.Lock()
			defer mu.Unlock()
			codes[api.CodeOf(err)]++
			if err == nil && p.Token != string(token) {
				t.Errorf("enrolled for %s", p.Token)
			}
		})
	}
	wg.Wait()
	if codes[""] != 1 || codes["code_unknown"] != 19 {
		t.Errorf("answers %v, want one enrolment and 19 unknown codes", codes)
	}
	if i, err := r.Nodes[0].Server.Registry().Store.Identity(rig.Ctx(t), token); err != nil || len(i.Devices) != 1 {
		t.Errorf("%d devices, %v", len(i.Devices), err)
	}
}

func TestOpenEnrolment(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1})
	a, b := r.Phone(0), r.Phone(0)
	if a.Token == b.Token || a.Device == b.Device {
		t.Error("two phones, one identity")
	}
	token, code := newCode(t, r, nil) // a code counts here too
	p := r.NewPhone(0)
	if e, err := p.Enrol(rig.Ctx(t), code, "Alice's phone", "test"); err != nil || e.TokenID != string(token) {
		t.Errorf("%+v, %v", e, err)
	}
	r.Refused("a used code", enrol(r, 0, enrolBody(r.NewPhone(0), code, now())), 404, "code_unknown")
	r.Refused("the key again", enrol(r, 0, enrolBody(a, "", now())), 409, "already_enrolled")
}
