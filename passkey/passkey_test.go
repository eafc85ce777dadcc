package passkey

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/test/authenticator"
)

const origin = "https://login.example.com"

// memory keeps wallets as the real store does.
type memory struct {
	mu      sync.Mutex
	wallets map[device.TokenID]Wallet
	events  []audit.Event
}

func (m *memory) Wallet(_ context.Context, id device.TokenID) (Wallet, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.wallets[id]
	w.Token = id
	return w, nil
}

func (m *memory) SwapWallet(_ context.Context, old, next Wallet) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wallets[next.Token].Version != old.Version {
		return ErrConflict
	}
	m.wallets[next.Token] = next
	return nil
}

func (m *memory) WalletOf(_ context.Context, handle []byte) (device.TokenID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, w := range m.wallets {
		if slices.Equal(w.Handle, handle) {
			return id, nil
		}
	}
	return "", nil
}

func (*memory) CountPasskey(context.Context, string) error { return nil }

func (m *memory) Record(_ context.Context, e audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
	return nil
}

type rig struct {
	t   *testing.T
	svc *Service
	m   *memory
}

func newRig(t *testing.T) *rig {
	t.Helper()
	site, ok := SiteOf(origin + "/sign")
	if !ok || site.ID != "login.example.com" || site.Origin != origin {
		t.Fatalf("the site is %+v", site)
	}
	m := &memory{wallets: map[device.TokenID]Wallet{}}
	return &rig{t, &Service{Site: site, Store: m, Audit: m, Now: time.Now}, m}
}

func challenge(b byte) []byte { return slices.Repeat([]byte{b}, 32) }

// made has an authenticator make a passkey, and gives what it answers.
func (r *rig) made(id device.TokenID, bend ...func(*authenticator.Said)) (k *authenticator.Key, handle, attestation []byte) {
	r.t.Helper()
	w, err := r.svc.Store.Wallet(r.t.Context(), id)
	r.check(err)
	if w.Version == 0 {
		w.Handle = NewHandle()
	}
	options, err := r.svc.Site.AskNew(w, "Alice Doe", challenge(1), time.Minute)
	r.check(err)
	k, attestation, err = authenticator.Create(options, origin, bend...)
	r.check(err)
	return k, w.Handle, attestation
}

// add gives an identity a passkey.
func (r *rig) add(id device.TokenID) *authenticator.Key {
	r.t.Helper()
	k, handle, attestation := r.made(id)
	r.check(r.svc.Add(r.t.Context(), id, "dev_phone", handle, attestation, challenge(1)))
	return k
}

// sign has a passkey sign a challenge.
func (r *rig) sign(k *authenticator.Key, c []byte, bend ...func(*authenticator.Said)) []byte {
	r.t.Helper()
	options, err := r.svc.Site.Ask(c, time.Minute)
	r.check(err)
	a, err := k.Sign(options, bend...)
	r.check(err)
	return a
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) refused(err error, why Why) {
	r.t.Helper()
	if e, ok := Refused(err); !ok || e.Why != why {
		r.t.Errorf("got %v, want %s", err, why)
	}
}

// A passkey that was added proves who it is, as often as its counter goes up.
func TestProves(t *testing.T) {
	r := newRig(t)
	k := r.add("tok_alice")
	for range 2 {
		f, err := r.svc.Check(t.Context(), r.sign(k, challenge(2)), challenge(2))
		r.check(err)
		if f.Token != "tok_alice" {
			t.Errorf("it is %s", f.Token)
		}
		r.check(r.svc.Use(t.Context(), f))
	}
	if w := r.m.wallets["tok_alice"]; w.Passkeys[0].Count != 2 || w.Passkeys[0].UsedAt.IsZero() {
		t.Errorf("kept %+v", w.Passkeys[0])
	}
	if w := r.m.wallets["tok_alice"]; len(r.m.events) != 1 || r.m.events[0].Kind != audit.PasskeyAdded || r.m.events[0].Device != "dev_phone" || w.Passkeys[0].By != "dev_phone" {
		t.Errorf("recorded %v", r.m.events)
	}
}

