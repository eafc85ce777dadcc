package session

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
)

// approve is an approved session.
func (r *rig) approve(change ...func(*Start)) Session {
	r.t.Helper()
	s := r.claimed(change...)
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); err != nil {
		r.t.Fatal(err)
	}
	return r.get(s.ID)
}

// The token says who approved what, when and how, and nothing more.
func TestTokenClaims(t *testing.T) {
	r := newRig(t)
	r.clock.pass(300 * time.Millisecond)
	s := r.approve(func(st *Start) {
		st.Authenticated, st.ClientNonce = true, "client nonce"
		st.Operation = &Operation{Name: "pay", Data: "A1*A100CZK", Form: json.RawMessage(`{"title":"Pay"}`)}
	})
	r.clock.pass(time.Minute)
	issued, err := r.svc.Issue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	got := keyring.Claims{}
	if err := r.ring.Public(r.clock.now()).Verify(issued.JWT, TokenType, testIssuer, testService, r.clock.now(), &got); err != nil {
		t.Fatal(err)
	}
	at := float64(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Unix())
	want := map[string]any{
		"iss": testIssuer, "sub": string(r.alice.token), "aud": testService, "iat": at, "exp": at + 3600, "auth_time": at,
		"jti": s.Grant.TokenID, "sid": string(s.ID), "nonce": r.svc.Secrets.Random(s), "client_nonce": "client nonce",
		"amr": []any{"swk", "otp"}, "acr": Typed, "scope": "identity:age_over_18 identity:name", "displayHash": DisplayHash(s.Claim.Display),
		"name": "Alice Doe", "given_name": "Alice", "family_name": "Doe", "age_over_18": true,
		"op": map[string]any{"name": "pay", "dataHash": ChallengeOf("A1*A100CZK")},
	}
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if string(gotText) != string(wantText) {
		t.Errorf("got  %s\nwant %s", gotText, wantText)
	}
	if issued.ExpiresAt != "2026-01-02T04:04:05Z" || issued.Random != want["nonce"] ||
		issued.Hash != Hash(r.party.ResponseKey, s.ID, issued.Random, issued.JWT, issued.ExpiresAt) {
		t.Errorf("issued with %+v", issued)
	}
}

// What does not apply is not there.
func TestTokenWithoutExtras(t *testing.T) {
	r := newRig(t)
	s := r.approve()
	claims := r.svc.claims(s)
	for _, name := range []string{"client_nonce", "op", "birthdate", "email"} {
		if v, ok := claims[name]; ok {
			t.Errorf("%s is there: %v", name, v)
		}
	}
}

