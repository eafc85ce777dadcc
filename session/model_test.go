package session

import (
	"errors"
	"slices"
	"testing"
	"time"

	"countersign/device"

	"pgregory.net/rapid"
)

// A model is what a session should be, kept by the simplest rules: it knows
// nothing of records, versions or tables.
type model struct {
	*rig
	id       ID
	start    time.Time
	end      time.Time
	state    State
	owner    *phone // who claimed it
	display  string
	attempts int
	told     int   // of bad signatures
	period   int64 // announced
	why      error // of an end

	decided Verification    // the request that ended it
	answer  answer          // and its answer
	spent   []device.Nonce  // by requests that had an effect
	sent    []Verification  // all, to be sent again
	said    map[int]Message // by id
	codes   int             // judged
	version uint64          // last seen
}

type answer struct {
	out Outcome
	err error
}

func newModel(t *rapid.T, tb testing.TB) *model {
	r := newRig(tb)
	r.svc.Period, r.svc.Tolerance = 30*time.Second, 1
	r.clock.pass(time.Duration(rapid.IntRange(0, 999).Draw(t, "ms")) * time.Millisecond)
	s := r.start()
	return &model{rig: r, id: s.ID, start: s.CreatedAt, end: s.ExpiresAt, said: map[int]Message{}}
}

func (m *model) open() bool { return m.state.Open() }

func (m *model) due() bool { return m.open() && !m.clock.now().Before(m.end) }

// over ends the model's session.
func (m *model) over(s State, why error) { m.state, m.why = s, why }

// refused is what every request whose signature is good meets first: a spent
// nonce, then an end.
func (m *model) refused(n device.Nonce) error {
	switch {
	case slices.Contains(m.spent, n):
		return device.ErrReplayed
	case m.due():
		m.over(Expired, ErrExpired)
		return ErrExpired
	case !m.open():
		return m.why
	}
	return nil
}

func (m *model) pass(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Millisecond, 999 * time.Millisecond, 7 * time.Second, 31 * time.Second}).Draw(t, "time")
	m.clock.pass(d)
}

func (m *model) aPhone(t *rapid.T) *phone {
	name := rapid.SampledFrom([]string{"alice's", "alice's", "alice's second", "bob's"}).Draw(t, "phone")
	return map[string]*phone{"alice's": m.alice, "alice's second": m.second, "bob's": m.bob}[name]
}

func (m *model) claim(t *rapid.T) {
	p := m.aPhone(t)
	q := p.claim(m.id, "")
	forged := rapid.IntRange(0, 5).Draw(t, "forged") == 0
	if forged {
		q.Signature = p.key.Sign([]byte("another text")).String()
	}
	s, err := m.svc.Claim(t.Context(), q)
	want := m.wantClaim(p, q, forged)
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("claim: %v, want %v", err, want)
	}
	if err == nil && m.display == "" {
		m.display = s.Claim.Display
	}
	if err == nil && s.Claim.Display != m.display {
		t.Fatalf("a repeated claim shows another text")
	}
}

func (m *model) wantClaim(p *phone, q ClaimRequest, forged bool) error {
	if p == m.bob {
		return device.ErrUnknown
	}
	if forged {
		return device.ErrSignature
	}
	if err := m.refused(q.Nonce); err != nil {
		return err
	}
	if m.owner != nil && m.owner != p {
		return ErrAlreadyClaimed
	}
	m.owner, m.state, m.spent = p, Claimed, append(m.spent, q.Nonce)
	return nil
}

func (m *model) verify(t *rapid.T) {
	p := m.aPhone(t)
	s := m.get(m.id)
	d := rapid.SampledFrom([]Decision{Approve, Approve, Approve, Approve, Deny, Report}).Draw(t, "decision")
	code := ""
	if d == Approve {
		kind := rapid.SampledFrom([]string{"right", "old", "older", "wrong", "wrong", "wrong"}).Draw(t, "code")
		code = m.codeOf(s, kind)
	}
	v := p.verification(s, d, code)
	if rapid.IntRange(0, 5).Draw(t, "forged") == 0 {
		v.Signature = p.key.Sign([]byte("another text")).String()
	}
	m.send(t, v)
}

// codeOf picks a code by what it is at present.
func (m *model) codeOf(s Session, kind string) string {
	now := m.svc.period(s, m.clock.now())
	switch kind {
	case "right":
		return string(m.svc.Secrets.Code(s, now))
	case "old":
		return string(m.svc.Secrets.Code(s, max(0, now-1)))
	case "older":
		return string(m.svc.Secrets.Code(s, now+2))
	}
	return m.wrong(s, 1+int(m.nonce.Load()))
}

// again sends any earlier verification once more.
func (m *model) again(t *rapid.T) {
	if len(m.sent) == 0 {
		t.Skip("nothing was sent yet")
	}
	m.send(t, m.sent[rapid.IntRange(0, len(m.sent)-1).Draw(t, "earlier")])
}

