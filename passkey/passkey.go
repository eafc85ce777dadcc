package passkey

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/audit"
	"countersign/device"
)

// Most is how many passkeys one identity may have.
const Most = 10

// HandleSize is how long a user handle is, in bytes.
const HandleSize = 32

// A Wallet is the passkeys of an identity.
type Wallet struct {
	Token   device.TokenID
	Version uint64 // 0: not stored yet
	// Handle is what authenticators call the identity: random bytes, the same for
	// as long as the wallet is there.
	Handle   []byte
	Passkeys []Passkey
	// Resealable says that it was read from a record sealed under a master secret
	// that is not the first; storing it again ends that.
	Resealable bool
}

// A Passkey is one key that an authenticator keeps.
type Passkey struct {
	ID    []byte // as the authenticator names it
	Key   []byte // the public key, a COSE_Key
	Count uint32 // the highest signature counter seen; 0: it may not count
	// Synced says that the authenticator may copy it to others.
	Synced    bool
	By        device.ID // the phone that let it in
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// Name is the passkey's id as it is written, base64url.
func (p Passkey) Name() string { return base64.RawURLEncoding.EncodeToString(p.ID) }

// namePrefix is what the names of passkeys begin with where those of phones could
// stand.
const namePrefix = "key_"

// Device is what stands for the passkey where a phone's id would: it tells nothing of
// the passkey's own.
func (p Passkey) Device() device.ID {
	sum := sha256.Sum256(p.ID)
	return device.ID(namePrefix + base64.RawURLEncoding.EncodeToString(sum[:16]))
}

// Names says whether an id stands for a passkey.
func Names(id device.ID) bool { return strings.HasPrefix(string(id), namePrefix) }

// Holds says whether an identity still has the passkey that an id stands for.
func (svc *Service) Holds(ctx context.Context, id device.TokenID, name device.ID) (bool, error) {
	w, err := svc.Store.Wallet(ctx, id)
	return slices.ContainsFunc(w.Passkeys, func(p Passkey) bool { return p.Device() == name }), err
}

// NewHandle makes a user handle.
func NewHandle() []byte {
	b := make([]byte, HandleSize)
	rand.Read(b)
	return b
}

// find gives the place of a passkey; -1: it is not there.
func (w Wallet) find(id []byte) int {
	return slices.IndexFunc(w.Passkeys, func(p Passkey) bool { return bytes.Equal(p.ID, id) })
}

// Full says that there is no room for another passkey.
func (w Wallet) Full() bool { return len(w.Passkeys) >= Most }

// What goes wrong here.
var (
	// ErrConflict: the wallet was changed since it was read.
	ErrConflict = errors.New("passkey: changed meanwhile")
	// ErrFull: the identity has as many passkeys as it may.
	ErrFull = errors.New("passkey: no room for another")
	// ErrUnknown: the identity has no such passkey.
	ErrUnknown = errors.New("passkey: not found")
)

// A RefusedError says why what an authenticator sent is not good. It is for the
// record, never for who sent it.
type RefusedError struct {
	Why   Why
	Token device.TokenID // whose passkey it was, if one was found
}

// Error implements error.
func (e RefusedError) Error() string { return "passkey: refused: " + string(e.Why) }

// A Why is a reason of a refusal.
type Why string

// The reasons.
const (
	Malformed Why = "malformed"
	Unknown   Why = "unknown"   // no passkey of that handle and id
	Unproven  Why = "signature" // origin, RP ID, challenge, user verification or signature
	Counter   Why = "counter"   // it has not gone up: there may be a copy
	Known     Why = "known"     // a new one that is there already
)

// Store keeps wallets.
type Store interface {
	// Wallet reads that of an identity; of version 0 if there is none.
	Wallet(ctx context.Context, id device.TokenID) (Wallet, error)
	// SwapWallet writes next if the stored version is old's (0: none stored), else
	// [ErrConflict], and has its handle lead to it.
	SwapWallet(ctx context.Context, old, next Wallet) error
	// WalletOf gives whose wallet a handle leads to; empty: nobody's.
	WalletOf(ctx context.Context, handle []byte) (device.TokenID, error)
	// CountPasskey counts what an address sends before it is judged.
	// device.LimitedError.
	CountPasskey(ctx context.Context, address string) error
}

// A Service checks passkeys.
type Service struct {
	Site  Site
	Store Store
	Audit audit.Recorder
	Now   func() time.Time
}

// changeTries bounds how often a change is tried again when others change the same
// wallet.
const changeTries = 5

// change reads a wallet, lets do make the next version of it, and stores that; on a
// conflict it starts again.
func (svc *Service) change(ctx context.Context, id device.TokenID, do func(Wallet) (Wallet, error)) error {
	for range changeTries {
		old, err := svc.Store.Wallet(ctx, id)
		if err != nil {
			return err
		}
		next := old
		next.Passkeys = slices.Clone(old.Passkeys)
		if next, err = do(next); err != nil {
			return err
		}
		next.Token, next.Version = id, old.Version+1
		if err = svc.Store.SwapWallet(ctx, old, next); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// Remove takes a passkey of an identity away. [ErrUnknown].
func (svc *Service) Remove(ctx context.Context, id device.TokenID, name string) error {
	err := svc.change(ctx, id, func(w Wallet) (Wallet, error) {
		before := len(w.Passkeys)
		w.Passkeys = slices.DeleteFunc(w.Passkeys, func(p Passkey) bool { return p.Name() == name })
		if len(w.Passkeys) == before {
			return w, ErrUnknown
		}
		return w, nil
	})
	if err != nil {
		return err
	}
	return svc.record(ctx, audit.PasskeyRemoved, id, "")
}

// Clear takes all passkeys of an identity away.
func (svc *Service) Clear(ctx context.Context, id device.TokenID) error {
	w, err := svc.Store.Wallet(ctx, id)
	if err != nil || len(w.Passkeys) == 0 {
		return err
	}
	err = svc.change(ctx, id, func(w Wallet) (Wallet, error) {
		w.Passkeys = nil
		return w, nil
	})
	if err != nil {
		return err
	}
	return svc.record(ctx, audit.PasskeyRemoved, id, "all")
}

// Reseal has a wallet sealed under the first master secret; done says that it was
// not.
func (svc *Service) Reseal(ctx context.Context, id device.TokenID) (done bool, err error) {
	w, err := svc.Store.Wallet(ctx, id)
	if err != nil || !w.Resealable {
		return false, err
	}
	return true, svc.change(ctx, id, func(w Wallet) (Wallet, error) { return w, nil })
}

func (svc *Service) record(ctx context.Context, kind audit.Kind, id device.TokenID, detail string) error {
	return svc.Audit.Record(ctx, audit.Event{Time: svc.Now(), Kind: kind, Token: string(id), Detail: detail})
}
