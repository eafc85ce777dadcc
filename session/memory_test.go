package session

import (
	"context"
	"slices"
	"sync"
	"time"

	"countersign/device"
)

// memory is a store in memory that compares and swaps as the real one does. It
// obeys its context, and can be told to be late.
type memory struct {
	now func() time.Time

	mu         sync.Mutex
	sessions   map[ID]Session
	identities map[device.TokenID]device.Identity
	standings  map[device.TokenID]Standing
	locks      map[device.ID]time.Time
	wrong      map[device.TokenID]int
	nonces     map[string]bool
	keys       map[string][2]string // idempotency key → session id, body

	// conflicts is how many swaps still find that another was quicker.
	conflicts int
	// afterRead runs, unlocked, after each Open; recalled after each Recall.
	afterRead, recalled func()
	// lockAt is how many wrong codes lock a device for lockFor; 0: none do.
	lockAt  int
	lockFor time.Duration
	// swaps are the changes stored.
	swaps []swapped
	// refuse, if set, is what CountWrong and Open give.
	refuse error
}

type swapped struct {
	old, next Session
	effects   Effects
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, sessions: map[ID]Session{}, identities: map[device.TokenID]device.Identity{},
		standings: map[device.TokenID]Standing{}, locks: map[device.ID]time.Time{}, wrong: map[device.TokenID]int{},
		nonces: map[string]bool{}, keys: map[string][2]string{}}
}

var (
	_ Store        = (*memory)(nil)
	_ Phones       = (*memory)(nil)
	_ Idempotency  = (*memory)(nil)
	_ device.Store = (*memory)(nil)
)

func (m *memory) Create(ctx context.Context, s Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	m.sessions[s.ID] = s
	return nil
}

func (m *memory) Session(ctx context.Context, id ID) (Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session(ctx, id)
}

func (m *memory) session(ctx context.Context, id ID) (Session, error) {
	if err := ctx.Err(); err != nil {
		return Session{}, err
	}
	s, ok := m.sessions[id]
	if !ok {
		return Session{}, ErrNotFound
	}
	return s, nil
}

func (m *memory) Open(ctx context.Context, r Request) (Opened, error) {
	o, err := m.Phone(ctx, r)
	if err == nil {
		o.Session, err = m.Session(ctx, r.Session)
	}
	if m.afterRead != nil {
		m.afterRead()
	}
	return o, err
}

func (m *memory) Phone(ctx context.Context, r Request) (Opened, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		return Opened{}, m.refuse
	}
	x := m.standings[r.Token]
	x.Locked, x.Wrong = m.locks[r.Device], m.wrong[r.Token]
	x.Counted = x.Wrong > 0
	return Opened{Identity: m.identities[r.Token], Standing: x}, ctx.Err()
}

func (m *memory) Swap(ctx context.Context, old, next Session, e Effects) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	cur, err := m.session(ctx, next.ID)
	switch {
	case err != nil:
		return err
	case m.conflicts > 0:
		m.conflicts--
		return ErrConflict
	case cur.Version != old.Version:
		return ErrConflict
	}
	m.sessions[next.ID] = next
	m.swaps = append(m.swaps, swapped{old, next, e})
	x := m.standings[next.Subject()]
	if f := e.Freeze; f != nil {
		x.Frozen = map[string]Freeze{next.Service: {From: f.From.Truncate(time.Millisecond), Until: f.Until.Truncate(time.Millisecond)}}
	}
	if e.Browser != "" {
		x.Browsers = append(slices.Clone(x.Browsers), e.Browser)
	}
	if e.Clear != "" {
		delete(m.wrong, next.Subject())
		delete(m.locks, e.Clear)
	}
	m.standings[next.Subject()] = x
	return nil
}

func (m *memory) Relist(context.Context, Session) error { return nil }

func (m *memory) Forget(_ context.Context, s Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, s.ID)
	return nil
}

func (m *memory) Pending(_ context.Context, r Request, n SeenNonce) (out []Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := string(r.Device) + " " + string(n.Nonce)
	if m.nonces[key] {
		return nil, device.ErrReplayed
	}
	m.nonces[key] = true
	for _, s := range m.sessions {
		if s.Asked == r.Token {
			out = append(out, s)
		}
	}
	return out, nil
}

func (m *memory) CountWrong(_ context.Context, token device.TokenID, id device.ID) (int, time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong[token]++
	if m.lockAt == 0 || m.wrong[token]%m.lockAt != 0 {
		return m.wrong[token], 0, nil
	}
	m.locks[id] = m.now().Add(m.lockFor)
	return m.wrong[token], m.lockFor, nil
}

func (m *memory) Recall(_ context.Context, key string) (ID, string, bool, error) {
	if m.recalled != nil {
		defer m.recalled()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	x, ok := m.keys[key]
	return ID(x[0]), x[1], ok, nil
}

func (m *memory) Remember(_ context.Context, key string, id ID, body string, _ time.Duration) (ID, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.keys[key]; !ok {
		m.keys[key] = [2]string{string(id), body}
	}
	return ID(m.keys[key][0]), m.keys[key][1], nil
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

func (m *memory) SwapIdentity(_ context.Context, old, next device.Identity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.identities[next.ID].Version != old.Version {
		return device.ErrConflict
	}
	m.identities[next.ID] = next
	return nil
}

// setIdentity and setSession put a record there as it is.
func (m *memory) setIdentity(i device.Identity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.identities[i.ID] = i
}

func (m *memory) setSession(s Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.ID] = s
}

// count is how many sessions there are.
func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}
