package operation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign/audit"
	"countersign/device"
)

// Consents keeps what users have agreed to, sealed.
type Consents interface {
	// Consent reads what an identity has agreed to at a service, and its version;
	// 0: nothing ever.
	Consent(ctx context.Context, id device.TokenID, service string) (Consent, uint64, error)
	// SwapConsent writes it if the stored version is old. ErrConflict.
	SwapConsent(ctx context.Context, id device.TokenID, c Consent, old uint64) error
}

// A Ledger is what users have agreed to. All its members are set once.
type Ledger struct {
	Store Consents
	Audit audit.Recorder
	Now   func() time.Time
}

// Who revokes a consent.
const (
	ByItsService = "service"
	ByAdmin      = "admin"
)

// Of gives what an identity has agreed to at a service.
func (l *Ledger) Of(ctx context.Context, id device.TokenID, service string) (Consent, error) {
	c, _, err := l.Store.Consent(ctx, id, service)
	return c, err
}

// Revoke ends what an identity has agreed to at a service, and gives what is left. It
// ends nothing that was done with it. It may be repeated, and ends nothing where
// nothing is in force.
func (l *Ledger) Revoke(ctx context.Context, id device.TokenID, service, by string) (Consent, error) {
	return l.change(ctx, id, service, func(c Consent) (Consent, bool) { return c.revoke(by, l.Now()) })
}

// grant writes down that somebody has agreed to terms in an operation.
func (l *Ledger) grant(ctx context.Context, o Operation, who device.TokenID, t Terms, options []string) error {
	_, err := l.change(ctx, who, o.Service, func(c Consent) (Consent, bool) {
		return c.grant(t, options, o.ID, l.Now()), true
	})
	return err
}

// change swaps a consent, and puts on record what has changed, if anything has.
func (l *Ledger) change(ctx context.Context, id device.TokenID, service string, change func(Consent) (Consent, bool)) (Consent, error) {
	ctx = context.WithoutCancel(ctx)
	for range tries {
		before, version, err := l.Store.Consent(ctx, id, service)
		if err != nil {
			return before, err
		}
		next, changed := change(before)
		if !changed {
			return before, nil
		}
		next.Service = service
		err = l.Store.SwapConsent(ctx, id, next, version)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return before, err
		}
		e := next.History[len(next.History)-1]
		return next, l.Audit.Record(ctx, audit.Event{Time: l.Now(), Kind: kindOf(e.Change), Operation: string(e.Operation), Service: service,
			Token: string(id), Detail: strings.TrimSpace(e.Version + " " + e.By)})
	}
	return Consent{}, fmt.Errorf("%w, %d times", ErrConflict, tries)
}

func kindOf(c ConsentChange) audit.Kind {
	switch c {
	case Prolonged:
		return audit.ConsentProlonged
	case Revoked:
		return audit.ConsentRevoked
	case Granted:
	}
	return audit.ConsentGranted
}
