package device

import (
	"context"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
)

// memory is a store in memory that does what the real one does.
type memory struct {
	mu         sync.Mutex
	identities map[TokenID]Identity
	codes      map[EnrolmentCode]CodeOwner
	reserved   map[string]bool // keys, by thumbprint; true once enrolled
	nonces     map[string]bool

	// conflicts is how many swaps still find that another was quicker.
	conflicts int
	// limited, if not zero, is what every caller is told.
	limited time.Duration
	// peeked runs after each PeekCode, unlocked.
	peeked func()
	// events are what was recorded.
	events []audit.Event
}

var (
	_ Store          = (*memory)(nil)
	_ Enrolments     = (*memory)(nil)
	_ audit.Recorder = (*memory)(nil)
)

func (m *memory) Record(_ context.Context, e audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
	return nil
}

func (m *memory) Identity(ctx context.Context, id TokenID) (Identity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.identities[id]
	if !ok {
		return i, ErrUnknown
	}
	return i, ctx.Err()
}

func (m *memory) SwapIdentity(ctx context.Context, old, next Identity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conflicts > 0 {
		m.conflicts--
		return ErrConflict
	}
	if m.identities[next.ID].Version != old.Version {
		return ErrConflict
	}
	m.identities[next.ID] = next
	return ctx.Err()
}

func (m *memory) PutCode(_ context.Context, c EnrolmentCode, o CodeOwner, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.codes[c] = o
	return nil
}

func (m *memory) PeekCode(_ context.Context, c EnrolmentCode, key p256.PublicKey, n Nonce, _ string) (CodeOwner, error) {
	if m.peeked != nil {
		defer m.peeked()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch o, ok := m.codes[c]; {
	case m.limited > 0:
		return CodeOwner{}, LimitedError{After: m.limited}
	case m.nonces[key.Thumbprint()+string(n)]:
		return CodeOwner{}, ErrReplayed
	case !ok:
		return CodeOwner{}, ErrCodeUnknown
	default:
		return o, nil
	}
}

func (m *memory) ReserveKey(_ context.Context, key p256.PublicKey, n Nonce, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	nonce := key.Thumbprint() + string(n)
	if m.nonces[nonce] {
		return ErrReplayed
	}
	if _, taken := m.reserved[key.Thumbprint()]; taken {
		return ErrAlreadyEnrolled
	}
	m.nonces[nonce], m.reserved[key.Thumbprint()] = true, false
	return nil
}

func (m *memory) SpendCode(ctx context.Context, c EnrolmentCode) (CodeOwner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.codes[c]
	if !ok {
		return CodeOwner{}, ErrCodeUnknown
	}
	delete(m.codes, c)
	return o, ctx.Err()
}

func (m *memory) SettleKey(ctx context.Context, key p256.PublicKey, enrolled bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if enrolled {
		m.reserved[key.Thumbprint()] = true
	} else {
		delete(m.reserved, key.Thumbprint())
	}
	return ctx.Err()
}

const testIssuer = "https://login.example.com"

// A desk is a registry on a store in memory, with alice and a code for her.
type desk struct {
	*Registry
	store *memory
	now   time.Time
	alice TokenID
	code  EnrolmentCode
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{now: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC),
		store: &memory{identities: map[TokenID]Identity{}, codes: map[EnrolmentCode]CodeOwner{}, reserved: map[string]bool{}, nonces: map[string]bool{}}}
	d.Registry = &Registry{Issuer: testIssuer, Store: d.store, Enrolments: d.store, Audit: d.store, Now: func() time.Time { return d.now }}
	i, err := d.Add(t.Context(), Claims{"given_name": []byte(`"Alice"`)})
	if err != nil {
		t.Fatal(err)
	}
	d.alice = i.ID
	d.code, _, err = d.NewCode(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newKey(t *testing.T) p256.PrivateKey {
	t.Helper()
	k, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// enrolment is a new phone's signed wish.
func (d *desk) enrolment(code string, key p256.PrivateKey) Enrolment {
	return sign(Enrolment{Code: code, Key: key.Public(), Name: "Alice’s phone", Platform: "android", Timestamp: d.now.Unix(),
		Nonce: "BwcHBwcHBwcHBwcHBwcHBw", Address: "198.51.100.7"}, key)
}

func sign(e Enrolment, key p256.PrivateKey) Enrolment {
	e.Signature = key.Sign(e.Text(testIssuer)).String()
	return e
}
