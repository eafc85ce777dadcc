package rp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
)

func (j Judge) key(c proofCase) Check {
	if c.key == nil {
		return bad("key", "publicKeyJwk is no P-256 key")
	}
	switch thumbprint := c.proof.Key.thumbprint(); j.Thumbprint {
	case "":
		return unmatched("key", "%s, as it came with the proof:", thumbprint)
	case thumbprint:
		return good("key", "%s", thumbprint)
	default:
		return bad("key", "is %s, wanted is %q", thumbprint, j.Thumbprint)
	}
}

func (j Judge) signature(c proofCase) Check {
	const size = 32 // of r and of s; never DER, nor other alphabets: a proof has one form
	b, err := base64.RawURLEncoding.Strict().DecodeString(c.proof.Signature)
	if err != nil || len(b) != 2*size || strings.ContainsAny(c.proof.Signature, "\r\n") {
		return bad("signature", "is not 64 bytes in base64url")
	}
	sum := sha256.Sum256([]byte(c.proof.Text))
	switch r, s := new(big.Int).SetBytes(b[:size]), new(big.Int).SetBytes(b[size:]); {
	case !inRange(r) || !inRange(s):
		return bad("signature", "is out of range")
	case c.key == nil:
		return bad("signature", "cannot be checked without the key")
	case !ecdsa.Verify(c.key, sum[:], r, s):
		return bad("signature", "is not this key's over this text")
	}
	return good("signature", "of the key, over the text")
}

// inRange says whether n is in 1 … the order of the curve less one.
func inRange(n *big.Int) bool {
	return n.Sign() > 0 && n.Cmp(elliptic.P256().Params().N) < 0
}

// text is about what was signed for: nothing else that a phone signs is an approval.
func (j Judge) text(c proofCase) Check {
	switch {
	case c.lines == nil:
		return bad("text", "has %d lines, and that of a decision has %d", strings.Count(c.proof.Text, "\n")+1, lineCount)
	case c.lines[linePurpose] != decides:
		return bad("text", "is for %q, and not for %s", c.lines[linePurpose], decides)
	case c.lines[lineDecision] != approves:
		return bad("text", "the decision is %q, and not %s", c.lines[lineDecision], approves)
	}
	return good("text", "%s, %s", decides, approves)
}

func (j Judge) time(c proofCase) Check {
	at, ok := c.at()
	if !ok {
		return bad("time", "there is none in the text")
	}
	return good("time", "%s", at.Format("2006-01-02T15:04:05Z"))
}

// match compares what the text and the display say with each other, and with what
// is wanted.
func match(check, signed, shown, wanted string) Check {
	switch {
	case signed == "":
		return bad(check, "there is none in the text")
	case signed != shown:
		return bad(check, "the text says %q, and the display %q", signed, shown)
	case wanted != "" && signed != wanted:
		return bad(check, "is %q, wanted is %q", signed, wanted)
	case wanted == "":
		return unmatched(check, "%s,", signed)
	}
	return good(check, "%s", signed)
}

func (j Judge) issuer(c proofCase) Check {
	return match("issuer", c.line(lineIssuer), c.shown.issuer, j.Issuer)
}

func (j Judge) service(c proofCase) Check {
	return match("service", c.line(lineService), c.shown.serviceID, j.ServiceID)
}

// user is about who approved, and what the server says of it beside the proof.
func (j Judge) user(c proofCase) Check {
	user, phone := c.line(lineUser), c.line(linePhone)
	switch {
	case user == "" || phone == "":
		return bad("user", "there is none in the text")
	case j.TokenID != "" && user != j.TokenID:
		return bad("user", "is %q, wanted is %q", user, j.TokenID)
	case c.said != nil && c.said.TokenID != user:
		return bad("user", "the text says %q, and the operation %q", user, c.said.TokenID)
	case c.proof.DeviceID != "" && c.proof.DeviceID != phone:
		return bad("user", "the text is of the phone %q, and the proof says %q", phone, c.proof.DeviceID)
	}
	return good("user", "%s by %s", user, phone)
}

func (j Judge) display(c proofCase) Check {
	switch hash := DataHash(c.proof.Display); {
	case c.line(lineDisplay) != hash:
		return bad("display", "its hash is %s, and %q is signed: this is not what the phone showed", hash, c.line(lineDisplay))
	case !c.reads:
		return bad("display", "is not one JSON object as the server writes it")
	}
	return good("display", "its hash is signed")
}

// operation is about what was approved: what the display shows is compared with what
// the server says beside it, and with what was ordered.
func (j Judge) operation(c proofCase) Check {
	o, what := signedOperation{name: loginName}, "a login"
	if c.shown.operation != nil {
		o = *c.shown.operation
		what = o.name
	} else if j.Data != nil {
		return bad("operation", "there is none in the display: it was a login")
	}
	if j.Data != nil && o.data != *j.Data {
		return bad("operation", "approved is the data %q, wanted is %q", o.data, *j.Data)
	}
	if c.said != nil && c.said.Result != Done {
		return bad("operation", "its result is %q", c.said.Result)
	}
	if said := c.said; said != nil {
		if k := o.compare("the operation", said.Name, said.Data, said.Form); !k.Good {
			return k
		}
	}
	if want := j.Order; want != nil {
		form, err := formOf(want.Form)
		if err != nil {
			return bad("operation", "the order's form is no JSON")
		}
		if k := o.compare("the order", want.Name, want.Data, form); !k.Good {
			return k
		}
	}
	if j.Data == nil && j.Order == nil && c.shown.operation != nil {
		return unmatched("operation", "%s, its data", what)
	}
	return good("operation", "%s", what)
}

// compare holds what was approved against what somebody says it was.
func (o signedOperation) compare(who, name, data string, form []byte) Check {
	switch {
	case name != o.name:
		return bad("operation", "approved is %q, and %s is %q", o.name, who, name)
	case data != o.data:
		return bad("operation", "approved is the data %q, and %s has %q", o.data, who, data)
	case !sameJSON(form, o.form):
		return bad("operation", "the form of %s is not the one that was approved", who)
	}
	return good("operation", "")
}

// formOf writes the form of an order.
func formOf(form any) (json.RawMessage, error) {
	if form == nil {
		return nil, nil
	}
	return json.Marshal(form)
}