// Whatever is bent, it proves nothing.
func TestBent(t *testing.T) {
	r := newRig(t)
	alice, bob := r.add("tok_alice"), r.add("tok_bob")
	for name, c := range map[string]struct {
		bend func(*authenticator.Said)
		why  Why
	}{
		"origin":              {func(s *authenticator.Said) { s.Origin = "https://login.example.org" }, Unproven},
		"port":                {func(s *authenticator.Said) { s.Origin = origin + ":8443" }, Unproven},
		"scheme":              {func(s *authenticator.Said) { s.Origin = "http://login.example.com" }, Unproven},
		"in a frame":          {func(s *authenticator.Said) { s.CrossOrigin = true }, Unproven},
		"rp id":               {func(s *authenticator.Said) { s.RPID = "example.com" }, Unproven},
		"challenge":           {func(s *authenticator.Said) { s.Challenge = "AAAA" }, Unproven},
		"no challenge":        {func(s *authenticator.Said) { s.Challenge = "" }, Unproven},
		"ceremony":            {func(s *authenticator.Said) { s.Type = "webauthn.create" }, Unproven},
		"user not verified":   {func(s *authenticator.Said) { s.Flags = authenticator.Present }, Unproven},
		"user not there":      {func(s *authenticator.Said) { s.Flags = authenticator.Verified }, Unproven},
		"may be copied now":   {func(s *authenticator.Said) { s.Flags |= authenticator.Eligible }, Unproven},
		"copied":              {func(s *authenticator.Said) { s.Flags |= authenticator.Copied }, Unproven},
		"another's handle":    {func(s *authenticator.Said) { s.Handle = bob.Handle }, Unknown},
		"another's passkey":   {func(s *authenticator.Said) { s.ID, s.Handle = bob.ID, bob.Handle }, Unproven},
		"another's id":        {func(s *authenticator.Said) { s.ID = bob.ID }, Unknown},
		"no handle":           {func(s *authenticator.Said) { s.Handle = nil }, Unknown},
		"nobody's handle":     {func(s *authenticator.Said) { s.Handle = NewHandle() }, Unknown},
		"nobody's passkey":    {func(s *authenticator.Said) { s.ID = NewHandle() }, Unknown},
		"handle of no length": {func(s *authenticator.Said) { s.Handle = []byte{1} }, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{t, r.svc, r.m}
			_, err := r.svc.Check(t.Context(), r.sign(alice, challenge(2), c.bend), challenge(2))
			r.refused(err, c.why)
		})
	}
	// What is signed for one challenge is for no other.
	_, err := r.svc.Check(t.Context(), r.sign(alice, challenge(2)), challenge(3))
	r.refused(err, Unproven)
	// And the signature itself.
	var a map[string]any
	r.check(json.Unmarshal(r.sign(alice, challenge(2)), &a))
	var b map[string]any
	r.check(json.Unmarshal(r.sign(alice, challenge(2)), &b))
	a["response"].(map[string]any)["signature"] = b["response"].(map[string]any)["signature"]
	mixed, err := json.Marshal(a)
	r.check(err)
	_, err = r.svc.Check(t.Context(), mixed, challenge(2))
	r.refused(err, Unproven)
	for _, odd := range []string{"", "null", "{}", "[]", `{"id":"AA"}`, strings.Repeat("[", bytesMost), strings.Repeat(" ", bytesMost+1)} {
		_, err := r.svc.Check(t.Context(), []byte(odd), challenge(2))
		r.refused(err, Malformed)
	}
}

// A counter that does not go up is a copy, of any number of copies at once one is
// taken; and authenticators that do not count are not held to it.
func TestCounter(t *testing.T) {
	r := newRig(t)
	k := r.add("tok_alice")
	use := func(count uint32) error {
		f, err := r.svc.Check(t.Context(), r.sign(k, challenge(2), func(s *authenticator.Said) { s.Count = count }), challenge(2))
		r.check(err)
		return r.svc.Use(t.Context(), f)
	}
	r.check(use(0))
	r.check(use(0))
	r.check(use(7))
	for _, back := range []uint32{7, 6, 0} {
		r.refused(use(back), Counter)
	}
	f, err := r.svc.Check(t.Context(), r.sign(k, challenge(2), func(s *authenticator.Said) { s.Count = 8 }), challenge(2))
	r.check(err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 4 {
		wg.Go(func() {
			err := r.svc.Use(t.Context(), f)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken++
			} else if e, ok := Refused(err); (!ok || e.Why != Counter) && !errors.Is(err, ErrConflict) {
				t.Errorf("refused by %v", err)
			}
		})
	}
	wg.Wait()
	if taken != 1 {
		t.Errorf("taken %d times", taken)
	}
}

