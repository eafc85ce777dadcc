package operation

import (
	"context"
	"encoding/base64"
	"time"

	"countersign/crypto/keyring"
)

// A Standing is an operation as it stands, as far as its page has to be told that
// it should ask.
type Standing struct {
	Operation Operation
	// Session is the version of the operation's session, if that is open; 0: none
	// is.
	Session uint64
	// Next is when time alone changes what is said here; zero: never.
	Next time.Time
}

// Present brings an operation up to the present, as the next message of its page
// would: what a phone has decided is taken over, and what time has ended has
// ended. It gives nothing out, so it asks for nobody's secret; who it is told to
// learns no more than a result. ErrNotFound.
func (svc *Service) Present(ctx context.Context, id ID) (Standing, error) {
	v, err := svc.viewed(context.WithoutCancel(ctx), id)
	if err != nil {
		return Standing{}, err
	}
	x := Standing{Operation: v.o}
	if x.Operation.Result != Continue {
		return x, nil
	}
	x.Next = v.o.ends()
	if v.running() != "" {
		x.Session = v.s.Version
		if v.s.ExpiresAt.Before(x.Next) {
			x.Next = v.s.ExpiresAt
		}
	}
	return x, nil
}

// WebSocketID is the name under which notices of an operation are sent.
func (svc *Service) WebSocketID(id ID) string {
	m := svc.Sessions.Secrets.Master
	return WebSocketID(m, m.First(), id)
}

// WebSocketID is that name as one of the master secrets makes it: 43 base64url
// characters, which tell nothing of the operation.
func WebSocketID(m *keyring.Master, secret keyring.SecretID, id ID) string {
	mac, _ := m.MAC(secret, keyring.WebSocketID, []byte(id))
	return base64.RawURLEncoding.EncodeToString(mac[:])
}

// WellFormedWebSocketID says whether text has the form of those names; one of
// another form leads nowhere, and storage is never asked for it.
func WellFormedWebSocketID(text string) bool { return isBase64(text, webSocketIDBytes) }

const webSocketIDBytes = 32
