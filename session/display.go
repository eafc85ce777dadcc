package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"countersign/device"
)

// displayText is the JSON text a phone shows and signs the hash of. The order
// of its members is part of the protocol's examples, not of its contract.
type displayText struct {
	Issuer    string            `json:"issuer"`
	Service   displayService    `json:"service"`
	Origin    string            `json:"origin,omitempty"`
	Scopes    []device.Scope    `json:"scopes"`
	Mode      Mode              `json:"mode"`
	Requester *displayRequester `json:"requester,omitempty"`
	Operation *displayOperation `json:"operation,omitempty"`
}

type displayService struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type displayRequester struct {
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent"`
	FirstSeen bool   `json:"firstSeen"`
	ByService bool   `json:"byService,omitempty"`
}

type displayOperation struct {
	Name string          `json:"name"`
	Data string          `json:"data"`
	Form json.RawMessage `json:"form,omitempty"`
}

// display writes what the phone shall show of a session.
func (s Session) display(issuer string, p RelyingParty, firstSeen bool) (string, error) {
	d := displayText{Issuer: issuer, Service: displayService{p.ID, p.Name}, Origin: s.Origin, Scopes: s.Scopes, Mode: s.Mode}
	if d.Scopes == nil {
		d.Scopes = []device.Scope{}
	}
	if r := s.Requester; r != nil {
		d.Requester = &displayRequester{IP: r.IP, UserAgent: r.UserAgent, FirstSeen: firstSeen, ByService: r.ByService}
	}
	if o := s.Operation; o != nil {
		d.Operation = &displayOperation{Name: o.Name, Data: o.Data, Form: o.Form}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// DisplayHash is the base64url SHA-256 of a display text.
func DisplayHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// requesterMark stands for a requester in what is remembered of an identity's
// browsers: eight bytes, enough to tell a few browsers of one person apart.
func (r Requester) mark() string {
	sum := sha256.Sum256([]byte(r.IP + "\n" + r.UserAgent))
	return base64.RawURLEncoding.EncodeToString(sum[:8])
}
