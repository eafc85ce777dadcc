package session

import (
	"context"
	"time"

	"countersign/crypto/keyring"
	"countersign/device"
)

// Store keeps sessions. It compares, swaps, expires and publishes, and never
// decides.
type Store interface {
	// Create writes a new session with its lifetime in one step, after the
	// caller's limits and the room left were looked at. device.LimitedError, ErrFull.
	Create(ctx context.Context, s Session) error
	// Session reads one. ErrNotFound.
	Session(ctx context.Context, id ID) (Session, error)
	// Open reads a session, and the identity of the phone that asks for it
	// with what is held against it, in one trip, and counts the caller.
	// ErrNotFound for the session; device.LimitedError; an unknown identity is a zero one.
	Open(ctx context.Context, r Request) (Opened, error)
	// Swap writes next if the stored version is old's, tells whoever watches,
	// and carries out the effects in the same trip. ErrConflict, ErrNotFound.
	Swap(ctx context.Context, old, next Session, e Effects) error
	// Forget removes a session that was refused after it was written.
	Forget(ctx context.Context, s Session) error
	// Relist lists a session to the phones once more, if there is room now.
	Relist(ctx context.Context, s Session) error
}

// Phones keeps what is held for and against identities.
type Phones interface {
	// Phone reads an identity and its standing in one trip, and counts the
	// caller. device.LimitedError; an unknown identity is a zero one.
	Phone(ctx context.Context, r Request) (Opened, error)
	// Pending lists the open sessions that ask for an identity, and spends
	// the request's nonce. device.ErrReplayed.
	Pending(ctx context.Context, r Request, n SeenNonce) ([]Session, error)
	// CountWrong counts a wrong code against the identity and its device, and
	// gives how many in a row the identity now has, and how long the device
	// is locked.
	CountWrong(ctx context.Context, token device.TokenID, id device.ID) (inARow int, locked time.Duration, err error)
}

// Lists reads what waits for phones that are connected and ask nothing.
type Lists interface {
	// Listed reads, for each of several phones, its identity with its standing
	// and the open sessions listed to it, in as few trips as there are steps and
	// without counting anybody. The answers have the order of the phones.
	Listed(ctx context.Context, phones []Phone) ([]Listed, error)
}

// Idempotency remembers which session an idempotency key started.
type Idempotency interface {
	// Recall gives the session and the body's digest that a key stands for;
	// ok is false when it stands for none.
	Recall(ctx context.Context, key string) (id ID, body string, ok bool, err error)
	// Remember makes the key stand for session id unless it stands for
	// another already, and gives what it stands for now.
	Remember(ctx context.Context, key string, id ID, body string, lifetime time.Duration) (ID, string, error)
}

// A Route is a way in that is limited by itself.
type Route string

// The routes of a phone.
const (
	ClaimRoute   Route = "claim"
	VerifyRoute  Route = "verify"
	PendingRoute Route = "pending"
)

// A Request says what a phone asks for, and from where.
type Request struct {
	Route   Route
	Session ID
	Token   device.TokenID
	Device  device.ID
	Address string
}

// Opened is what a phone's request is judged by.
type Opened struct {
	Session  Session
	Identity device.Identity
	Standing Standing
}

// A Standing is what is held for and against an identity.
type Standing struct {
	Locked   time.Time         // the asking device is locked until then
	Wrong    int               // wrong codes in a row
	Counted  bool              // something is counted that a success clears
	Browsers []string          // marks of requesters it approved before
	Frozen   map[string]Freeze // by service
	Codes    map[string]int    // typed in pages since an approval on a phone, by method
}

// A Freeze makes decoys of a service's requests to an identity that are started
// in it.
type Freeze struct{ From, Until time.Time }

// FreezeTime is how long a report freezes a service's requests to an identity.
const FreezeTime = 15 * time.Minute

// frozen says whether a session was started while its service was frozen: then
// it is a decoy, also after the freeze. Whoever scans a session that asks for
// nobody asks for it.
func (x Standing) frozen(s Session) bool {
	f, ok := x.Frozen[s.Service]
	return ok && s.Asked != "" && s.CreatedAt.After(f.From) && s.CreatedAt.Before(f.Until)
}

// freeze is that of a report now. It goes on from one that has not ended, so
// that what was started in that stays a decoy.
func (x Standing) freeze(service string, now time.Time) *Freeze {
	f := &Freeze{From: now, Until: now.Add(FreezeTime)}
	if old, ok := x.Frozen[service]; ok && old.Until.After(now) {
		f.From = old.From
	}
	return f
}

// Effects are what a change of a session changes elsewhere. They are carried
// out together with it, and do no harm if it fails and is tried again.
type Effects struct {
	Freeze  *Freeze   // report: of this service's requests
	Browser string    // approval: a requester to remember
	Clear   device.ID // approval: this device's wrong codes are forgotten
}

// Keys gives the signing keys.
type Keys interface {
	// Active is the key that signs now; ok is false when there is none yet.
	Active(now time.Time) (k keyring.Key, ok bool)
	// Find gives the key of that id, and looks again at the stored keys when
	// it has not heard of it yet.
	Find(ctx context.Context, kid string) (keyring.Key, error)
}
