package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"countersign/audit"
	"countersign/device"
	"countersign/passkey"
	"countersign/session"
	"countersign/ws"

	"github.com/redis/go-redis/v9"
)

func lifeClauses() []clause {
	return []clause{
		{"every key but the lasting ones has an end", keysEnd},
		{"a session is kept for its result's time", sessionEnds},
		{"a node whose clock is off by a minute agrees with the others", clockOff},
		{"a Redis that has forgotten the scripts is told them again", scriptsForgotten},
		{"the eviction policy is known or cannot be asked", eviction},
		{"Redis answers", pings},
	}
}

// workout does everything that leaves a key behind, and gives nothing back.
func workout(r *rig) {
	t := r.t
	ctx := t.Context()
	alice := r.alice()
	s := r.started(asked(alice.ID), from(address(1)))
	_, err := r.Take(ctx, "one", s.ID, ws.Asker{})
	check(t, err)
	_, err = r.Take(ctx, "two", s.ID, ws.Asker{})
	check(t, err)
	_, err = r.Open(ctx, session.Request{Route: session.ClaimRoute, Session: s.ID, Token: alice.ID, Device: alice.Devices[0].ID, Address: address(1)})
	check(t, err)
	wantPending(t, r, alice, s.ID)
	s = r.swapped(s, claimBy(alice), session.Effects{})
	_, _, err = r.CountWrong(ctx, alice.ID, alice.Devices[0].ID)
	check(t, err)
	r.swapped(s, approval(alice), session.Effects{Browser: "b", Clear: alice.Devices[0].ID})
	s = r.swapped(r.started(asked(alice.ID)), claimBy(alice), session.Effects{})
	r.swapped(s, session.Action{Verb: session.DoReport}, session.Effects{Freeze: &session.Freeze{From: r.Now(), Until: r.Now().Add(session.FreezeTime)}})
	r.started(asked(alice.ID))
	_, _, err = r.Remember(ctx, "key", s.ID, "body", time.Minute)
	check(t, err)
	_, _, ok, err := r.Recall(ctx, "key")
	check(t, err)
	if !ok {
		t.Error("the idempotency key stands for nothing")
	}
	enrolment(r, alice)
	r.saved()
	o := r.created()
	_, handle, err := r.Named(ctx, r.webSocketID(o))
	check(t, err)
	_, err = r.Register(ctx, handle, o)
	check(t, err)
	approvedFor(r, alice)
	told(r)
	wantOnce(t, r, "jti", r.Now().Add(time.Minute), true)
	_, _, err = r.ServiceKeys(ctx, "acme", fresh)
	check(t, err)
	_, err = r.loaded().Rotate(ctx, KeyLead)
	check(t, err)
	a := r.auditStream()
	check(t, a.Record(ctx, audit.Event{Kind: audit.CodeWrong}))
	a.Flush(ctx)
	r.flushCensus(ctx)
	check(t, r.SwapWallet(ctx, passkey.Wallet{}, wallet(alice.ID)))
	check(t, r.CountPasskey(ctx, address(1)))
}

// approvedFor leaves an operation of a back end that somebody has approved, and that
// their browser login is at.
func approvedFor(r *rig, i device.Identity) {
	t := r.t
	o := r.ordered("acme", "")
	d := done(o, i)
	check(t, r.SwapOperation(t.Context(), o, d))
	r.wantListed("a workout's", "acme", i.ID, d)
	_, err := r.TakeTurn(t.Context(), "a workout's", o.ID, r.Now().Add(time.Minute))
	check(t, err)
}

// told leaves a notice that waits; another was dropped.
func told(r *rig) {
	t := r.t
	for _, id := range []string{"waits", "dropped"} {
		check(t, r.PutNotice(t.Context(), r.notice(id), r.Now()))
	}
	for _, n := range r.claimed() {
		if n.ID == "dropped" {
			check(t, r.DropNotice(t.Context(), n))
		}
	}
}

