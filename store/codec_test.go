package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden records of a new schema")

// fixedKey is the same key at every run.
func fixedKey(t testing.TB) p256.PrivateKey {
	t.Helper()
	k, err := p256.NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	check(t, err)
	return k
}

// fullSession has every member set, each to something else.
func fullSession(t testing.TB) session.Session {
	t.Helper()
	at := time.UnixMilli(1_700_000_000_123).UTC()
	key := fixedKey(t)
	return session.Session{
		Secret: 0xC0FFEE, Service: "acme", ByService: true, Asked: "tok_alice",
		Scopes: []device.Scope{device.Email, device.Name}, Required: []device.Scope{device.Name}, Mode: session.Compare,
		Challenge: "challenge", ClientNonce: "client nonce",
		Operation: &session.Operation{Name: "transfer", Data: "100 € to bob", Form: json.RawMessage(`{"amount":"100"}`)},
		Requester: &session.Requester{IP: "192.0.2.1", UserAgent: "Firefox on Linux", ByService: true},
		Origin:    "https://bank.example", Address: "2001:db8::/64", Silent: true, For: "op_one", Announced: true, CreatedAt: at, ExpiresAt: at.Add(2 * time.Minute),
		State: session.Approved,
		Claim: &session.Claim{Token: "tok_bob", Device: "dev_bob", DeviceName: "Bob's phone", Platform: "ios", Scan: "12:code",
			Display: "Acme Bank\nasks", FirstSeen: true},
		Attempts: 2, BadSignatures: 3, Period: 4,
		Nonces:  []session.SeenNonce{{Nonce: "one", Until: at.Add(time.Second)}, {Nonce: "two", Until: at.Add(2 * time.Second)}},
		EndedAt: at.Add(time.Minute),
		Grant: &session.Grant{KeyID: "kid", TokenID: "jti", Subject: "sub", Scopes: []device.Scope{device.Name},
			Claims: device.Claims{"name": json.RawMessage(`"Alice"`), "address": json.RawMessage(`{"country":"DE"}`)},
			AMR:    []string{"swk", "otp"}, ACR: session.Typed, IssuedAt: at.Add(3 * time.Second), ExpiresAt: at.Add(time.Hour)},
		Proof: &session.Proof{Text: "signed\ntext", Signature: key.Sign([]byte("signed\ntext")), Key: key.Public().Point()},
		Log: []session.Message{{ID: 1, Type: session.OTPReady}, {ID: 2, Type: session.RejectedMessage, Reason: session.InvalidOTP,
			Final: true, Remaining: 2}, {ID: 3, Type: session.CancelledMessage, By: session.ByAdmin}},
		LastID: 5,
	}
}

func fullIdentity(t testing.TB) device.Identity {
	t.Helper()
	at := time.UnixMilli(1_700_000_000_000).UTC()
	return device.Identity{Status: device.Locked, LockedUntil: at.Add(time.Hour), CreatedAt: at, Off: []string{"message"},
		Claims: device.Claims{"name": json.RawMessage(`"Alice"`), "address": json.RawMessage(`{"country":"DE"}`)},
		Devices: []device.Device{
			{ID: "dev_one", Key: fixedKey(t).Public(), Name: "Alice's phone", Platform: "android", CreatedAt: at.Add(time.Second),
				Revoked: true},
			{ID: "dev_two", Key: fixedKey(t).Public(), CreatedAt: at.Add(2 * time.Second), UsedV1: true, Offline: []byte("secret"),
				Push: device.Subscription{Endpoint: "https://push.example/1", P256DH: "point", Auth: "secret"}},
		}}
}