// A new passkey has to be made for this site and challenge, by a user who is verified,
// and is nobody's yet; an identity has at most so many.
func TestAdd(t *testing.T) {
	r := newRig(t)
	for name, bend := range map[string]func(*authenticator.Said){
		"origin":            func(s *authenticator.Said) { s.Origin = "https://login.example.org" },
		"rp id":             func(s *authenticator.Said) { s.RPID = "example.com" },
		"challenge":         func(s *authenticator.Said) { s.Challenge = "AAAA" },
		"ceremony":          func(s *authenticator.Said) { s.Type = "webauthn.get" },
		"user not verified": func(s *authenticator.Said) { s.Flags = authenticator.Present },
		"long id":           func(s *authenticator.Said) { s.ID = slices.Repeat([]byte{1}, idMost+1) },
	} {
		t.Run(name, func(t *testing.T) {
			_, handle, attestation := r.made("tok_alice", bend)
			e, ok := Refused(r.svc.Add(t.Context(), "tok_alice", "dev_phone", handle, attestation, challenge(1)))
			if !ok || e.Why != Unproven && e.Why != Malformed {
				t.Errorf("got %+v", e)
			}
		})
	}
	k := r.add("tok_alice")
	_, handle, again := r.made("tok_alice", func(s *authenticator.Said) { s.ID = k.ID })
	r.refused(r.svc.Add(t.Context(), "tok_alice", "dev_phone", handle, again, challenge(1)), Known)
	_, _, other := r.made("tok_alice")
	r.refused(r.svc.Add(t.Context(), "tok_alice", "dev_phone", NewHandle(), other, challenge(1)), Unknown)
	for range Most - 1 {
		r.add("tok_alice")
	}
	_, handle, tooMany := r.made("tok_alice")
	if err := r.svc.Add(t.Context(), "tok_alice", "dev_phone", handle, tooMany, challenge(1)); !errors.Is(err, ErrFull) {
		t.Errorf("one too many is %v", err)
	}
}

// A passkey that was removed is good for nothing, also if it signed before.
func TestRemove(t *testing.T) {
	r := newRig(t)
	k, kept := r.add("tok_alice"), r.add("tok_alice")
	f, err := r.svc.Check(t.Context(), r.sign(k, challenge(2)), challenge(2))
	r.check(err)
	holds, err := r.svc.Holds(t.Context(), "tok_alice", f.Device())
	if err != nil || !holds || !Names(f.Device()) {
		t.Errorf("%s is held: %t, %v", f.Device(), holds, err)
	}
	r.check(r.svc.Remove(t.Context(), "tok_alice", Passkey{ID: k.ID}.Name()))
	r.refused(r.svc.Use(t.Context(), f), Unknown)
	if holds, _ := r.svc.Holds(t.Context(), "tok_alice", f.Device()); holds {
		t.Error("it is held after it was removed")
	}
	_, err = r.svc.Check(t.Context(), r.sign(k, challenge(2)), challenge(2))
	r.refused(err, Unknown)
	if err := r.svc.Remove(t.Context(), "tok_alice", Passkey{ID: k.ID}.Name()); !errors.Is(err, ErrUnknown) {
		t.Errorf("removed twice: %v", err)
	}
	_, err = r.svc.Check(t.Context(), r.sign(kept, challenge(2)), challenge(2))
	r.check(err)
	r.check(r.svc.Clear(t.Context(), "tok_alice"))
	_, err = r.svc.Check(t.Context(), r.sign(kept, challenge(2)), challenge(2))
	r.refused(err, Unknown)
	var removed []string
	for _, e := range r.m.events {
		if e.Kind == audit.PasskeyRemoved {
			removed = append(removed, e.Detail)
		}
	}
	if !slices.Equal(removed, []string{"", "all"}) {
		t.Errorf("recorded %q", removed)
	}
}

// What browsers are asked: no list of passkeys that would say whose, and everything
// that is demanded.
func TestWishes(t *testing.T) {
	r := newRig(t)
	ask, err := r.svc.Site.Ask(challenge(1), time.Minute)
	r.check(err)
	for _, want := range []string{`"allowCredentials":[]`, `"userVerification":"required"`, `"rpId":"login.example.com"`, `"timeout":60000`} {
		if !strings.Contains(string(ask), want) {
			t.Errorf("%s lacks %s", ask, want)
		}
	}
	k := r.add("tok_alice")
	w := r.m.wallets["tok_alice"]
	ask, err = r.svc.Site.AskNew(w, "Alice Doe", challenge(1), time.Hour)
	r.check(err)
	for _, want := range []string{`"residentKey":"required"`, `"requireResidentKey":true`, `"userVerification":"required"`, `"attestation":"none"`,
		`"excludeCredentials":[{"type":"public-key","id":"` + Passkey{ID: k.ID}.Name() + `"`, `"timeout":600000`} {
		if !strings.Contains(string(ask), want) {
			t.Errorf("%s lacks %s", ask, want)
		}
	}
	for _, issuer := range []string{"https://192.0.2.1", "http://[::1]:8080", "", "%"} {
		if _, ok := SiteOf(issuer); ok {
			t.Errorf("%s has passkeys", issuer)
		}
	}
}
