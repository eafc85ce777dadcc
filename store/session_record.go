package store

import (
	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// sessionSchema is the version of the layout below. A node reads its own and
// the one before, so that two versions run side by side during a rollout.
const sessionSchema = 1

// silentSchema has the same layout, and says that the session is silent. Nodes
// that have not heard of silent sessions do not read it, and so can make no
// token of one. One of ownedSchema is silent too, and says what it is for.
const (
	silentSchema = 2
	ownedSchema  = 3
)

// announcedSchema stands before one of these and says that the session's end is to
// be told. Nodes that have not heard of that do not read it, and so can end none
// without keeping how it ended.
const announcedSchema = 4

// encodeSession writes a session but for its id and version, which its key and
// head have.
func encodeSession(s session.Session) []byte {
	w := &writer{b: make([]byte, 0, 1024)}
	if s.Announced {
		w.uint(announcedSchema)
	}
	switch {
	case s.For != "":
		w.uint(ownedSchema)
		w.string(s.For)
	case s.Silent:
		w.uint(silentSchema)
	default:
		w.uint(sessionSchema)
	}
	w.uint(uint64(s.Secret))
	w.string(s.Service)
	w.bool(s.ByService)
	w.string(string(s.Asked))
	strs(w, s.Scopes)
	strs(w, s.Required)
	w.string(string(s.Mode))
	w.string(s.Challenge)
	w.string(s.ClientNonce)
	encodeOperation(w, s.Operation)
	encodeRequester(w, s.Requester)
	w.string(s.Origin)
	w.string(s.Address)
	w.time(s.CreatedAt)
	w.time(s.ExpiresAt)
	w.uint(uint64(s.State))
	encodeClaim(w, s.Claim)
	w.count(s.Attempts)
	w.count(s.BadSignatures)
	w.int(s.Period)
	w.count(len(s.Nonces))
	for _, n := range s.Nonces {
		w.string(string(n.Nonce))
		w.time(n.Until)
	}
	w.time(s.EndedAt)
	encodeGrant(w, s.Grant)
	encodeProof(w, s.Proof)
	w.count(len(s.Log))
	for _, m := range s.Log {
		encodeMessage(w, m)
	}
	w.count(s.LastID)
	return w.b
}

// decodeSession is the inverse of encodeSession.
func decodeSession(b []byte) (s session.Session, err error) {
	r := &reader{b: b}
	schema := r.uint()
	if schema == announcedSchema {
		s.Announced, schema = true, r.uint()
	}
	switch schema {
	case sessionSchema:
	case silentSchema:
		s.Silent = true
	case ownedSchema:
		s.Silent, s.For = true, r.string()
	default:
		return s, errRecord
	}
	s.Secret = keyring.SecretID(r.uint())
	s.Service = r.string()
	s.ByService = r.bool()
	s.Asked = device.TokenID(r.string())
	s.Scopes = readStrings[device.Scope](r)
	s.Required = readStrings[device.Scope](r)
	s.Mode = session.Mode(r.string())
	s.Challenge = r.string()
	s.ClientNonce = r.string()
	s.Operation = decodeOperation(r)
	s.Requester = decodeRequester(r)
	s.Origin = r.string()
	s.Address = r.string()
	s.CreatedAt = r.time()
	s.ExpiresAt = r.time()
	s.State = session.State(r.uint())
	s.Claim = decodeClaim(r)
	s.Attempts = int(r.uint())
	s.BadSignatures = int(r.uint())
	s.Period = r.int()
	for range r.count() {
		s.Nonces = append(s.Nonces, session.SeenNonce{Nonce: device.Nonce(r.string()), Until: r.time()})
	}
	s.EndedAt = r.time()
	s.Grant = decodeGrant(r)
	s.Proof = decodeProof(r)
	for range r.count() {
		s.Log = append(s.Log, decodeMessage(r))
	}
	s.LastID = int(r.uint())
	return s, r.end()
}

func encodeOperation(w *writer, o *session.Operation) {
	w.bool(o != nil)
	if o != nil {
		w.string(o.Name)
		w.string(o.Data)
		w.bytes(o.Form)
	}
}

func decodeOperation(r *reader) *session.Operation {
	if !r.bool() {
		return nil
	}
	o := &session.Operation{Name: r.string(), Data: r.string()}
	if form := r.bytes(); len(form) > 0 {
		o.Form = form
	}
	return o
}

func encodeRequester(w *writer, q *session.Requester) {
	w.bool(q != nil)
	if q != nil {
		w.string(q.IP)
		w.string(q.UserAgent)
		w.bool(q.ByService)
	}
}

func decodeRequester(r *reader) *session.Requester {
	if !r.bool() {
		return nil
	}
	return &session.Requester{IP: r.string(), UserAgent: r.string(), ByService: r.bool()}
}

func encodeClaim(w *writer, c *session.Claim) {
	w.bool(c != nil)
	if c != nil {
		w.string(string(c.Token))
		w.string(string(c.Device))
		w.string(c.DeviceName)
		w.string(c.Platform)
		w.string(c.Scan)
		w.string(c.Display)
		w.bool(c.FirstSeen)
	}
}

func decodeClaim(r *reader) *session.Claim {
	if !r.bool() {
		return nil
	}
	return &session.Claim{Token: device.TokenID(r.string()), Device: device.ID(r.string()), DeviceName: r.string(),
		Platform: r.string(), Scan: r.string(), Display: r.string(), FirstSeen: r.bool()}
}

func encodeGrant(w *writer, g *session.Grant) {
	w.bool(g != nil)
	if g == nil {
		return
	}
	w.string(g.KeyID)
	w.string(g.TokenID)
	w.string(g.Subject)
	strs(w, g.Scopes)
	encodeClaims(w, g.Claims)
	w.strings(g.AMR)
	w.string(g.ACR)
	w.time(g.IssuedAt)
	w.time(g.ExpiresAt)
}

func decodeGrant(r *reader) *session.Grant {
	if !r.bool() {
		return nil
	}
	return &session.Grant{KeyID: r.string(), TokenID: r.string(), Subject: r.string(), Scopes: readStrings[device.Scope](r),
		Claims: decodeClaims(r), AMR: readStrings[string](r), ACR: r.string(), IssuedAt: r.time(), ExpiresAt: r.time()}
}

func encodeProof(w *writer, p *session.Proof) {
	w.bool(p != nil)
	if p != nil {
		w.string(p.Text)
		w.bytes(p.Signature[:])
		w.bytes(p.Key)
	}
}

func decodeProof(r *reader) *session.Proof {
	if !r.bool() {
		return nil
	}
	p := &session.Proof{Text: r.string()}
	sig := r.bytes()
	if len(sig) != len(p256.Signature{}) {
		r.fail()
		return nil
	}
	p.Signature = p256.Signature(sig)
	p.Key = r.bytes()
	return p
}

func encodeMessage(w *writer, m session.Message) {
	w.count(m.ID)
	w.string(string(m.Type))
	w.string(string(m.Reason))
	w.bool(m.Final)
	w.count(m.Remaining)
	w.string(string(m.By))
}

func decodeMessage(r *reader) session.Message {
	return session.Message{ID: int(r.uint()), Type: session.MessageType(r.string()), Reason: session.Reason(r.string()),
		Final: r.bool(), Remaining: int(r.uint()), By: session.Canceller(r.string())}
}
