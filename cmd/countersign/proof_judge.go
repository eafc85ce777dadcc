package main

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"countersign/api"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The lines of the text that a phone signs when it decides (docs/protocol.md).
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

// A proofJudge says of a proof everything that is wrong with it. What is empty is
// not compared.
type proofJudge struct {
	issuer, service, thumbprint string
	data                        *string
}

// A proofJudgement is all that was found; and what was approved, if all holds.
type proofJudgement struct {
	Good     bool          `json:"good"`
	Checks   []finding     `json:"checks"`
	Approved *approvedData `json:"approved,omitempty"`
}

// approvedData is what a proof says.
type approvedData struct {
	At          string         `json:"at"` // by the phone's clock
	User        string         `json:"tokenId"`
	Phone       string         `json:"deviceId"`
	Thumbprint  string         `json:"jwkThumbprint"`
	Service     string         `json:"serviceId"`
	ServiceName string         `json:"serviceName"`
	Session     string         `json:"sessionId"`
	Operation   string         `json:"name"`
	Data        string         `json:"data,omitempty"`
	Form        jsontext.Value `json:"form,omitempty"`
}

// A proofCase is a proof taken apart; nothing of it is believed yet.
type proofCase struct {
	proven
	key     p256.PublicKey
	keyGood bool
	lines   []string // as many as there should be; nil: the text has others
	shown   proofDisplay
	reads   bool // the display is one
}

