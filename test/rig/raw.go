package rig

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"countersign/api"
	"countersign/device"
	"countersign/session"
)

// An Answer is what a raw request got.
type Answer struct {
	Status  int
	Head    http.Header
	Body    []byte
	Problem api.Problem // of an error
	Err     error       // no answer came
}

// Into reads the body of a good answer.
func (r *Rig) Into(a Answer, v any) {
	r.T.Helper()
	if a.Err != nil || a.Status != http.StatusOK {
		r.T.Fatalf("answered %d %s, %v", a.Status, a.Body, a.Err)
	}
	if err := json.Unmarshal(a.Body, v); err != nil {
		r.T.Fatalf("%v in %s", err, a.Body)
	}
}

// Send sends a request to node n byte by byte as given; head is names and
// values in turn. The body of a POST is JSON unless head says otherwise. It may
// be used from any goroutine.
func (r *Rig) Send(n int, method, path, body string, head ...string) Answer {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	q, err := http.NewRequestWithContext(Ctx(r.T), method, r.Nodes[n].Base+path, in)
	if err != nil {
		return Answer{Err: err}
	}
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(head); i += 2 {
		q.Header.Del(head[i])
	}
	for i := 0; i+1 < len(head); i += 2 {
		if head[i+1] != "" {
			q.Header.Add(head[i], head[i+1])
		}
	}
	resp, err := r.HTTP.Do(q)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode, Head: resp.Header}
	if a.Body, a.Err = io.ReadAll(resp.Body); a.Err == nil && a.Status >= http.StatusBadRequest {
		a.Err = json.Unmarshal(a.Body, &a.Problem)
	}
	return a
}

// Post sends JSON as a page of the public service does.
func (r *Rig) Post(n int, path, body string, head ...string) Answer {
	return r.Send(n, http.MethodPost, path, body, append([]string{"Origin", Origin}, head...)...)
}

// Refused checks that an answer is an error with a status and a code.
func (r *Rig) Refused(what string, a Answer, status int, code string) {
	r.T.Helper()
	if a.Err != nil || a.Status != status || a.Problem.Code != code {
		r.T.Errorf("%s: got %d %s (%v), want %d %s", what, a.Status, a.Body, a.Err, status, code)
	}
}

// BasicAuth is the Authorization header of a service.
func BasicAuth(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// NewNonce makes a nonce.
func NewNonce() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// JSON writes members as a JSON object.
func JSON(members map[string]any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(members); err != nil {
		panic(err) // the test's own values
	}
	return strings.TrimSpace(b.String())
}

// Signed gives the members of a phone's request, signed; lines are those
// between the ids and the timestamp.
func Signed(p *api.Phone, purpose device.Purpose, timestamp int64, lines ...string) map[string]any {
	nonce := NewNonce()
	text := device.SignedText(purpose, p.Client.Issuer, append(lines, strconv.FormatInt(timestamp, 10), nonce)...)
	return map[string]any{"tokenId": p.Token, "deviceId": p.Device, "timestamp": timestamp, "nonce": nonce, "signature": p.Key.Sign(text).String()}
}

// ClaimBody is a good claim.
func ClaimBody(p *api.Phone, sessionID, scan string, timestamp int64) map[string]any {
	m := Signed(p, device.ClaimPurpose, timestamp, sessionID, p.Token, p.Device, scan)
	m["sessionId"], m["scan"] = sessionID, scan
	return m
}

// VerifyBody is a verification of a claimed session.
func VerifyBody(p *api.Phone, c api.Claimed, decision session.Decision, otp string, timestamp int64, scopes ...string) map[string]any {
	hash := session.DisplayHash(c.Display)
	m := Signed(p, device.VerifyPurpose, timestamp, c.SessionID, p.Token, p.Device, c.ServiceID, string(decision), otp, strings.Join(scopes, " "), hash)
	m["sessionId"], m["decision"], m["otp"], m["grantedScopes"], m["displayHash"] = c.SessionID, decision, otp, append([]string{}, scopes...), hash
	return m
}

// PendingBody is a good question for what waits.
func PendingBody(p *api.Phone, timestamp int64) map[string]any {
	return Signed(p, device.PendingPurpose, timestamp, p.Token, p.Device)
}

// WrongCode is a code that is not code.
func WrongCode(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}