// TestGoldenRecords pins the bytes of the records. Nodes of two versions run side
// by side during a rollout and read each other's records, so a layout must not
// change under the same schema number: give the new one the next number, keep
// reading this one, and write a golden record of each.
func TestGoldenRecords(t *testing.T) {
	s, i := fullSession(t), fullIdentity(t)
	owned := s
	owned.Announced = false
	heard, silent := owned, owned
	heard.Silent, heard.For, silent.For = false, "", ""
	for schema, s := range map[int]session.Session{sessionSchema: heard, silentSchema: silent, ownedSchema: owned, announcedSchema: s} {
		goldenRecord(t, "session", schema, encodeSession(s), func(b []byte) {
			got, err := decodeSession(b)
			check(t, err)
			wantSame(t, got, s)
		})
	}
	pages := i
	pages.Devices = slices.Clone(i.Devices)
	pages.Devices[1].Push = device.Subscription{}
	locked := pages
	locked.Off, locked.Devices = nil, slices.Clone(pages.Devices)
	locked.Devices[1].Offline = nil
	unlocked := locked
	unlocked.LockedUntil = time.Time{}
	for schema, i := range map[int]device.Identity{identitySchema: unlocked, identitySchemaLocked: locked, identitySchemaPages: pages, identitySchemaPush: i} {
		goldenRecord(t, "identity", schema, encodeIdentity(i), func(b []byte) {
			got, err := decodeIdentity(b, p256.NewCache(10))
			check(t, err)
			wantSame(t, got, i)
		})
	}
}

func goldenRecord(t *testing.T, kind string, schema int, encoded []byte, read func([]byte)) {
	t.Helper()
	file := filepath.Join("testdata", kind+"_schema"+string(rune('0'+schema))+".hex")
	if *update {
		var lines strings.Builder
		for text := hex.EncodeToString(encoded); text != ""; {
			n := min(len(text), 96)
			lines.WriteString(text[:n] + "\n")
			text = text[n:]
		}
		check(t, os.WriteFile(file, []byte(lines.String()), 0o644))
	}
	text, err := os.ReadFile(file)
	check(t, err)
	want, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	check(t, err)
	if !bytes.Equal(encoded, want) {
		t.Errorf("a %s is written otherwise than %s has it", kind, file)
	}
	read(want)
}

// TestFullRecordsAreFull guards the golden records: a member added to a session
// must be set there, or nobody notices that it is not written.
func TestFullRecordsAreFull(t *testing.T) {
	full := fullSession(t)
	full.ID, full.Version = "sess_", 1
	wantNoZero(t, "session", full)
	i := fullIdentity(t)
	i.ID, i.Version, i.Resealable = "tok_", 1, true
	wantNoZero(t, "identity", i)
}

func TestSessionsRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := drawSession(rt)
		got, err := decodeSession(encodeSession(want))
		if err != nil {
			rt.Fatal(err)
		}
		wantSame(t, got, want)
	})
}

func TestIdentitiesRoundTrip(t *testing.T) {
	keys := []p256.PublicKey{newPrivate(t).Public(), newPrivate(t).Public(), newPrivate(t).Public()}
	cache := p256.NewCache(2)
	rapid.Check(t, func(rt *rapid.T) {
		want := device.Identity{Status: device.Status(rapid.Uint8().Draw(rt, "status")), LockedUntil: drawTime(rt), CreatedAt: drawTime(rt), Claims: drawClaims(rt)}
		for range rapid.IntRange(0, 5).Draw(rt, "devices") {
			want.Devices = append(want.Devices, device.Device{ID: device.ID(text(rt)), Key: rapid.SampledFrom(keys).Draw(rt, "key"),
				Name: text(rt), Platform: text(rt), CreatedAt: drawTime(rt), Revoked: yes(rt), UsedV1: yes(rt)})
		}
		got, err := decodeIdentity(encodeIdentity(want), cache)
		if err != nil {
			rt.Fatal(err)
		}
		wantSame(t, got, want)
	})
}

func text(rt *rapid.T) string        { return rapid.String().Draw(rt, "text") }
func yes(rt *rapid.T) bool           { return rapid.Bool().Draw(rt, "yes") }
func count(rt *rapid.T) int          { return rapid.IntRange(0, math.MaxInt).Draw(rt, "count") }
func drawTime(rt *rapid.T) time.Time { return fromMillis(rapid.Int64().Draw(rt, "ms")) }

func drawClaims(rt *rapid.T) device.Claims {
	out := device.Claims{}
	for name, value := range rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Byte())).Draw(rt, "claims") {
		out[name] = value
	}
	return out
}

func drawScopes(rt *rapid.T) []device.Scope {
	return rapid.SliceOf(rapid.Custom(func(rt *rapid.T) device.Scope { return device.Scope(text(rt)) })).Draw(rt, "scopes")
}

