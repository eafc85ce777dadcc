package oidc

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"countersign/crypto/otp"
	"countersign/device"
	"countersign/notify"
	"countersign/session"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// outbox keeps what is posted.
type outbox struct{ posted []notify.Notice }

func (o *outbox) Post(_ context.Context, n notify.Notice) error {
	o.posted = append(o.posted, n)
	return nil
}

// A logout that comes between the look at a browser login and its use stops that.
func TestUseLoginAfterItEnded(t *testing.T) {
	t.Parallel()
	k, m, _ := newKeeper()
	out := &outbox{}
	k.Outbox, k.Browser, k.Log = out, Lifetimes{Idle: time.Hour, Absolute: time.Hour}, slog.New(slog.DiscardHandler)
	k.Clients = []Client{{ID: "shop", BackchannelLogoutURI: "https://shop.example/"}, {ID: "demo"}}
	now := time.Now().Unix()
	l := &browserLogin{ID: "l", Subject: "tok_alice", AuthTime: now, Seen: now, Services: map[string]consent{"demo": {}}}
	if err := k.saveLogin(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	m.before = func() {
		other, err := k.loadLogin(t.Context(), "l")
		if err == nil {
			err = k.endLogin(t.Context(), other, "user")
		}
		if err != nil {
			t.Error(err)
		}
	}
	if err := k.useLogin(t.Context(), l, "shop", consent{}); !errors.Is(err, errLoginEnded) {
		t.Errorf("%v", err)
	}
	if end, err := k.loadLogin(t.Context(), "l"); err != nil || !end.Ended || len(out.posted) != 0 {
		t.Errorf("%+v %v; told %v", end, err, out.posted)
	}
}

// approvals is one approved session.
type approvals struct{ s session.Session }

func (x approvals) Start(context.Context, session.Start) (session.Session, error) { return x.s, nil }
func (x approvals) Get(context.Context, session.ID) (session.Session, error)      { return x.s, nil }
func (x approvals) Tick(_ context.Context, s session.Session) (session.Session, error) {
	return s, nil
}

func (x approvals) Proven(s session.Session) error {
	if s.Claim.Device == "unproven" {
		return session.ErrProof
	}
	return nil
}
func (approvals) Code(session.Session) otp.Code { return "000000" }

// failing does not keep grants.
type failing struct {
	*memory
	on bool
}

func (f *failing) Save(ctx context.Context, r Record) error {
	if f.on && r.Kind == GrantKind {
		return errors.New("no Redis")
	}
	return f.memory.Save(ctx, r)
}

func approvedRequest(t *testing.T, device device.ID) (*keeper, *failing, *outbox, session.Session) {
	t.Helper()
	k, m, _ := newKeeper()
	out, v := &outbox{}, &failing{memory: m}
	k.Vault, k.Outbox, k.Log = v, out, slog.New(slog.DiscardHandler)
	k.Clients = []Client{{ID: "pair", Delivery: Ping, NotificationURI: "https://pair.example/"}}
	s := session.Session{ID: "sess_x", Silent: true, ByService: true, Service: "pair", For: "a", State: session.Approved,
		Claim: &session.Claim{Token: "tok_alice", Device: device}, Grant: &session.Grant{IssuedAt: time.Now()}}
	k.Sessions = approvals{s}
	as := &goidc.AuthnSession{ID: "a", Status: goidc.StatusPending, AuthReqID: "q", ClientID: "pair",
		ExpiresAt: int(time.Now().Add(time.Minute).Unix()), Store: map[string]any{sessionName: "sess_x"}}
	as.Scopes = "openid"
	if err := k.SaveSession(t.Context(), as); err != nil {
		t.Fatal(err)
	}
	return k, v, out, s
}

func asPair(t *testing.T) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), exchangeKey{}, &exchange{client: "pair", path: pathToken})
}