func enrolment(r *rig, i device.Identity) {
	t := r.t
	ctx := t.Context()
	code, key := device.NewEnrolmentCode(), newPrivate(t).Public()
	check(t, r.PutCode(ctx, device.NewEnrolmentCode(), device.CodeOwner{Identity: i.ID}, device.CodeLifetime))
	check(t, r.PutCode(ctx, code, device.CodeOwner{Identity: i.ID}, device.CodeLifetime))
	_, err := r.PeekCode(ctx, code, key, newNonce(), address(1))
	check(t, err)
	check(t, r.ReserveKey(ctx, key, newNonce(), r.Now().Add(time.Minute)))
	_, err = r.SpendCode(ctx, code)
	check(t, err)
	check(t, r.SettleKey(ctx, key, true))
	check(t, r.ReserveKey(ctx, newPrivate(t).Public(), newNonce(), r.Now().Add(time.Minute)))
}

// allLimits sets every limit, none of them reached by a workout.
func allLimits(l *Limits) {
	l.Initiate, l.Enrol, l.Phone, l.Outstanding = Rate{30, time.Minute}, Rate{10, time.Hour}, Rate{60, time.Minute}, 1000
}

func keysEnd(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(allLimits))
	workout(r)
	kinds := map[string]int{}
	for _, name := range r.names() {
		kind := kindOf(strings.TrimPrefix(name, r.Prefix))
		kinds[kind]++
		left, err := r.db.PTTL(t.Context(), name).Result()
		check(t, err)
		lasting := kind == "identity" || kind == "device key" || kind == "signing keys" || kind == "service" || kind == "audit" ||
			kind == "passkeys" || kind == "passkey handle" || kind == "identities"
		if lasting != (left == -1) && (kind != "device key" || left <= 0) {
			t.Errorf("%s, a %s, has %v left", name, kind, left)
		}
		if left > standingTTL {
			t.Errorf("%s, a %s, lives for %v", name, kind, left)
		}
	}
	for _, kind := range []string{"session", "identity", "standing", "pending", "device nonce", "code", "device key", "key nonce",
		"limit", "idempotency", "signing keys", "service", "audit", "census",
		"grant", "grant name", "operation", "operation name", "pages", "operations", "turn", "notices", "notice", "once", "passkeys", "passkey handle", "identities"} {
		if kinds[kind] == 0 {
			t.Errorf("the workout left no %s", kind)
		}
	}
	if len(kinds) != 27 {
		t.Errorf("a kind of key that nobody knows: %v", kinds)
	}
}

// kindOf says what a key is, by its name without the prefix.
func kindOf(name string) string {
	tail := func(s string) bool { return strings.HasSuffix(name, s) }
	switch {
	case strings.HasPrefix(name, ":{sess_") && tail("}"):
		return "session"
	case strings.HasPrefix(name, ":{tok_") && tail("}:i"):
		return "identity"
	case strings.HasPrefix(name, ":{tok_") && tail("}:s"):
		return "standing"
	case strings.HasPrefix(name, ":{tok_") && tail("}:w"):
		return "passkeys"
	case strings.HasPrefix(name, ":{tok_") && tail("}:p"):
		return "pending"
	case strings.HasPrefix(name, ":{tok_") && strings.Contains(name, "}:n:"):
		return "device nonce"
	case strings.HasPrefix(name, ":{key:") && tail("}"):
		return "device key"
	case strings.HasPrefix(name, ":{key:") && strings.Contains(name, "}:n:"):
		return "key nonce"
	case strings.HasPrefix(name, ":l:"):
		return "limit"
	case strings.HasPrefix(name, ":{census}:"):
		return "census"
	case name == ":{keys}":
		return "signing keys"
	case name == ":audit":
		return "audit"
	case name == ":{identities}":
		return "identities"
	case name == ":{notices}":
		return "notices"
	case strings.HasPrefix(name, ":{name:operation:") && tail("}:n"):
		return "pages"
	}
	for tag, kind := range map[string]string{"code": "code", "handle": "passkey handle", "idem": "idempotency", "service": "service", "record:grant": "grant",
		"name:grant": "grant name", "record:operation": "operation", "name:operation": "operation name", "once": "once",
		"operations": "operations", "turn": "turn", "record:notice": "notice"} {
		if strings.HasPrefix(name, ":{"+tag+":") && tail("}") {
			return kind
		}
	}
	return name
}

