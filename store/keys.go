package store

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

// The lifetimes of what has no lifetime of its own.
const (
	standingTTL    = 400 * 24 * time.Hour // what is held for and against an identity, since it last changed
	reservationTTL = time.Minute          // a device key on its way to be enrolled
	fieldsMax      = 20                   // browsers remembered of an identity
)

// keys names every key. The part in braces is the Redis Cluster hash tag.
type keys struct{ prefix string }

// session: string, head and sealed session (record.go). PX: its end and
// session.resultTTL.
func (k keys) session(id session.ID) string { return k.prefix + ":{" + string(id) + "}" }

// outcome: string, how an announced session ended, sealed as it is told. PX: until
// that is no longer tried; taken away when it was told.
func (k keys) outcome(id session.ID) string { return k.session(id) + ":o" }

// identity: string, version and sealed identity. No end.
func (k keys) identity(id device.TokenID) string {
	return k.prefix + ":{" + string(id.Canonical()) + "}:i"
}

// identities: sorted set of the ids of all identities, all of one score, so that they
// are in the order of their bytes. A hint: what an identity is, its record says. No end.
func (k keys) identities() string { return k.prefix + ":{identities}" }

// standing: hash of n, c:{method}, d:{device}, f:{service}, b:{browser} (phones.go).
func (k keys) standing(id device.TokenID) string {
	return k.prefix + ":{" + string(id.Canonical()) + "}:s"
}

// consent: string, version and sealed consent of an identity at a service. No end.
func (k keys) consent(id device.TokenID, service string) string {
	return k.prefix + ":{" + string(id.Canonical()) + "}:c:" + digest(service)
}

// pending: sorted set of session ids by their expiry, the sessions listed to
// an identity's phones. PX: the last expiry.
func (k keys) pending(id device.TokenID) string {
	return k.prefix + ":{" + string(id.Canonical()) + "}:p"
}

// woken: string, present when the identity has a phone that can be woken
// ([device.Identity.Subscribed]); it only saves looking. No end.
func (k keys) woken(id device.TokenID) string {
	return k.prefix + ":{" + string(id.Canonical()) + "}:u"
}

// wallet: string, version and sealed passkeys of an identity. No end.
func (k keys) wallet(id device.TokenID) string {
	return k.prefix + ":{" + string(id.Canonical()) + "}:w"
}

// handle: string, the sealed id of the identity that authenticators know by a
// handle. No end.
func (k keys) handle(h []byte) string { return k.prefix + ":{handle:" + digest(string(h)) + "}" }

// deviceNonce: string. PX: the timestamp and 30 s.
func (k keys) deviceNonce(id device.TokenID, d device.ID, n device.Nonce) string {
	return k.prefix + ":{" + string(id.Canonical()) + "}:n:" + digest(string(d)+string(n))
}

// code: string, sealed owner of an enrolment code. PX: device.CodeLifetime.
func (k keys) code(c device.EnrolmentCode) string {
	return k.prefix + ":{code:" + digest(string(c)) + "}"
}

// deviceKey: string, present when a device has the key.
func (k keys) deviceKey(p p256.PublicKey) string { return k.prefix + ":{key:" + p.Thumbprint() + "}" }

// keyNonce: string. PX: the timestamp and 30 s.
func (k keys) keyNonce(p p256.PublicKey, n device.Nonce) string {
	return k.deviceKey(p) + ":n:" + string(n)
}

// limit: string, the theoretical arrival time of GCRA. PX: until it is free.
func (k keys) limit(rule, address string) string {
	return k.prefix + ":l:" + rule + ":{" + address + "}"
}

// idempotency: string, sealed session id and body digest. PX: the session's lifetime.
func (k keys) idempotency(key string) string { return k.prefix + ":{idem:" + digest(key) + "}" }

// record: string, version and sealed record of a kind: request, grant, login,
// operation, notice. tag is a MAC of its id (records.go). PX: its end.
func (k keys) record(kind, tag string) string {
	return k.prefix + ":{record:" + kind + ":" + tag + "}"
}

// name: string, target and sealed id of the record of a kind that is found by
// it. tag is a MAC of the name. PX: the record's end.
func (k keys) name(kind, tag string) string { return k.prefix + ":{name:" + kind + ":" + tag + "}" }

// pages: string, how many pages have registered for the notices of an operation.
// tag is that of its name. PX: the operation's record's end.
func (k keys) pages(tag string) string { return k.name(operationKind, tag) + ":n" }

// once: string, who took the name first. tag is a MAC of the name. PX: until it
// is free.
func (k keys) once(tag string) string { return k.prefix + ":{once:" + tag + "}" }

// notices: sorted set of the ids of notices by when they are due, in ms. PX:
// standingTTL.
func (k keys) notices() string { return k.prefix + ":{notices}" }

// operations: sorted set of the sealed ids of a service's operations about an
// identity, by their end. tag is a MAC of both. PX: a day after the last end.
func (k keys) operations(tag string) string { return k.prefix + ":{operations:" + tag + "}" }

// turn: string, the sealed id of the operation that a browser login is at. tag is a
// MAC of the login's id. PX: the operation's end.
func (k keys) turn(tag string) string { return k.prefix + ":{turn:" + tag + "}" }

// signingKeys: string, version and sealed ring.
func (k keys) signingKeys() string { return k.prefix + ":{keys}" }

// service: string, the sealed keys made for a service.
func (k keys) service(id string) string { return k.prefix + ":{service:" + digest(id) + "}" }

// offline: string, the sealed key that signs what phones without a network are shown.
func (k keys) offline() string { return k.prefix + ":{offline}" }

// push: string, the sealed key that pushes are signed with.
func (k keys) push() string { return k.prefix + ":{push}" }

// audit: stream.
func (k keys) audit() string { return k.prefix + ":audit" }

// census: sorted sets of the sessions not yet ended, by their expiry: all, one
// service's, one address's (census.go). PX: the last expiry.
func (k keys) census(part string) string { return k.prefix + ":{census}:" + part }

// node: the channel of a node.
func (k keys) node(id string) string { return k.prefix + ":node:" + id }

// everyNode: the channel that all nodes with phones or pages listen to. Names of
// nodes are in upper case.
func (k keys) everyNode() string { return k.node("all") }

// digest keeps foreign text out of key names: 128 bits of SHA-256.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