func (m *model) send(t *rapid.T, v Verification) {
	m.sent = append(m.sent, v)
	before := m.get(m.id)
	want := m.want(before, v)
	out, err := m.rig.verify(v)
	if !errors.Is(err, want.err) || want.err == nil && err != nil || out != want.out {
		t.Fatalf("verify %s %q: %+v, %v; want %+v", v.Decision, v.OTP, out, err, want)
	}
}

// want is the answer to a verification, and what it does to the model.
func (m *model) want(s Session, v Verification) answer {
	p := map[device.ID]*phone{m.alice.id: m.alice, m.second.id: m.second, m.bob.id: m.bob}[v.Device]
	good := p.sign(v).Signature == v.Signature // signing is deterministic
	fresh := device.Fresh(v.Timestamp, m.clock.now())
	repeat := m.decided.Signature != "" && v.Signature == m.decided.Signature
	switch {
	case repeat:
		return m.answer
	case !fresh:
		return answer{err: device.ErrStale}
	case p == m.bob:
		return answer{err: device.ErrUnknown}
	case !good:
		if m.open() && !m.due() && m.told < MaxBadSignatures {
			m.told++
		}
		return answer{err: device.ErrSignature}
	}
	if err := m.refused(v.Nonce); err != nil {
		return answer{err: err}
	}
	switch {
	case m.owner == nil:
		return answer{err: ErrNotClaimed}
	case m.owner != p:
		return answer{err: ErrAlreadyClaimed}
	case v.Display != DisplayHash(m.display):
		return answer{err: ErrDisplay} // an earlier request, signed before the claim
	}
	m.spent = append(m.spent, v.Nonce)
	return m.decide(s, v)
}

// decide is the answer to a verification that nothing speaks against but its code.
func (m *model) decide(s Session, v Verification) (a answer) {
	switch v.Decision {
	case Deny:
		m.over(Rejected, ErrResolved)
		a.out.Status = "denied"
	case Report:
		m.over(Rejected, ErrResolved)
		a.out.Status = "reported"
	case Approve:
		m.codes++
		now := m.svc.period(s, m.clock.now())
		if v.OTP == string(m.svc.Secrets.Code(s, now)) || now > 0 && v.OTP == string(m.svc.Secrets.Code(s, now-1)) {
			m.over(Approved, ErrResolved)
			a.out.Status = "approved"
			break
		}
		if m.attempts++; m.attempts < MaxAttempts {
			return answer{out: Outcome{Remaining: MaxAttempts - m.attempts}, err: ErrCode}
		}
		m.over(Rejected, ErrTooManyAttempts)
		a.err = ErrTooManyAttempts
	}
	m.decided, m.answer = v, a
	return a
}

func (m *model) cancel(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		t.Skip("most sessions are not cancelled")
	}
	_, err := m.svc.Cancel(t.Context(), m.id, ByPage)
	var want error
	switch {
	case m.due():
		m.over(Expired, ErrExpired)
		want = ErrResolved
	case m.open():
		m.over(Cancelled, ErrResolved)
	case m.state != Cancelled:
		want = ErrResolved
	}
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("cancel: %v, want %v", err, want)
	}
}

