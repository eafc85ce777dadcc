package session

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
)

const (
	testIssuer  = "https://login.example.com"
	testService = "demo"
	testOrigin  = "https://bank.example"
)

// A clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// parties are the services there are.
type parties map[string]*RelyingParty

func (p parties) Party(id string) (RelyingParty, bool) {
	party, ok := p[id]
	if !ok {
		return RelyingParty{}, false
	}
	return *party, true
}

func (p parties) ByOrigin(origin string) (ids []string) {
	for id, party := range p {
		if party.MayUse(origin) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ring is the signing keys.
type ring struct{ keyring.Ring }

func (r ring) Find(_ context.Context, kid string) (keyring.Key, error) {
	k, ok := r.Ring.Find(kid)
	if !ok {
		return k, fmt.Errorf("no key %s", kid)
	}
	return k, nil
}

// journal keeps the events recorded.
type journal struct {
	mu     sync.Mutex
	events []audit.Event
}

func (j *journal) Record(_ context.Context, e audit.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
	return nil
}

func (j *journal) count(k audit.Kind) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// A rig is a service on a store in memory, with alice, her phone and a second
// one of hers, and bob with one.
type rig struct {
	t     testing.TB
	svc   *Service
	store *memory
	clock *clock
	party *RelyingParty // demo, open
	ring  *ring
	audit *journal
	nonce atomic.Uint64

	alice, second, bob *phone
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, audit: &journal{}}
	master, err := keyring.NewMaster([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyring.NewKey(r.clock.now().Add(-time.Hour), r.clock.now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r.ring = &ring{keyring.NewRing(key)}
	r.party = &RelyingParty{
		ID: testService, Name: "Acme Bank", Origins: []string{testOrigin},
		Allowed: []device.Scope{device.Name, device.AgeOver18, device.Email}, Default: []device.Scope{device.Name, device.AgeOver18},
		Required: []device.Scope{device.Name}, Modes: []Mode{Enter, Scan, Compare}, TokenTTL: time.Hour,
		ResponseKey: make([]byte, 32), SubjectKey: []byte("a subject key of 32 bytes in all"),
	}
	r.store = newMemory(r.clock.now)
	r.svc = &Service{
		Issuer: testIssuer, Lifetime: 2 * time.Minute, Window: Window{Back: 5 * time.Second, Ahead: 2 * time.Second}, MaxWrong: 100,
		Secrets: Secrets{Master: master}, Parties: parties{testService: r.party}, Store: r.store, Phones: r.store,
		Idempotency: r.store, Keys: r.ring, Audit: r.audit, Now: r.clock.now,
		Devices: &device.Registry{Issuer: testIssuer, Store: r.store, Audit: r.audit, Now: r.clock.now},
	}
	claims := device.Claims{"given_name": []byte(`"Alice"`), "family_name": []byte(`"Doe"`), "birthdate": []byte(`"1990-05-17"`)}
	r.alice = r.enrol("", claims)
	r.second = r.enrol(r.alice.token, nil)
	r.bob = r.enrol("", device.Claims{})
	return r
}

// A phone is an enrolled device with its key.
type phone struct {
	r     *rig
	token device.TokenID
	id    device.ID
	key   p256.PrivateKey
}

// enrol adds a phone to an identity, or to a new one.
func (r *rig) enrol(token device.TokenID, claims device.Claims) *phone {
	r.t.Helper()
	key, err := p256.GenerateKey()
	if err != nil {
		r.t.Fatal(err)
	}
	i := device.Identity{ID: device.NewTokenID(), CreatedAt: r.clock.now(), Claims: claims}
	if token != "" {
		i, _ = r.store.Identity(context.Background(), token)
	}
	p := &phone{r: r, token: i.ID, id: device.NewID(), key: key}
	i, err = i.With(device.Device{ID: p.id, Key: key.Public(), Name: "a phone", Platform: "android", CreatedAt: r.clock.now(), UsedV1: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store.setIdentity(i)
	return p
}

// start begins a session that asks for alice, in the service's default mode.
func (r *rig) start(change ...func(*Start)) Session {
	r.t.Helper()
	st := Start{Party: *r.party, Asked: &r.alice.token, Origin: testOrigin, Address: "203.0.113.9",
		Requester: &Requester{IP: "203.0.113.9", UserAgent: "Firefox on Linux"}}
	for _, c := range change {
		c(&st)
	}
	s, err := r.svc.Start(context.Background(), st)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// claimed is a started session that alice's phone has opened.
func (r *rig) claimed(change ...func(*Start)) Session {
	r.t.Helper()
	return r.mustClaim(r.alice, r.start(change...), "")
}

func (r *rig) mustClaim(p *phone, s Session, scan string) Session {
	r.t.Helper()
	s, err := r.svc.Claim(context.Background(), p.claim(s.ID, scan))
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// get reads a session as it is stored.
func (r *rig) get(id ID) Session {
	r.t.Helper()
	s, err := r.store.Session(context.Background(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// code is the session's present code; wrong gives others.
func (r *rig) code(s Session) string {
	return string(r.svc.Secrets.Code(s, r.svc.period(s, r.clock.now())))
}

// wrong is the k-th of the codes that are not the first period's, k from 1.
func (r *rig) wrong(s Session, k int) string {
	n, err := strconv.Atoi(string(r.svc.Secrets.Code(s, 0)))
	if err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprintf("%06d", (n+k)%1_000_000)
}

// scan is what a camera reads from the page now.
func (r *rig) scan(s Session) string { return r.scanAt(s, s.Elapsed(r.clock.now())) }

func (r *rig) scanAt(s Session, t int64) string {
	return strconv.FormatInt(t, 10) + ":" + QRCode(r.svc.Secrets.QRKey(s), s.ID, t)
}

// fresh is a nonce that was not there before.
func (r *rig) fresh() device.Nonce {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], r.nonce.Add(1))
	return device.Nonce(base64.RawURLEncoding.EncodeToString(b[:]))
}

func (p *phone) signed() Signed {
	return Signed{Token: p.token, Device: p.id, Timestamp: p.r.clock.now().Unix(), Nonce: p.r.fresh(), Address: "198.51.100.7"}
}

// claim is a signed claim of session id.
func (p *phone) claim(id ID, scan string) ClaimRequest {
	q := ClaimRequest{Signed: p.signed(), Session: id, Scan: scan}
	return p.signClaim(q)
}

func (p *phone) signClaim(q ClaimRequest) ClaimRequest {
	q.Signature = p.key.Sign(q.text(testIssuer)).String()
	return q
}

// verification is a signed decision about a session as this phone was shown
// it; approvals grant all scopes.
func (p *phone) verification(s Session, d Decision, code string) Verification {
	v := Verification{Signed: p.signed(), Session: s.ID, Decision: d, OTP: code}
	if s.Claim != nil {
		v.Display = DisplayHash(s.Claim.Display)
	}
	if d == Approve {
		for _, sc := range s.Scopes {
			v.Scopes = append(v.Scopes, string(sc))
		}
	}
	return p.sign(v)
}

func (p *phone) sign(v Verification) Verification {
	v.Signature = p.key.Sign(v.text(testIssuer, testService)).String()
	return v
}

// legacy is a v0 approval; scopes nil: it names none.
func (p *phone) legacy(s Session, code string, scopes []string) Verification {
	v := Verification{V0: true, Session: s.ID, Decision: Approve, OTP: code, Scopes: scopes,
		Signed: Signed{Token: p.token, Timestamp: p.r.clock.now().Unix()}}
	v.Signature = p.key.Sign([]byte(v.textsV0()[0])).String()
	return v
}

// verify sends a verification.
func (r *rig) verify(v Verification) (Outcome, error) { return r.svc.Verify(context.Background(), v) }

// pending is a signed question what waits.
func (p *phone) pending() PendingRequest {
	q := PendingRequest{p.signed()}
	q.Signature = p.key.Sign(q.text(testIssuer)).String()
	return q
}

func encodeStd(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