// A client is told also when the grant could not be made at that moment; the poll
// makes it. Who hears twice of an end tells by the same notice.
func TestPingWithoutGrant(t *testing.T) {
	t.Parallel()
	k, v, out, s := approvedRequest(t, "")
	v.on = true
	k.Ended(t.Context(), s)
	if len(out.posted) != 1 {
		t.Fatalf("told %v", out.posted)
	}
	v.on = false
	v.memory.once = map[string]bool{} // some seconds later
	if g, err := k.GrantByAuthReqID(asPair(t), "q"); err != nil || g.ClientID != "pair" {
		t.Errorf("%v %v", g, err)
	}
	k.Ended(t.Context(), s)
	if len(out.posted) != 2 || out.posted[0].ID == "" || out.posted[0].ID != out.posted[1].ID {
		t.Errorf("told %v", out.posted)
	}
}

// While one node makes the grant, another neither makes a second nor says that there
// will be none.
func TestGrantBeingMade(t *testing.T) {
	t.Parallel()
	k, _, _, _ := approvedRequest(t, "")
	if first, err := k.Vault.Once(t.Context(), "grant a", time.Now().Add(making)); err != nil || !first {
		t.Fatal(first, err)
	}
	ctx := asPair(t)
	if g, err := k.GrantByAuthReqID(ctx, "q"); !errors.Is(err, goidc.ErrNotFound) {
		t.Errorf("%v %v", g, err)
	}
	if as, err := k.SessionByAuthReqID(ctx, "q"); err != nil || as.Status != goidc.StatusPending || as.ExpiresAt == 0 {
		t.Errorf("%+v %v", as, err)
	}
}

// An approval that no signature proves makes no grant.
func TestGrantNeedsProof(t *testing.T) {
	t.Parallel()
	k, _, _, _ := approvedRequest(t, "unproven")
	if g, err := k.GrantByAuthReqID(asPair(t), "q"); !errors.Is(err, session.ErrProof) {
		t.Errorf("%v %v", g, err)
	}
	for name, change := range map[string]func(*session.Session){
		"another service": func(s *session.Session) { s.Service = "shop" },
		"another request": func(s *session.Session) { s.For = "b" },
		"of a page":       func(s *session.Session) { s.Silent = false },
		"no claim":        func(s *session.Session) { s.Claim, s.Grant = nil, nil },
	} {
		k, _, _, s := approvedRequest(t, "")
		if change(&s); s.Claim == nil {
			s.Claim, s.Grant = nil, &session.Grant{}
			k.Sessions = anyProof{approvals{s}}
		} else {
			k.Sessions = approvals{s}
		}
		if g, err := k.GrantByAuthReqID(asPair(t), "q"); err == nil {
			t.Errorf("%s: %v", name, g)
		}
	}
}

type anyProof struct{ approvals }

func (anyProof) Proven(session.Session) error { return nil }

// What a node of the version before began with an id_token_hint is for that user
// alone, whoever resumes it.
func TestHintOfEarlierVersion(t *testing.T) {
	t.Parallel()
	as := &goidc.AuthnSession{ID: "a", Store: map[string]any{operationName: "op"}}
	as.IDTokenHintClaims = map[string]any{"sub": "tok_alice"}
	if err := (wishes{}).put(as); err != nil {
		t.Fatal(err)
	}
	if got := (&login{as: as}).hinted(); got != "tok_alice" {
		t.Errorf("%q", got)
	}
}

func TestBindingMessage(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"W4SCT", "Überweisung 12 €", "Pay 1 000"} {
		if !bindingMessage(good) {
			t.Errorf("%q is good", good)
		}
	}
	bad := []string{"", " ", "a\nb", "a\u202eb", "a\u00adb", "a\U000e0041", "a\ue000", "\xff", "a\u2028b"}
	if i := slices.IndexFunc(bad, bindingMessage); i >= 0 {
		t.Errorf("%q is not good", bad[i])
	}
}
