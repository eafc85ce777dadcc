package system

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// keyLead is longer than a node takes to look for new keys, as it must be.
const keyLead = 6 * time.Second

// Signing keys are rotated while logins run: none breaks, and every token can be
// verified with the keys of either node at the moment it arrives.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	alice := r.Phone(0)
	old := login(t, r, alice, r.Browser(0).Start(alice.Token), "identity:name")
	keys := r.Store(t).SigningKeys()
	if err := keys.Load(rig.Ctx(t)); err != nil {
		t.Fatal(err)
	}
	added, err := keys.Rotate(rig.Ctx(t), keyLead)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]int{}
	over := time.Now().Add(keyLead + time.Second)
	for i := range 4 {
		wg.Go(func() {
			p := r.Phone(i % 2)
			for n := 0; n < 8 || time.Now().Before(over); n++ {
				m := login(t, r, p, r.Browser((i+n)%2).Start(p.Token), "identity:name")
				kid, ok := part(t, m.JWT, 0)["kid"].(string)
				if !ok {
					t.Errorf("no kid in %s", m.JWT)
				}
				if kid == added.ID && time.Now().Before(added.ActiveFrom) {
					t.Errorf("the new key signs %v too early", time.Until(added.ActiveFrom))
				}
				check(t, r, n%2, rig.Service, m.JWT)
				mu.Lock()
				seen[kid]++
				mu.Unlock()
			}
		})
	}
	for n := range r.Nodes { // published before it signs
		r.Eventually("the new key is published", func() bool {
			jwks, err := r.Browser(n).Client.JWKS(rig.Ctx(t))
			return err == nil && strings.Contains(string(jwks), added.ID)
		})
		if !time.Now().Before(added.ActiveFrom) {
			t.Errorf("node %d published the new key only when it signed", n)
		}
	}
	wg.Wait()
	first, ok := part(t, old.JWT, 0)["kid"].(string)
	if !ok || len(seen) != 2 || seen[added.ID] == 0 || seen[first] == 0 {
		t.Errorf("signed with %v, want %s and %s", slices.Collect(maps.Keys(seen)), first, added.ID)
	}
	for n := range r.Nodes {
		check(t, r, n, rig.Service, old.JWT)
	}
}

func master(t *testing.T, secrets ...byte) *keyring.Master {
	t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, bytes.Repeat([]byte{s}, 32))
	}
	m, err := keyring.NewMaster(all...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The master secret is replaced: what began under the old one ends well, and
// afterwards the old one is not needed.
func TestMasterRotation(t *testing.T) {
	t.Parallel()
	under := func(secrets ...byte) func(*server.Config, *server.Secrets) {
		return func(_ *server.Config, s *server.Secrets) {
			s.Master = master(t, secrets...)
			s.Services = map[string]server.ServiceSecrets{rig.Shop: {Secret: []byte(rig.ShopSecret)}} // its response key is in Redis
		}
	}
	r := rig.New(t, rig.Options{Nodes: 1, Secrets: func(s *server.Secrets) { under(7)(nil, s) }})
	p := r.Phone(0)
	begun, claimed := r.Browser(0).Start(p.Token), r.Shop(0).Start(p.Token)
	c := r.Claim(p, claimed.Session.SessionID, "")
	ended := r.Shop(0).Start(p.Token)
	token := login(t, r, p, ended)

	r.Add(under(7, 8)) // accepted everywhere before it is used anywhere
	if err := r.Nodes[0].Stop(); err != nil {
		t.Fatal(err)
	}
	r.Add(under(8, 7))
	p.Client.Base = r.Nodes[1].Base
	for _, b := range []*rig.Browser{begun, claimed, ended} {
		b.Client.Base = r.Nodes[2].Base
	}
	login(t, r, p, begun)
	claimed.Watch().Expect(session.OTPReady)
	claimed.Expect(session.ClaimedMessage)
	approved(t, "claimed under the old secret", verify(r, 2, rig.VerifyBody(p, c, session.Approve, claimed.Session.AutoPassword, now())))
	claimed.Expect(session.ApprovedMessage)
	if again := rig.Expect(t, ended.Dial(), session.ApprovedMessage); again.JWT != token.JWT || again.Hash != token.Hash {
		t.Error("the result of a login changed with the master secret")
	}
	login(t, r, p, r.Browser(2).Start(p.Token)) // begun under the new, decided by a node that uses the old

	r.Eventually("all is sealed under the new secret", func() bool {
		return r.Log.Contains("all identities are sealed under the first master secret")
	})
	if err := r.Nodes[1].Stop(); err != nil {
		t.Fatal(err)
	}
	// The last sealing is the new secret's, whatever the node before it did.
	r.Log.Reset()
	r.Add(under(8, 7))
	r.Eventually("all is sealed under the new secret", func() bool {
		return r.Log.Contains("all identities are sealed under the first master secret")
	})
	r.Add(under(8))
	p.Client.Base = r.Nodes[4].Base
	m := login(t, r, p, r.Shop(4).Start(p.Token))
	if part(t, m.JWT, 0)["kid"] != part(t, token.JWT, 0)["kid"] {
		t.Error("the signing key was lost")
	}
	check(t, r, 4, rig.Shop, token.JWT)
	if _, err := ws.Dial(rig.Ctx(t), strings.Replace(begun.URL(), r.Nodes[2].Base[4:], r.Nodes[4].Base[4:], 1), ws.DialOptions{}); err != nil {
		t.Error(err)
	}
}