func drawSession(rt *rapid.T) session.Session {
	s := session.Session{
		Secret: keyring.SecretID(rapid.Uint32().Draw(rt, "secret")), Service: text(rt), ByService: yes(rt), Asked: device.TokenID(text(rt)),
		Scopes: drawScopes(rt), Required: drawScopes(rt), Mode: session.Mode(text(rt)), Challenge: text(rt), ClientNonce: text(rt),
		Origin: text(rt), Address: text(rt), Silent: yes(rt), Announced: yes(rt), CreatedAt: drawTime(rt), ExpiresAt: drawTime(rt),
		State: session.State(rapid.Uint8().Draw(rt, "state")), Attempts: count(rt), BadSignatures: count(rt),
		Period: rapid.Int64().Draw(rt, "period"), EndedAt: drawTime(rt), LastID: count(rt),
	}
	if s.Silent {
		s.For = text(rt)
	}
	if yes(rt) {
		s.Operation = &session.Operation{Name: text(rt), Data: text(rt), Form: rapid.SliceOf(rapid.Byte()).Draw(rt, "form")}
	}
	if yes(rt) {
		s.Requester = &session.Requester{IP: text(rt), UserAgent: text(rt), ByService: yes(rt)}
	}
	if yes(rt) {
		s.Claim = &session.Claim{Token: device.TokenID(text(rt)), Device: device.ID(text(rt)), DeviceName: text(rt),
			Platform: text(rt), Scan: text(rt), Display: text(rt), FirstSeen: yes(rt)}
	}
	if yes(rt) {
		s.Grant = &session.Grant{KeyID: text(rt), TokenID: text(rt), Subject: text(rt), Scopes: drawScopes(rt), Claims: drawClaims(rt),
			AMR: rapid.SliceOf(rapid.String()).Draw(rt, "amr"), ACR: text(rt), IssuedAt: drawTime(rt), ExpiresAt: drawTime(rt)}
	}
	if yes(rt) {
		s.Proof = &session.Proof{Text: text(rt), Key: rapid.SliceOf(rapid.Byte()).Draw(rt, "key")}
		copy(s.Proof.Signature[:], rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(rt, "signature"))
	}
	for range rapid.IntRange(0, 4).Draw(rt, "nonces") {
		s.Nonces = append(s.Nonces, session.SeenNonce{Nonce: device.Nonce(text(rt)), Until: drawTime(rt)})
	}
	for range rapid.IntRange(0, 4).Draw(rt, "messages") {
		s.Log = append(s.Log, session.Message{ID: count(rt), Type: session.MessageType(text(rt)), Reason: session.Reason(text(rt)),
			Final: yes(rt), Remaining: count(rt), By: session.Canceller(text(rt))})
	}
	return s
}

// TestHostileLengths: a record that says it has more than it has is refused
// before anything is made for it.
func TestHostileLengths(t *testing.T) {
	session, identity := encodeSession(fullSession(t)), encodeIdentity(fullIdentity(t))
	cache := p256.NewCache(10)
	for _, length := range []uint64{1 << 20, 1 << 31, 1 << 32, 1 << 62, math.MaxInt64, math.MaxUint64} {
		hostile := binary.AppendUvarint(nil, length)
		for _, record := range [][]byte{session, identity} {
			for at := range record {
				b := append(append(append([]byte(nil), record[:at]...), hostile...), record[at+1:]...)
				if used := allocated(func() { _, _ = decodeSession(b) }); used > 1<<20 {
					t.Fatalf("length %d at %d of a session: %d bytes were allocated", length, at, used)
				}
				if used := allocated(func() { _, _ = decodeIdentity(b, cache) }); used > 1<<20 {
					t.Fatalf("length %d at %d of an identity: %d bytes were allocated", length, at, used)
				}
			}
		}
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestCutRecords: no part of a record is a record, nor is one with more behind it.
func TestCutRecords(t *testing.T) {
	record := encodeSession(fullSession(t))
	for n := range record {
		if _, err := decodeSession(record[:n]); err == nil {
			t.Errorf("the first %d bytes of %d are a session", n, len(record))
		}
	}
	if _, err := decodeSession(append(record, 0)); err == nil {
		t.Error("a session with a byte behind it is one")
	}
	for _, schema := range [][]byte{{announcedSchema + 1}, {announcedSchema, announcedSchema}} {
		if _, err := decodeSession(append(schema, record[len(schema):]...)); err == nil {
			t.Errorf("a session of schema %v is read as one of this", schema)
		}
	}
}
