package store

import (
	"context"
	"crypto/hmac"
	"errors"
	"strconv"
	"strings"

	"countersign/crypto/keyring"
	"countersign/operation"
	"countersign/ws"

	"github.com/redis/go-redis/v9"
)

// An operation is found by its webSocketId, which is a name of its record, sealed
// and veiled as the provider's names are. Nodes that are at different steps of
// replacing a master secret tell pages different ones, so there is one for each
// accepted secret, made with that secret. The tag of its key is its handle: what
// nodes call it by to each other, so that who hears them learns neither the
// webSocketId nor the operation.

// queueWebSocketIDs makes an operation's webSocketIds lead to it.
func (st *Store) queueWebSocketIDs(o operation.Operation) func(context.Context, redis.Pipeliner) []*call {
	return func(ctx context.Context, pipe redis.Pipeliner) (calls []*call) {
		for _, secret := range st.Master.IDs() {
			name := operation.WebSocketID(st.Master, secret, o.ID)
			calls = append(calls, st.queueName(ctx, pipe, secret, operationKind, name, string(o.ID), st.operationEnds(o)))
		}
		return calls
	}
}

// handle is what nodes call a webSocketId that was made with a secret.
func (st *Store) handle(secret keyring.SecretID, webSocketID string) string {
	return st.veil(secret, "name", operationKind, webSocketID)
}

// Named implements ws.Registrations.
func (st *Store) Named(ctx context.Context, webSocketID string) (operation.ID, string, error) {
	if !operation.WellFormedWebSocketID(webSocketID) {
		return "", "", operation.ErrNotFound
	}
	secrets := st.Master.IDs()
	places := make([]string, len(secrets))
	for i, secret := range secrets {
		places[i] = st.nameKey(secret, operationKind, webSocketID)
	}
	values, err := st.values(ctx, places)
	if err != nil {
		return "", "", err
	}
	for i, value := range values {
		if value == "" {
			continue
		}
		if id, ok := st.openName(ctx, operationKind, secrets[i], places[i], value); ok {
			return operation.ID(id), st.handle(secrets[i], webSocketID), nil
		}
	}
	return "", "", operation.ErrNotFound
}

// Register implements ws.Registrations. The number is Redis' to give and is not
// authenticated: who can write there can close connections anyway.
func (st *Store) Register(ctx context.Context, handle string, o operation.Operation) (uint64, error) {
	head := string(registeredKind) + handle + "|" + st.hintMAC(st.Master.First(), registeredKind, handle)
	n, err := st.scripts.register.run(ctx, st.db, []string{st.keys.pages(handle)}, st.left(st.operationEnds(o)), st.keys.everyNode(), head).Int64()
	if err != nil || n <= 0 {
		return 0, unavailable(errors.Join(err, errAnswer(n > 0 || err != nil)))
	}
	return uint64(n), nil
}

// beliefReads are the commands that read what a belief is compared with.
type beliefReads struct {
	newest  *redis.StringCmd
	session *redis.StringCmd // nil: none is open
	places  []*redis.StringCmd
}

// Outdated implements ws.Registrations. It reads no more of each record than its
// version.
func (st *Store) Outdated(ctx context.Context, all []ws.Registration, visit func(i int, newest uint64)) error {
	for at := 0; at < len(all); at += sweepBatch {
		batch := all[at:min(at+sweepBatch, len(all))]
		pipe := st.db.Pipeline()
		reads := make([]beliefReads, len(batch))
		for i, r := range batch {
			reads[i].newest = pipe.Get(ctx, st.keys.pages(r.Handle))
			for _, place := range st.places(operationKind, string(r.Operation)) {
				reads[i].places = append(reads[i].places, pipe.GetRange(ctx, place, 0, int64(len(versionHead(r.Version))-1)))
			}
			if r.SessionVersion != 0 {
				reads[i].session = pipe.GetRange(ctx, st.keys.session(r.Session), 0, int64(len(versionHead(r.SessionVersion))-1))
			}
		}
		if err := st.settleAlone(ctx, pipe); err != nil {
			return unavailable(err)
		}
		for i, r := range batch {
			if newest, outdated := reads[i].compare(r); outdated {
				visit(at+i, newest)
			}
		}
	}
	return nil
}

// versionHead is what a record of a version begins with.
func versionHead(version uint64) string { return strconv.FormatUint(version, 10) + "|" }

func (x beliefReads) compare(r ws.Registration) (newest uint64, outdated bool) {
	newest, err := strconv.ParseUint(x.newest.Val(), 10, 63)
	if err != nil {
		newest = 0 // gone, or somebody else's writing: it says nothing
	}
	same := false
	for _, place := range x.places {
		same = same || place.Val() == versionHead(r.Version)
	}
	if x.session != nil && x.session.Val() != versionHead(r.SessionVersion) {
		same = false
	}
	return newest, !same || newest > r.Number
}

// movedHints tell that an operation has another version: one for each of its
// handles.
func (st *Store) movedHints(o operation.Operation) (hints []string) {
	version := strconv.FormatUint(o.Version, 10)
	for _, secret := range st.Master.IDs() {
		handle := st.handle(secret, operation.WebSocketID(st.Master, secret, o.ID))
		hints = append(hints, string(movedKind)+handle+"|"+st.hintMAC(secret, movedKind, handle, version)+version)
	}
	return hints
}

// hintMAC authenticates a hint of a kind.
func (st *Store) hintMAC(secret keyring.SecretID, kind byte, parts ...string) string {
	list := [][]byte{{kind}}
	for _, part := range parts {
		list = append(list, []byte(part))
	}
	mac, _ := st.Master.MAC(secret, keyring.Hint, list...) // the secret is one of its own
	return string(mac[:hintMACSize])
}

// notice hands on what is for the pages of operations. Whether it authenticates is
// asked by who has such a page, because most nodes have not.
func (b *Bus) notice(kind byte, text string) {
	name, rest, found := strings.Cut(text, "|")
	if !found || len(rest) < hintMACSize || b.Notices == nil {
		return
	}
	mac, rest := rest[:hintMACSize], rest[hintMACSize:]
	authentic := func(parts ...string) func() bool {
		return func() bool { return b.authentic(mac, kind, parts...) }
	}
	number, err := strconv.ParseUint(rest, 10, 63)
	switch {
	case err != nil:
	case kind == movedKind:
		b.Notices.Moved(name, number, authentic(name, rest))
	default:
		b.Notices.Replaced(name, number, authentic(name))
	}
}

// authentic says whether a node has made a MAC, with any accepted secret.
func (b *Bus) authentic(mac string, kind byte, parts ...string) bool {
	for _, secret := range b.st.Master.IDs() {
		if hmac.Equal([]byte(b.st.hintMAC(secret, kind, parts...)), []byte(mac)) {
			return true
		}
	}
	return false
}
