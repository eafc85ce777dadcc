package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// What the bench's one service is called, and where its pages live.
const (
	benchService = "bench"
	benchOrigin  = "http://127.0.0.1:3000"
	benchScope   = "identity:name"
)

// browserHeader is what a page's request says of itself.
const browserHeader = "Origin: " + benchOrigin + "\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"

// A benchUser is somebody who logs in: a browser at node A and a phone at node
// B, each with a connection that it keeps.
type benchUser struct {
	issuer        string
	address       int
	browser       *benchLine
	phone         *benchLine
	key           p256.PrivateKey
	token, device string
}

// newBenchUser enrols a phone. The nodes let anyone enrol.
func newBenchUser(c *benchCluster, address int) (*benchUser, error) {
	key, err := p256.GenerateKey()
	if err != nil {
		return nil, err
	}
	u := &benchUser{issuer: c.issuer, address: address, key: key}
	if u.browser, err = dialBench(c.nodes[0].address, address, 2048); err != nil {
		return nil, err
	}
	if u.phone, err = dialBench(c.nodes[1].address, address, 2048); err != nil {
		return nil, err
	}
	return u, u.enrol()
}

func (u *benchUser) close() {
	u.browser.close()
	u.phone.close()
}

func (u *benchUser) enrol() error {
	timestamp, nonce, signature := u.sign(device.EnrolPurpose, "", u.key.Public().Thumbprint())
	body, err := json.Marshal(map[string]any{"enrollmentCode": "", "publicKeyPem": u.key.Public().PEM(), "deviceName": "Phone",
		"platform": "bench", "timestamp": timestamp, "nonce": nonce, "signature": signature})
	if err != nil {
		return err
	}
	status, answer, err := u.phone.post("/enroll", "", body)
	if err != nil || status != 200 {
		return refused("enroll", status, answer, err)
	}
	u.token, u.device = textMember(answer, "tokenId"), textMember(answer, "deviceId")
	return nil
}

// sign gives what every request of a phone carries.
func (u *benchUser) sign(p device.Purpose, lines ...string) (timestamp int64, nonce, signature string) {
	timestamp, nonce = time.Now().Unix(), randomText(16)
	text := device.SignedText(p, u.issuer, append(lines, strconv.FormatInt(timestamp, 10), nonce)...)
	return timestamp, nonce, u.key.Sign(text).String()
}

// randomText is so many random bytes in base64url.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// refused is the error of a step that was answered otherwise than it must be.
// Only the code of a problem document is shown: an answer may hold secrets.
func refused(step string, status int, answer []byte, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return fmt.Errorf("%s: HTTP %d %s", step, status, textMember(answer, "code"))
}

// A benchTab is a page that has started a session and watches it.
type benchTab struct {
	session, code string
	socket        *benchLine
}

// watch starts a session at node A and opens its WebSocket there, up to the
// first message.
func (u *benchUser) watch(buffer int) (t benchTab, err error) {
	verifier := randomText(32)
	body := `{"tokenId":"` + u.token + `","serviceId":"` + benchService + `","challenge":"` + session.ChallengeOf(verifier) + `"}`
	status, answer, err := u.browser.post("/auth/initiate", browserHeader, []byte(body))
	if err != nil || status != 200 {
		return t, refused("initiate", status, answer, err)
	}
	t.session, t.code = textMember(answer, "sessionId"), textMember(answer, "autoPassword")
	wsToken := textMember(answer, "wsToken")
	if t.socket, err = dialBench(u.browser.host, u.address, buffer); err != nil {
		return t, err
	}
	header := browserHeader + "Sec-WebSocket-Protocol: countersign.v1, token." + wsToken + ", verifier." + verifier + "\r\n"
	if err = t.socket.upgrade("/ws/session/"+t.session, header); err == nil {
		_, err = t.socket.message("otp_ready")
	}
	if err != nil {
		t.socket.close()
		err = fmt.Errorf("watch: %w", err)
	}
	return t, err
}

// login is one whole login. Push is the time from sending verify until approved
// is there.
func (u *benchUser) login() (push time.Duration, err error) {
	t, err := u.watch(1024)
	if err != nil {
		return 0, err
	}
	defer t.socket.close()
	hash, err := u.claim(t)
	if err != nil {
		return 0, err
	}
	if _, err := t.socket.message("claimed"); err != nil {
		return 0, fmt.Errorf("watch: %w", err)
	}
	timestamp, nonce, signature := u.sign(device.VerifyPurpose, t.session, u.token, u.device, benchService, string(session.Approve),
		t.code, benchScope, hash)
	body := u.request(t, timestamp, nonce, signature, `,"decision":"approve","otp":"`+t.code+`","grantedScopes":["`+benchScope+
		`"],"displayHash":"`+hash+`"}`)
	sent := time.Now()
	status, answer, err := u.phone.post("/auth/verify", "", body)
	if err != nil || status != 200 {
		return 0, refused("verify", status, answer, err)
	}
	approved, err := t.socket.message("approved")
	if err != nil || textMember(approved, "jwt") == "" {
		return 0, fmt.Errorf("watch: no token: %w", err)
	}
	push = time.Since(sent)
	return push, t.socket.goodbye()
}

// claim opens the session on the phone and gives the hash of what it shows.
func (u *benchUser) claim(t benchTab) (displayHash string, err error) {
	timestamp, nonce, signature := u.sign(device.ClaimPurpose, t.session, u.token, u.device, "")
	status, answer, err := u.phone.post("/auth/claim", "", u.request(t, timestamp, nonce, signature, `,"scan":""}`))
	if err != nil || status != 200 {
		return "", refused("claim", status, answer, err)
	}
	return textMember(answer, "displayHash"), nil
}

// request writes a phone's request, ended by rest.
func (u *benchUser) request(t benchTab, timestamp int64, nonce, signature, rest string) []byte {
	return []byte(`{"sessionId":"` + t.session + `","tokenId":"` + u.token + `","deviceId":"` + u.device + `","timestamp":` +
		strconv.FormatInt(timestamp, 10) + `,"nonce":"` + nonce + `","signature":"` + signature + `"` + rest)
}
