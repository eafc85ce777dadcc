package system

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/server"
	"countersign/test/rig"
)

// gatewaySecret is the key that requests to the gateway are signed with.
var gatewaySecret = bytes.Repeat([]byte{11}, 32)

const (
	aliceNumber = "+49170123454231"
	wrongText   = "That code is wrong."
)

// messageRig is two nodes with a gateway, and with flows: told is a message alone,
// pay is a review that chooses between a phone and a message.
func messageRig(t *testing.T, gateway string, change ...func(*server.Config)) *rig.Rig {
	t.Helper()
	return rig.New(t, rig.Options{
		Configure: func(c *server.Config) {
			c.Message.URL = gateway
			c.Outgoing.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			c.Flows = map[string]any{
				"told": map[string]any{"steps": []any{"identify", "message"}},
				"pay":  map[string]any{"steps": []any{"identify", "review", map[string]any{"name": "how", "methods": []any{"device", "message"}}}},
			}
			for _, f := range change {
				f(c)
			}
		},
		Secrets: func(s *server.Secrets) { s.Message = gatewaySecret },
	})
}

// know changes what is on record of a phone's user.
func know(t *testing.T, r *rig.Rig, p *api.Phone, change func(*device.Identity)) {
	t.Helper()
	st := r.Store(t)
	i, err := st.Identity(rig.Ctx(t), device.TokenID(p.Token))
	if err != nil {
		t.Fatal(err)
	}
	next := i
	next.Version++
	change(&next)
	if err := st.SwapIdentity(rig.Ctx(t), i, next); err != nil {
		t.Fatal(err)
	}
}

func number(of string) func(*device.Identity) {
	return func(i *device.Identity) { i.Claims = device.Claims{"phone": []byte(strconv.Quote(of))} }
}

// A text is what the gateway was given.
type text struct {
	Type      string
	Timestamp time.Time
	Data      struct {
		To, Channel, Code, Text, Language, OperationID, ServiceID, ServiceName string
		ExpiresAt                                                              time.Time
	}
}

// verified reads a request as the specification of Standard Webhooks 1.0.0 has a
// consumer do it.
func (m told) verified(t *testing.T) (x text) {
	t.Helper()
	id, stamp := m.head.Get("webhook-id"), m.head.Get("webhook-timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || strings.Contains(id, ".") {
		t.Fatalf("id %q, timestamp %q: %v", id, stamp, err)
	}
	if age := time.Since(time.Unix(at, 0)); age < -5*time.Minute || age > 5*time.Minute {
		t.Errorf("tried at %s", time.Unix(at, 0))
	}
	mac := hmac.New(sha256.New, gatewaySecret)
	mac.Write([]byte(id + "." + stamp + "." + m.body))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !slices.Contains(strings.Split(m.head.Get("webhook-signature"), " "), want) {
		t.Fatalf("the signature %q is not %q", m.head.Get("webhook-signature"), want)
	}
	if m.head.Get("Content-Type") != "application/json" {
		t.Errorf("content type %q", m.head.Get("Content-Type"))
	}
	d := json.NewDecoder(strings.NewReader(m.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil {
		t.Fatalf("%v: %s", err, m.body)
	}
	return x
}

// orderTold begins an operation of a flow by the shop, and gives its page on node n.
func orderTold(r *rig.Rig, n int, flow, token string) *rig.Page {
	return r.Open(n, r.Desk(n).Order(rig.Payment(&api.Phone{Token: token}, "name", flow)).OperationID)
}

func startMessage(p *rig.Page) api.AuthnResponse {
	return p.Send(operation.Start, "method", "message")
}

func wantFailure(t *testing.T, what string, a api.AuthnResponse, words string) {
	t.Helper()
	if !a.Success || a.Type != string(operation.Failure) || a.Data.Message == nil || a.Data.Message.Text != words {
		t.Errorf("%s: %+v, %+v", what, a, a.Data.Message)
	}
}

// otherCode is a code that is not this one.
func otherCode(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// unlike takes out of an answer what is different in every operation.
func unlike(a rig.Answer) string {
	body := regexp.MustCompile(`op_[\w-]{22}`).ReplaceAllString(string(a.Body), "op")
	body = regexp.MustCompile(`"webSocketId":"[^"]*"`).ReplaceAllString(body, "")
	body = regexp.MustCompile(`"expiresAt":"[^"]*"`).ReplaceAllString(body, "")
	head := a.Head.Clone()
	for _, name := range []string{"Date", "Content-Length", "X-Request-Id"} {
		head.Del(name)
	}
	names := make([]string, 0, len(head))
	for name := range head {
		names = append(names, name+": "+strings.Join(head[name], ", "))
	}
	slices.Sort(names)
	return http.StatusText(a.Status) + " " + strings.Join(names, "; ") + " " + body
}
