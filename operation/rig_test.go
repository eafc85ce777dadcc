package operation

import (
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

const (
	testIssuer = "https://login.example.com/sign"
	testFinish = testIssuer + "/oidc/authorize/1"
	challenge  = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
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

// A rig is a service on a store in memory, with the services demo and plain, of
// which only demo lets anybody scan, and with alice and her phone.
type rig struct {
	t     *testing.T
	svc   *Service
	store *memory
	clock *clock
	audit *journal
	alice *phone
	bob   *phone
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, audit: &journal{}, store: newMemory()}
	master, err := keyring.NewMaster([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyring.NewKey(r.clock.now().Add(-time.Hour), r.clock.now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	demo := session.RelyingParty{ID: "demo", Name: "Acme Bank", Allowed: []device.Scope{device.Name, device.Email},
		Modes: []session.Mode{session.Enter, session.Scan}, TokenTTL: time.Hour}
	plain := demo
	plain.ID, plain.Modes = "plain", []session.Mode{session.Compare}
	services := parties{"demo": demo, "plain": plain}
	sessions := &session.Service{
		Issuer: testIssuer, Lifetime: 2 * time.Minute, Window: session.Window{Back: 5 * time.Second, Ahead: 2 * time.Second}, MaxWrong: 100,
		Secrets: session.Secrets{Master: master}, Parties: services, Store: r.store, Phones: r.store, Keys: ring{keyring.NewRing(key)},
		Audit: r.audit, Now: r.clock.now, Devices: &device.Registry{Issuer: testIssuer, Store: r.store, Audit: r.audit, Now: r.clock.now},
	}
	r.svc = &Service{Issuer: testIssuer, Flows: BuiltIn(), Store: r.store, Repeats: r.store, Sessions: sessions, Parties: services, Audit: r.audit, Now: r.clock.now,
		Terms: map[string]Terms{}, Ledger: &Ledger{Store: r.store, Audit: r.audit, Now: r.clock.now}}
	r.alice, r.bob = r.enrol(), r.enrol()
	return r
}

// A phone is an enrolled device with its key.
type phone struct {
	r     *rig
	token device.TokenID
	id    device.ID
	key   p256.PrivateKey
}

func (r *rig) enrol() *phone {
	r.t.Helper()
	key, err := p256.GenerateKey()
	if err != nil {
		r.t.Fatal(err)
	}
	p := &phone{r: r, token: device.NewTokenID(), id: device.NewID(), key: key}
	i := device.Identity{ID: p.token, CreatedAt: r.clock.now(), Claims: device.Claims{"given_name": []byte(`"Alice"`), "family_name": []byte(`"Doe"`)}}
	i, err = i.With(device.Device{ID: p.id, Key: key.Public(), Name: "a phone", Platform: "android", CreatedAt: r.clock.now(), UsedV1: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store.identities[p.token] = i
	return p
}

// signed signs the lines of a request.
func (p *phone) signed(purpose device.Purpose, lines ...string) session.Signed {
	var b [16]byte
	rand.Read(b[:])
	at, nonce := p.r.clock.now().Unix(), base64.RawURLEncoding.EncodeToString(b[:])
	text := device.SignedText(purpose, testIssuer, append(lines, strconv.FormatInt(at, 10), nonce)...)
	return session.Signed{Token: p.token, Device: p.id, Timestamp: at, Nonce: device.Nonce(nonce), Signature: p.key.Sign(text).String(), Address: "198.51.100.7"}
}

// claim opens a session; scan is empty, or that of its QR code.
func (p *phone) claim(id session.ID, scan string) session.Session {
	p.r.t.Helper()
	q := session.ClaimRequest{Session: id, Scan: scan, Signed: p.signed(device.ClaimPurpose, string(id), string(p.token), string(p.id), scan)}
	s, err := p.r.svc.Sessions.Claim(p.r.t.Context(), q)
	if err != nil {
		p.r.t.Fatal(err)
	}
	return s
}

// decide sends a decision about a claimed session; approvals grant all scopes.
func (p *phone) decide(s session.Session, d session.Decision, code string) error {
	v := session.Verification{Session: s.ID, Decision: d, OTP: code, Display: session.DisplayHash(s.Claim.Display)}
	if d == session.Approve {
		for _, sc := range s.Scopes {
			v.Scopes = append(v.Scopes, string(sc))
		}
	}
	v.Signed = p.signed(device.VerifyPurpose, string(s.ID), string(p.token), string(p.id), s.Service, string(d), code, strings.Join(v.Scopes, " "), v.Display)
	_, err := p.r.svc.Sessions.Verify(p.r.t.Context(), v)
	return err
}

func (r *rig) code(s session.Session) string { return string(r.svc.Sessions.Secrets.Code(s, 0)) }

// wrong is a code that is not the session's.
func (r *rig) wrong(s session.Session) string {
	code := []byte(r.code(s))
	code[0] = '0' + (code[0]-'0'+1)%10
	return string(code)
}

func (r *rig) scan(s session.Session) string {
	return "0:" + session.QRCode(r.svc.Sessions.Secrets.QRKey(s), s.ID, 0)
}

// A browser is what an operation was begun in.
type browser struct {
	r      *rig
	id     ID
	secret string
}

// begin begins a login; change may change it first.
func (r *rig) begin(change ...func(*New)) *browser {
	r.t.Helper()
	n := New{Name: Login, Service: "demo", Scopes: []device.Scope{device.Name}, Finish: testFinish}
	for _, f := range change {
		f(&n)
	}
	o, secret, err := r.svc.Begin(r.t.Context(), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{r, o.ID, secret}
}

// ofAlice is a login that asks for alice.
func (r *rig) ofAlice(n *New) { n.Subject = r.alice.token }

// send sends a message and wants an answer.
func (b *browser) send(m Message) Answer {
	b.r.t.Helper()
	a, err := b.try(m)
	if err != nil {
		b.r.t.Fatalf("%s %s: %v", m.Type, m.Method, err)
	}
	return a
}

func (b *browser) try(m Message) (Answer, error) {
	return b.r.svc.Handle(b.r.t.Context(), b.id, b.secret, m, Requester{IP: "203.0.113.9", UserAgent: "Firefox on Linux", Address: "203.0.113.9"})
}

func (b *browser) take() (Operation, error) { return b.r.svc.Take(b.r.t.Context(), b.id, b.secret) }

// stored is the operation as the store has it.
func (b *browser) stored() Operation {
	b.r.t.Helper()
	o, err := b.r.store.Operation(b.r.t.Context(), b.id)
	if err != nil {
		b.r.t.Fatal(err)
	}
	return o
}

// start starts the device step and gives its session.
func (b *browser) start(scan bool) session.Session {
	b.r.t.Helper()
	a := b.send(startPhone(scan))
	if a.Type != Start || a.Started == nil {
		b.r.t.Fatalf("start answered %s %s", a.Type, a.Reason)
	}
	return *a.Started
}

// state is the session as the store has it.
func (r *rig) state(id session.ID) session.Session {
	r.t.Helper()
	s, err := r.store.Session(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func startPhone(scan bool) Message {
	return Message{Type: Start, Method: ByPhone, Challenge: challenge, Scan: scan}
}

func startName(user string) Message { return Message{Type: Start, Method: ByName, User: user} }
