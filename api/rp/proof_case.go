package rp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The lines of the text that a phone signs when it decides.
const (
	linePurpose = iota
	lineIssuer
	lineSession
	lineUser
	linePhone
	lineService
	lineDecision
	lineCode
	lineScopes
	lineDisplay
	lineTime
	lineNonce
	lineCount
)

// The lines that make a text an approval.
const (
	decides  = "countersign-verify-v1"
	approves = "approve"
)

// loginName is what a login is called that no back end has called otherwise.
const loginName = "login"

// A proofCase is a proof taken apart; nothing of it is believed yet.
type proofCase struct {
	proof Proof
	said  *Ordered         // nil: it came alone
	key   *ecdsa.PublicKey // nil: it has none
	lines []string         // as many as there should be; nil: the text has others
	shown display
	reads bool // the display is one
}

// A display is what of one is compared.
type display struct {
	issuer, serviceID, serviceName string
	operation                      *signedOperation // nil: it shows none
}

type signedOperation struct {
	name, data string
	form       json.RawMessage
}

func openCase(p Proof, said *Ordered) proofCase {
	c := proofCase{proof: p, said: said, key: p.Key.parse()}
	if lines := strings.Split(p.Text, "\n"); len(lines) == lineCount {
		c.lines = lines
	}
	c.shown, c.reads = parseDisplay(p.Display)
	return c
}

// parse gives the key, or nil.
func (k JWK) parse() *ecdsa.PublicKey {
	if k.KeyType != "EC" || k.Curve != "P-256" {
		return nil
	}
	point := []byte{4}
	for _, s := range []string{k.X, k.Y} {
		// A decoder skips newlines; both lengths together leave no room for one.
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil || len(b) != 32 || len(s) != 43 {
			return nil
		}
		point = append(point, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil
	}
	return key
}

// thumbprint is the key's name (RFC 7638).
func (k JWK) thumbprint() string {
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + k.X + `","y":"` + k.Y + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// line is a line of the text; empty: it has not so many.
func (c proofCase) line(i int) string {
	if c.lines == nil {
		return ""
	}
	return c.lines[i]
}

// at is when it was signed.
func (c proofCase) at() (time.Time, bool) {
	seconds, err := strconv.ParseInt(c.line(lineTime), 10, 64)
	const lastYear = 253402300799 // 9999-12-31, the last that RFC 3339 can write
	if err != nil || seconds < 0 || seconds > lastYear || strconv.FormatInt(seconds, 10) != c.line(lineTime) {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0).UTC(), true
}

// approval is what a proof says that holds.
func (c proofCase) approval() *Approval {
	at, _ := c.at()
	a := &Approval{At: at, TokenID: c.line(lineUser), DeviceID: c.line(linePhone), Thumbprint: c.proof.Key.thumbprint(), ServiceID: c.shown.serviceID,
		ServiceName: c.shown.serviceName, SessionID: c.line(lineSession), Name: loginName}
	if o := c.shown.operation; o != nil {
		a.Name, a.Data, a.Form = o.name, o.data, o.form
	}
	return a
}

// parseDisplay reads a display. What one reader takes for another thing than the next
// is none, and shows no operation.
func parseDisplay(text string) (d display, ok bool) {
	top, ok := members([]byte(text))
	service, well := members(top["service"])
	ok = ok && well && textOf(top, "issuer", &d.issuer) && textOf(service, "id", &d.serviceID) && textOf(service, "name", &d.serviceName)
	if !ok || !strictJSON([]byte(text)) {
		return d, false
	}
	o, ok := members(top["operation"])
	if !ok || o == nil {
		return d, ok
	}
	signed := signedOperation{form: o["form"]}
	if !textOf(o, "name", &signed.name) || !textOf(o, "data", &signed.data) {
		return d, false
	}
	d.operation = &signed
	return d, true
}