// The same record gives the same bytes, on every node and at every reconnect;
// with a rotated key too, as long as the old one is kept.
func TestSameBytesTwice(t *testing.T) {
	r := newRig(t)
	s := r.approve()
	first, err := r.svc.Issue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	rotated, _, err := r.ring.Rotate(r.clock.now(), time.Minute, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	node := *r.svc
	node.Keys = &ring{rotated}
	r.clock.pass(2 * time.Minute)
	for range 3 {
		again, err := node.Issue(t.Context(), s)
		if err != nil || again != first {
			t.Fatalf("again: %+v, %v; first %+v", again, err, first)
		}
	}
	if !slices.ContainsFunc(rotated.Keys(), func(k keyring.Key) bool { return k.ID == s.Grant.KeyID }) {
		t.Error("the ring was not rotated as meant")
	}
}

// No token is made of a record whose approval the phone did not sign as it
// stands there.
func TestTamperedProof(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, s *Session){
		"no proof":                func(_ *rig, s *Session) { s.Proof = nil },
		"another signature":       func(r *rig, s *Session) { s.Proof.Signature = r.bob.key.Sign([]byte(s.Proof.Text)) },
		"another key":             func(r *rig, s *Session) { s.Proof.Key = r.bob.key.Public().Point() },
		"no key":                  func(_ *rig, s *Session) { s.Proof.Key = nil },
		"another text":            func(_ *rig, s *Session) { s.Proof.Text += " " },
		"another display":         func(_ *rig, s *Session) { s.Claim.Display = strings.Replace(s.Claim.Display, "Acme", "Evil", 1) },
		"more scopes":             func(_ *rig, s *Session) { s.Grant.Scopes = append(s.Grant.Scopes, device.Email) },
		"fewer scopes":            func(_ *rig, s *Session) { s.Grant.Scopes = nil },
		"another identity":        func(r *rig, s *Session) { s.Claim.Token = r.bob.token },
		"another device":          func(r *rig, s *Session) { s.Claim.Device = r.second.id },
		"another session":         func(_ *rig, s *Session) { s.ID = NewID() },
		"the claim taken away":    func(_ *rig, s *Session) { s.Claim = nil },
		"another service":         func(r *rig, s *Session) { s.Service = "other" },
		"proof of a deny":         func(r *rig, s *Session) { r.prove(s, r.alice.verification(*s, Deny, "")) },
		"proof of a report":       func(r *rig, s *Session) { r.prove(s, r.alice.verification(*s, Report, "")) },
		"proof of a claim":        func(r *rig, s *Session) { r.proveText(s, r.alice.claim(s.ID, "").text(testIssuer)) },
		"proof of another login":  func(r *rig, s *Session) { r.prove(s, r.alice.verification(r.claimed(), Approve, "123456")) },
		"a legacy proof, claimed": func(r *rig, s *Session) { r.proveText(s, []byte(string(s.ID)+"|123456|1")) },
	} {
		r := newRig(t)
		other := *r.party
		other.ID = "other"
		r.svc.Parties = parties{testService: r.party, "other": &other}
		s := r.approve()
		if _, err := r.svc.Issue(t.Context(), s); err != nil {
			t.Fatalf("%s: before: %v", name, err)
		}
		claim, grant, proof := *s.Claim, *s.Grant, *s.Proof
		grant.Scopes = slices.Clone(grant.Scopes)
		s.Claim, s.Grant, s.Proof = &claim, &grant, &proof
		spoil(r, &s)
		if issued, err := r.svc.Issue(t.Context(), s); !errors.Is(err, ErrProof) || issued != (Issued{}) {
			t.Errorf("%s: %v, %+v", name, err, issued)
		}
	}
}

// prove and proveText put a proof with a good signature of alice's into s.
func (r *rig) prove(s *Session, v Verification) { r.proveText(s, v.text(testIssuer, testService)) }

func (r *rig) proveText(s *Session, text []byte) {
	s.Proof = &Proof{Text: string(text), Signature: r.alice.key.Sign(text), Key: r.alice.key.Public().Point()}
}

// There is a token of an approval only.
func TestNoTokenOfOtherEnds(t *testing.T) {
	r := newRig(t)
	approved := r.approve()
	for s := range State(states) {
		other := approved
		other.State = s
		if _, err := r.svc.Issue(t.Context(), other); (err == nil) != (s == Approved) {
			t.Errorf("%s: %v", s, err)
		}
	}
	approved.Grant = nil
	if _, err := r.svc.Issue(t.Context(), approved); !errors.Is(err, ErrNotFound) {
		t.Errorf("without a grant: %v", err)
	}
	approved = r.approve()
	r.svc.Parties = parties{}
	if _, err := r.svc.Issue(t.Context(), approved); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a service that is gone: %v", err)
	}
}

// Without a key that signs nothing is approved, and nothing is lost: the same
// request works when there is one.
func TestNoSigningKey(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	keys := r.svc.Keys
	r.svc.Keys = &ring{}
	v := r.alice.verification(s, Approve, r.code(s))
	if _, err := r.verify(v); !errors.Is(err, errNoKey) {
		t.Errorf("without a key: %v", err)
	}
	r.svc.Keys = keys
	if out, err := r.verify(v); err != nil || out.Status != "approved" {
		t.Errorf("with a key again: %+v, %v", out, err)
	}
	r.svc.Keys = &ring{}
	if _, err := r.svc.Issue(t.Context(), r.get(s.ID)); err == nil {
		t.Error("issued without the key")
	}
}