func (m *model) tick(t *rapid.T) {
	s := m.get(m.id)
	if m.due() {
		m.over(Expired, ErrExpired)
	}
	if p := m.svc.period(s, m.clock.now()); m.open() {
		m.period = p
	}
	if _, err := m.svc.Tick(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// check compares the record with the model, and every change since the last
// look with what holds always.
func (m *model) check(t *rapid.T) {
	s := m.get(m.id)
	if s.State != m.state || s.Attempts != m.attempts || s.BadSignatures != m.told || s.Period != m.period || (s.Claim == nil) != (m.owner == nil) {
		t.Fatalf("%s, attempts %d, bad signatures %d, period %d, claim %v; the model has %s, %d, %d, %d",
			s.State, s.Attempts, s.BadSignatures, s.Period, s.Claim, m.state, m.attempts, m.told, m.period)
	}
	if m.codes > MaxAttempts || s.Attempts > MaxAttempts {
		t.Fatalf("%d codes judged", m.codes)
	}
	if s.State == Expired && s.EndedAt.Before(m.end) || !s.State.Open() && s.EndedAt.IsZero() || s.State == Approved && !s.EndedAt.Before(m.end) {
		t.Fatalf("%s at %s with the deadline %s", s.State, s.EndedAt, m.end)
	}
	for _, x := range m.store.swaps {
		m.checkSwap(t, x)
	}
	m.store.swaps = nil
	if s.Version != m.version && m.version != 0 {
		t.Fatalf("version %d, the last change stored was %d", s.Version, m.version)
	}
	m.checkWatcher(t, s)
}

func (m *model) checkSwap(t *rapid.T, x swapped) {
	switch {
	case !x.old.State.Open():
		t.Fatalf("an end was changed: %s to %s", x.old.State, x.next.State)
	case x.next.Version != x.old.Version+1:
		t.Fatalf("version %d after %d", x.next.Version, x.old.Version)
	case x.next.LastID-x.old.LastID > 1:
		t.Fatalf("one change said %d messages", x.next.LastID-x.old.LastID)
	}
	m.version = x.next.Version
}

// checkWatcher looks with a watcher's eyes.
func (m *model) checkWatcher(t *rapid.T, s Session) {
	ready := 0
	for i, msg := range s.Log {
		if old, ok := m.said[msg.ID]; ok && old != msg {
			t.Fatalf("id %d was %+v and is %+v", msg.ID, old, msg)
		}
		m.said[msg.ID] = msg
		if i > 0 && msg.ID <= s.Log[i-1].ID || msg.ID > s.LastID {
			t.Fatalf("ids of the log do not rise: %+v", s.Log)
		}
		if msg.Type == OTPReady {
			ready++
		}
		if msg.end() && (i != len(s.Log)-1 || s.State.Open()) {
			t.Fatalf("%s, and the log goes on after its end: %+v", s.State, s.Log)
		}
	}
	if len(m.said) != s.LastID || ready != 1 {
		t.Fatalf("%d messages were said, the last has id %d; %d otp_ready are kept", len(m.said), s.LastID, ready)
	}
	m.checkGreeting(t, s)
	for after := range s.LastID + 2 {
		m.checkSince(t, s, after)
	}
}

func (m *model) checkGreeting(t *rapid.T, s Session) {
	var want []MessageType
	switch {
	case !s.State.Open():
		want = []MessageType{s.Outcome().Type}
	case s.State == Claimed:
		want = []MessageType{OTPReady, ClaimedMessage}
	default:
		want = []MessageType{OTPReady}
	}
	var got []MessageType
	for _, msg := range s.Greeting() {
		got = append(got, msg.Type)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("a new watcher of a session %s gets %v, want %v", s.State, got, want)
	}
}

// checkSince: everything newer, once, in order; an otp_ready only while it counts.
func (m *model) checkSince(t *rapid.T, s Session, after int) {
	var want []Message
	for id := after + 1; id <= s.LastID; id++ {
		msg := m.said[id]
		if now, ok := s.Ready(); msg.Type == OTPReady && (!ok || now.ID != id) {
			continue
		}
		want = append(want, msg)
	}
	if got := s.Since(after); !slices.Equal(got, want) {
		t.Fatalf("since %d: %+v, want %+v", after, got, want)
	}
}

// Whatever phones, page and time do in whatever order, the session does what
// the model says.
func TestSessionAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt, t)
		rt.Repeat(map[string]func(*rapid.T){
			"claim": m.claim, "verify": m.verify, "verify more": m.verify, "again": m.again, "cancel": m.cancel, "tick": m.tick, "pass": m.pass,
			"": m.check,
		})
	})
}

// Apply alone, with verbs that no phone could bring in that order, legacy ones
// among them.
func TestApplyKeepsItsInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := tableStart()
		s, _ := Begin(Session{ID: NewID(), CreatedAt: now, ExpiresAt: now.Add(2 * time.Minute)})
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second)
			a := action(Verb(rapid.IntRange(0, verbs-1).Draw(rt, "verb")))
			a.Claim.Device = rapid.SampledFrom([]device.ID{"dev_a", "dev_b"}).Draw(rt, "device")
			a.Period = int64(rapid.IntRange(0, 4).Draw(rt, "period"))
			before := s
			next, _, err := s.Apply(a, now)
			switch {
			case next.Version == s.Version && (next.State != s.State || next.LastID != s.LastID):
				rt.Fatalf("%s changed a session and not its version", a.Verb)
			case next.Version > s.Version+1 || next.Version < s.Version:
				rt.Fatalf("%s: version %d after %d", a.Verb, next.Version, s.Version)
			case !s.State.Open() && next.State != s.State:
				rt.Fatalf("%s: %s became %s", a.Verb, s.State, next.State)
			case next.Attempts > MaxAttempts || next.BadSignatures > MaxBadSignatures:
				rt.Fatalf("%d attempts, %d bad signatures", next.Attempts, next.BadSignatures)
			case next.State == Approved && s.State != Approved && (err != nil || !now.Before(s.ExpiresAt)):
				rt.Fatalf("approved at %s with %v, the deadline being %s", now, err, s.ExpiresAt)
			case before.LastID != s.LastID || len(before.Log) != len(s.Log):
				rt.Fatal("Apply changed the session it was given")
			}
			s = next
		}
	})
}
