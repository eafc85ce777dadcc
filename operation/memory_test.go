package operation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/session"
)

// memory is a store in memory that compares and swaps as the real one does.
type memory struct {
	session.Phones // what is not needed here is not there

	mu         sync.Mutex
	sessions   map[session.ID]session.Session
	identities map[device.TokenID]device.Identity
	operations map[ID]Operation
	repeats    map[string]repeat
	turns      map[string]ID
	listed     []ID
	consents   map[string]Consent
	written    map[string]uint64 // versions of the consents

	// full is what Create gives; conflicts is how many swaps of an operation
	// still find that another was quicker.
	full      error
	conflicts int
	// unlisted is what ListOperation gives.
	unlisted error
	// meanwhile, if set, happens once before a session is cancelled.
	meanwhile func()
	// reads counts the operations asked for.
	reads int
}

func newMemory() *memory {
	return &memory{sessions: map[session.ID]session.Session{}, identities: map[device.TokenID]device.Identity{}, operations: map[ID]Operation{}, repeats: map[string]repeat{}, turns: map[string]ID{},
		consents: map[string]Consent{}, written: map[string]uint64{}}
}

var (
	_ Store         = (*memory)(nil)
	_ session.Store = (*memory)(nil)
	_ device.Store  = (*memory)(nil)
	_ Consents      = (*memory)(nil)
)

func (m *memory) CreateOperation(_ context.Context, o Operation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.operations[o.ID] = o
	return nil
}

func (m *memory) ListOperation(_ context.Context, o Operation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unlisted != nil {
		return m.unlisted
	}
	if o.About() != "" {
		m.listed = append(m.listed, o.ID)
	}
	return nil
}

func (m *memory) Operation(_ context.Context, id ID) (Operation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	o, ok := m.operations[id]
	if !ok {
		return o, ErrNotFound
	}
	return o, nil
}

func (m *memory) OperationsOf(_ context.Context, service string, subject device.TokenID) (ids []ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.listed {
		if o := m.operations[id]; o.ByService && o.Service == service && o.About() == subject {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (m *memory) TakeTurn(_ context.Context, login string, id ID, _ time.Time) (ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.turns[login]
	m.turns[login] = id
	return before, nil
}

func (m *memory) Turn(_ context.Context, login string) (ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.turns[login], nil
}

func (m *memory) RecallOperation(_ context.Context, key string) (ID, string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.repeats[key]
	return r.id, r.body, ok, nil
}

func (m *memory) RememberOperation(_ context.Context, key string, id ID, body string, _ time.Duration) (ID, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.repeats[key]; ok {
		return r.id, r.body, nil
	}
	m.repeats[key] = repeat{id, body}
	return id, body, nil
}

type repeat struct {
	id   ID
	body string
}

func (m *memory) SwapOperation(_ context.Context, old, next Operation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conflicts > 0 {
		m.conflicts--
		return ErrConflict
	}
	if m.operations[next.ID].Version != old.Version || next.Version != old.Version+1 {
		return ErrConflict
	}
	m.operations[next.ID] = next
	if next.About() != "" && next.About() != old.About() {
		m.listed = append(m.listed, next.ID)
	}
	return nil
}

func (m *memory) Consent(_ context.Context, id device.TokenID, service string) (Consent, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := string(id) + "\n" + service
	return m.consents[key], m.written[key], nil
}

func (m *memory) SwapConsent(_ context.Context, id device.TokenID, c Consent, old uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := string(id) + "\n" + c.Service
	if m.written[key] != old {
		return ErrConflict
	}
	m.consents[key], m.written[key] = c, old+1
	return nil
}

func (m *memory) Phone(ctx context.Context, r session.Request) (session.Opened, error) {
	if m.Phones != nil {
		return m.Phones.Phone(ctx, r)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return session.Opened{Identity: m.identities[r.Token]}, nil
}

func (m *memory) Create(_ context.Context, s session.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full == nil {
		m.sessions[s.ID] = s
	}
	return m.full
}

func (m *memory) Session(_ context.Context, id session.ID) (session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return s, session.ErrNotFound
	}
	return s, nil
}

func (m *memory) Open(ctx context.Context, r session.Request) (session.Opened, error) {
	s, err := m.Session(ctx, r.Session)
	m.mu.Lock()
	defer m.mu.Unlock()
	return session.Opened{Session: s, Identity: m.identities[r.Token]}, err
}

func (m *memory) Swap(_ context.Context, old, next session.Session, _ session.Effects) error {
	if f := m.meanwhile; f != nil && next.State == session.Cancelled {
		m.meanwhile = nil
		f()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions[next.ID].Version != old.Version {
		return session.ErrConflict
	}
	m.sessions[next.ID] = next
	return nil
}

func (m *memory) Relist(context.Context, session.Session) error { return nil }

func (m *memory) Forget(_ context.Context, s session.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, s.ID)
	return nil
}

func (m *memory) CountWrong(context.Context, device.TokenID, device.ID) (int, time.Duration, error) {
	return 1, 0, nil
}

func (m *memory) Identity(_ context.Context, id device.TokenID) (device.Identity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.identities[id]
	if !ok {
		return i, device.ErrUnknown
	}
	return i, nil
}

func (m *memory) SwapIdentity(_ context.Context, _, next device.Identity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.identities[next.ID] = next
	return nil
}

// open counts the sessions that have not ended.
func (m *memory) open() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.State.Open() {
			n++
		}
	}
	return n
}

// parties are the services there are.
type parties map[string]session.RelyingParty

func (p parties) Party(id string) (session.RelyingParty, bool) {
	party, ok := p[id]
	return party, ok
}

func (parties) ByOrigin(string) []string { return nil }

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

// of gives the details of the events of a kind.
func (j *journal) of(k audit.Kind) (details []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.Kind == k {
			details = append(details, e.Detail)
		}
	}
	return details
}
