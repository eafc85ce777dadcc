package session

import (
	"crypto/sha256"
	"testing"

	"countersign/device"
)

// A pairwise id has the form of every other, is the service's own, and can be
// turned back.
func TestPairwiseIDs(t *testing.T) {
	r := newRig(t)
	a, b := *r.party, *r.party
	a.Pairwise, b.Pairwise = true, true
	b.SubjectKey = []byte("another subject key, 32 bytes ok")
	for range 100 {
		id := device.NewTokenID()
		atA, atB := a.Subject(id), b.Subject(id)
		if !atA.WellFormed() || atA == id || atA == atB {
			t.Fatalf("%s is %s at one and %s at another service", id, atA, atB)
		}
		if a.Identity(atA) != id || b.Identity(atB) != id || a.Subject(id) != atA {
			t.Fatalf("%s does not come back", id)
		}
		if b.Identity(atA) == id {
			t.Fatalf("a service finds %s by another's id", id)
		}
		if r.party.Subject(id) != id || r.party.Identity(id) != id {
			t.Fatalf("%s is another at a service with public ids", id)
		}
	}
	foreign := device.TokenID("alice@example.com")
	if got := a.Identity(foreign); !got.WellFormed() || got != a.Identity(foreign) {
		t.Errorf("a foreign id becomes %q", got)
	}
	if got := a.Subject(foreign); got != "" {
		t.Errorf("a foreign id has the subject %q", got)
	}
}

// With a pairwise service the phone has its own id, the start and the token the
// service's.
func TestPairwiseLogin(t *testing.T) {
	r := newRig(t)
	r.party.Pairwise = true
	sub := r.party.Subject(r.alice.token)
	s := r.start(func(st *Start) { st.Party, st.Asked = *r.party, &sub })
	if s.Asked != r.alice.token {
		t.Fatalf("asks for %s", s.Asked)
	}
	s = r.mustClaim(r.alice, s, "")
	if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); err != nil {
		t.Fatal(err)
	}
	if got := r.svc.claims(r.get(s.ID))["sub"]; got != string(sub) {
		t.Errorf("sub is %v, want %s", got, sub)
	}
	if _, err := r.svc.Issue(t.Context(), r.get(s.ID)); err != nil {
		t.Error(err)
	}
}

func TestServiceSecret(t *testing.T) {
	sum := sha256.Sum256([]byte("secret"))
	with, without := RelyingParty{SecretHash: sum[:]}, RelyingParty{Origins: []string{testOrigin}}
	if !with.Authenticates() || !with.Secret("secret") || with.Secret("Secret") || with.Secret("") {
		t.Error("a service with a secret")
	}
	if without.Authenticates() || without.Secret("") {
		t.Error("a service without a secret")
	}
	if !without.MayUse(testOrigin) || without.MayUse("") || without.MayUse(testOrigin+"/") || with.MayUse(testOrigin) {
		t.Error("origins")
	}
}