// proofDisplay is what of a display is compared.
type proofDisplay struct {
	Issuer  string `json:"issuer"`
	Service struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"service"`
	Operation *struct {
		Name string         `json:"name"`
		Data string         `json:"data"`
		Form jsontext.Value `json:"form"`
	} `json:"operation"`
}

// judge looks at everything.
func (j proofJudge) judge(p proven) proofJudgement {
	c := proofCase{proven: p}
	jwk := p.proof.PublicKeyJWK
	key, err := p256.ParseJWK(jwk["kty"], jwk["crv"], jwk["x"], jwk["y"])
	c.key, c.keyGood = key, err == nil
	if lines := strings.Split(p.proof.Text, "\n"); len(lines) == lineCount {
		c.lines = lines
	}
	c.reads = json.Unmarshal([]byte(p.proof.Display), &c.shown) == nil
	v := proofJudgement{Good: true, Checks: []finding{j.key(c), j.signature(c), j.text(c), j.time(c), j.issued(c), j.serviceOf(c), j.user(c), j.display(c), j.operation(c)}}
	for _, f := range v.Checks {
		v.Good = v.Good && f.Good
	}
	if v.Good {
		v.Approved = c.approved()
	}
	return v
}

func (j proofJudge) key(c proofCase) finding {
	if !c.keyGood {
		return bad("key", "publicKeyJwk is no P-256 key")
	}
	switch thumbprint := c.key.Thumbprint(); j.thumbprint {
	case "":
		return good("key", "%s, as it came with the proof: not compared without --jwk-thumbprint", thumbprint)
	case thumbprint:
		return good("key", "%s", thumbprint)
	default:
		return bad("key", "is %s, wanted is %q", thumbprint, j.thumbprint)
	}
}

func (j proofJudge) signature(c proofCase) finding {
	const raw = 64 // r‖s; never DER, nor other alphabets: a proof has one form
	b, err := base64.RawURLEncoding.Strict().DecodeString(c.proof.Signature)
	if err != nil || len(b) != raw || strings.ContainsAny(c.proof.Signature, "\r\n") {
		return bad("signature", "is not 64 bytes in base64url")
	}
	s, err := p256.ParseSignature(b)
	switch {
	case err != nil:
		return bad("signature", "is out of range")
	case !c.keyGood:
		return bad("signature", "cannot be checked without the key")
	case !c.key.Verify([]byte(c.proof.Text), s):
		return bad("signature", "is not this key's over this text")
	}
	return good("signature", "of the key, over the text")
}

// text is about what was signed for: nothing else that a phone signs is an approval.
func (j proofJudge) text(c proofCase) finding {
	switch {
	case c.lines == nil:
		return bad("text", "has %d lines, and that of a decision has %d", strings.Count(c.proof.Text, "\n")+1, lineCount)
	case c.lines[linePurpose] != string(device.VerifyPurpose):
		return bad("text", "is for %q, and not for %s", c.lines[linePurpose], device.VerifyPurpose)
	case c.lines[lineDecision] != string(session.Approve):
		return bad("text", "the decision is %q, and not %s", c.lines[lineDecision], session.Approve)
	}
	return good("text", "%s, %s", device.VerifyPurpose, session.Approve)
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

func (j proofJudge) time(c proofCase) finding {
	at, ok := c.at()
	if !ok {
		return bad("time", "there is none in the text")
	}
	return good("time", "%s", timestamp(at))
}

// match compares what the text and the display say with each other, and with what
// is wanted.
func match(check, signed, shown, wanted string) finding {
	switch {
	case signed == "":
		return bad(check, "there is none in the text")
	case signed != shown:
		return bad(check, "the text says %q, and the display %q", signed, shown)
	case wanted != "" && signed != wanted:
		return bad(check, "is %q, wanted is %q", signed, wanted)
	case wanted == "":
		return good(check, "%s, not compared without --%s", signed, check)
	}
	return good(check, "%s", signed)
}

func (j proofJudge) issued(c proofCase) finding {
	return match("issuer", c.line(lineIssuer), c.shown.Issuer, j.issuer)
}

func (j proofJudge) serviceOf(c proofCase) finding {
	return match("service", c.line(lineService), c.shown.Service.ID, j.service)
}

// user is about what the server says beside the proof.
func (j proofJudge) user(c proofCase) finding {
	user, phone := c.line(lineUser), c.line(linePhone)
	switch {
	case user == "" || phone == "":
		return bad("user", "there is none in the text")
	case c.operation != nil && c.operation.TokenID != user:
		return bad("user", "the text says %q, and the operation %q", user, c.operation.TokenID)
	case c.proof.DeviceID != "" && c.proof.DeviceID != phone:
		return bad("user", "the text is of the phone %q, and the proof says %q", phone, c.proof.DeviceID)
	}
	return good("user", "%s by %s", user, phone)
}

func (j proofJudge) display(c proofCase) finding {
	switch hash := session.DisplayHash(c.proof.Display); {
	case c.line(lineDisplay) != hash:
		return bad("display", "its hash is %s, and %q is signed: this is not what the phone showed", hash, c.line(lineDisplay))
	case !c.reads:
		return bad("display", "is not one JSON object as the server writes it")
	}
	return good("display", "its hash is signed")
}

func (j proofJudge) operation(c proofCase) finding {
	o, said := c.shown.Operation, c.operation
	if o == nil {
		return j.login(said)
	}
	switch {
	case j.data != nil && o.Data != *j.data:
		return bad("operation", "approved is the data %q, wanted is %q", o.Data, *j.data)
	case said == nil:
	case said.Result != "DONE":
		return bad("operation", "its result is %q", said.Result)
	case said.Name != o.Name:
		return bad("operation", "approved is %q, and the operation is %q", o.Name, said.Name)
	case said.Data != o.Data:
		return bad("operation", "approved is the data %q, and the operation has %q", o.Data, said.Data)
	case !sameJSON(said.Form, o.Form):
		return bad("operation", "its form is not the one that was approved")
	}
	if j.data == nil {
		return good("operation", "%s, its data not compared without --data", o.Name)
	}
	return good("operation", "%s", o.Name)
}

// login is about a display without an operation: what was approved was a login, and
// nothing more.
func (j proofJudge) login(said *api.OperationView) finding {
	switch {
	case j.data != nil || said != nil && said.Data != "":
		return bad("operation", "there is none in the display: it was a login")
	case said != nil && said.Result != "DONE":
		return bad("operation", "its result is %q", said.Result)
	}
	return good("operation", "a login")
}

// sameJSON compares values, however they are written.
func sameJSON(a, b []byte) bool {
	x, y := jsontext.Value(bytes.Clone(a)), jsontext.Value(bytes.Clone(b))
	if len(x) == 0 || len(y) == 0 {
		return len(x) == len(y)
	}
	return x.Canonicalize() == nil && y.Canonicalize() == nil && bytes.Equal(x, y)
}

// approved is what a proof says that holds.
func (c proofCase) approved() *approvedData {
	at, _ := c.at()
	a := &approvedData{At: timestamp(at), User: c.line(lineUser), Phone: c.line(linePhone), Thumbprint: c.key.Thumbprint(), Service: c.shown.Service.ID,
		ServiceName: c.shown.Service.Name, Session: c.line(lineSession), Operation: "login"}
	if o := c.shown.Operation; o != nil {
		a.Operation, a.Data, a.Form = o.Name, o.Data, o.Form
	}
	return a
}
