package oidc

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// memory is a vault. before, if set, runs once before the next Save.
type memory struct {
	mu      sync.Mutex
	records map[string]Record
	names   map[string]string
	once    map[string]bool
	before  func()
}

func newMemory() *memory {
	return &memory{records: map[string]Record{}, names: map[string]string{}, once: map[string]bool{}}
}

func (m *memory) Save(_ context.Context, r Record) error {
	if f := m.before; f != nil {
		m.before = nil
		f()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id := string(r.Kind) + r.ID
	if m.records[id].Version != r.Version-1 {
		return ErrConflict
	}
	for _, n := range r.Names {
		m.names[string(r.Kind)+n] = r.ID
	}
	r.Names, r.Value = nil, slices.Clone(r.Value)
	m.records[id] = r
	return nil
}

func (m *memory) Load(_ context.Context, kind Kind, id string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[string(kind)+id]
	if !ok {
		return r, ErrNotFound
	}
	return r, nil
}

func (m *memory) Find(ctx context.Context, kind Kind, name string) (Record, error) {
	m.mu.Lock()
	id, ok := m.names[string(kind)+name]
	m.mu.Unlock()
	if !ok {
		return Record{}, ErrNotFound
	}
	return m.Load(ctx, kind, id)
}

func (m *memory) Once(_ context.Context, name string, _ time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := !m.once[name]
	m.once[name] = true
	return first, nil
}

// everyone is active, but for the revoked.
type everyone struct{ revoked device.TokenID }

func (e everyone) Identity(_ context.Context, id device.TokenID) (device.Identity, error) {
	i := device.Identity{ID: id, Devices: []device.Device{{}}}
	if id == e.revoked {
		i.Status = device.Revoked
	}
	return i, nil
}

// services has one for every id.
type services struct{}

func (services) Party(id string) (session.RelyingParty, bool) {
	return session.RelyingParty{ID: id, TokenTTL: time.Hour, Allowed: []device.Scope{device.Name, device.Email}}, true
}

func (services) ByOrigin(string) []string { return nil }

type events struct{ kinds []audit.Kind }

func (e *events) Record(_ context.Context, x audit.Event) error {
	e.kinds = append(e.kinds, x.Kind)
	return nil
}

func newKeeper() (*keeper, *memory, *events) {
	m, e := newMemory(), &events{}
	return &keeper{&Provider{Vault: m, Identities: everyone{"tok_revoked"}, Parties: services{}, Audit: e, Now: time.Now}}, m, e
}

// on is a request to an endpoint.
func on(t *testing.T, path string) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), exchangeKey{}, &exchange{path: path})
}

func newGrant() *goidc.Grant {
	return &goidc.Grant{ID: "g", ClientID: "demo", Subject: "tok_alice", AuthCode: "c1", RefreshToken: "r1", CreatedAt: int(time.Now().Unix()),
		Store: map[string]any{factsName: `{"auth_time":1767322800}`}}
}