func sessionEnds(t *testing.T, b backend) {
	r := newRig(t, b.address)
	s := r.started()
	wantLeft(t, r, s.ID, s.ExpiresAt.Add(r.ResultTTL).Sub(r.Now()))
	_, err := r.Take(t.Context(), "one", s.ID, ws.Asker{})
	check(t, err)
	wantLeft(t, r, s.ID, s.ExpiresAt.Add(r.ResultTTL).Sub(r.Now()))
	ended := r.swapped(s, byPage(), session.Effects{})
	wantLeft(t, r, s.ID, r.ResultTTL)

	// Its own end counts, whatever Redis still keeps.
	r.later(r.ResultTTL - time.Second)
	got, err := r.Session(t.Context(), s.ID)
	check(t, err)
	wantSame(t, got, ended)
	r.later(time.Second)
	_, err = r.Session(t.Context(), s.ID)
	wantErr(t, err, session.ErrNotFound)
}

func wantLeft(t *testing.T, r *rig, id session.ID, want time.Duration) {
	t.Helper()
	left, err := r.db.PTTL(t.Context(), r.keys.session(id)).Result()
	check(t, err)
	if absolute(left-want) > time.Second {
		t.Errorf("the session has %v left, want %v", left, want)
	}
}

// clockOff: what a node believes before it has asked is its machine's clock.
func clockOff(t *testing.T, b backend) {
	right := newRig(t, b.address)
	for _, off := range []time.Duration{-time.Minute, time.Minute} {
		r := openRig(t, b.address, right.Options)
		r.later(off)
		check(t, r.Prepare(t.Context()))
		if d := r.Now().Sub(right.Now()); absolute(d) > 2*slowAnswer {
			t.Errorf("off by %v at first, still by %v", off, d)
		}
		s := r.started()
		got, err := right.Session(t.Context(), s.ID)
		check(t, err)
		wantSame(t, got, s)
		wantLeft(t, right, s.ID, s.ExpiresAt.Add(r.ResultTTL).Sub(right.Now()))
	}
}

// scriptsForgotten: after a restart or a failover, no pipeline may fail.
func scriptsForgotten(t *testing.T, b backend) {
	r := newRig(t, b.address, limits(allLimits))
	r.db.AddHook(forgetful{r})
	workout(r)
	wantStale(t, r, []ws.Watched{{ID: session.NewID(), Version: 1, Number: 1}}, 0)
}

func eviction(t *testing.T, b backend) {
	r := newRig(t, b.address)
	var want error
	if b.embedded() {
		want = ErrCannotAsk
	}
	wantErr(t, r.CheckEviction(t.Context()), want)
}

func pings(t *testing.T, b backend) {
	r := newRig(t, b.address)
	check(t, r.Ping(t.Context()))
	check(t, r.Close())
	wantErr(t, r.Ping(t.Context()), ErrUnavailable)
	_, err := r.Session(t.Context(), session.NewID())
	wantErr(t, err, ErrUnavailable)
	wantErr(t, r.Create(t.Context(), r.begun()), ErrUnavailable)
	s := r.begun()
	wantErr(t, r.Swap(t.Context(), s, s, session.Effects{}), ErrUnavailable)
	_, err = r.Identity(t.Context(), device.NewTokenID())
	wantErr(t, err, ErrUnavailable)
}

// forgetful makes Redis forget its scripts before every trip that runs one.
type forgetful struct{ r *rig }

func (f forgetful) flush() {
	f.r.t.Helper()
	if err := f.r.db.ScriptFlush(context.Background()).Err(); err != nil {
		f.r.t.Error(err)
	}
}

func (f forgetful) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f forgetful) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if strings.HasPrefix(cmd.Name(), "evalsha") {
			f.flush()
		}
		return next(ctx, cmd)
	}
}

func (f forgetful) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		f.flush()
		return next(ctx, cmds)
	}
}
