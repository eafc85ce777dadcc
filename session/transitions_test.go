package session

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/device"
)

var update = flag.Bool("update", false, "write the golden table and the diagram in docs/design.md anew")

const (
	goldenTable = "testdata/transitions.golden"
	designPage  = "../docs/design.md"
	blockBegin  = "<!-- states:begin -->"
	blockEnd    = "<!-- states:end -->"
)

// A cell is one session in one situation, an action, and the time it comes at.
type cell struct {
	from, verb string
	session    Session
	action     Action
	now        time.Time
}

func tableStart() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// inStates gives a session in every state, in the order of the states, made by
// actions alone; both ways of being rejected.
func inStates(t *testing.T) (out []cell) {
	t.Helper()
	now := tableStart()
	pending, _ := Begin(Session{ID: "sess_AAAAAAAAAAAAAAAAAAAAAA", Service: "demo", Asked: "tok_AAAAAAAAAAAAAAAAAAAAAA", Mode: Enter,
		CreatedAt: now, ExpiresAt: now.Add(2 * time.Minute)})
	claimed := mustApply(t, pending, action(DoClaim), now)
	locked := claimed
	for range MaxAttempts {
		locked = mustApply(t, locked, action(DoWrongCode), now)
	}
	return []cell{
		{from: "pending", session: pending, now: now},
		{from: "claimed", session: claimed, now: now},
		{from: "returning", session: mustApply(t, claimed, action(DoHandOver), now), now: now},
		{from: "approved", session: mustApply(t, claimed, action(DoApprove), now), now: now},
		{from: "rejected, declined", session: mustApply(t, claimed, action(DoDeny), now), now: now},
		{from: "rejected, three codes", session: locked, now: now},
		{from: "expired", session: mustApply(t, pending, action(DoExpire), pending.ExpiresAt), now: pending.ExpiresAt},
		{from: "cancelled", session: mustApply(t, pending, action(DoCancel), now), now: now},
	}
}

func mustApply(t *testing.T, s Session, a Action, now time.Time) Session {
	t.Helper()
	next, _, err := s.Apply(a, now)
	if err != nil {
		t.Fatalf("%s of a session %s: %v", a.Verb, s.State, err)
	}
	return next
}

// action is a verb with all it may bring along.
func action(v Verb) Action {
	return Action{Verb: v, By: ByPage, Period: 1, Grant: &Grant{}, Proof: &Proof{Text: v.String()},
		Claim: &Claim{Token: "tok_AAAAAAAAAAAAAAAAAAAAAA", Device: "dev_AAAAAAAAAAAAAAAAAAAAAA"}}
}

// cells are all pairs of state and verb, the special cases after the ordinary.
func cells(t *testing.T) (out []cell) {
	for _, c := range inStates(t) {
		for v := range Verb(verbs) {
			c.verb, c.action = v.String(), action(v)
			out = append(out, c)
			out = append(out, special(c)...)
		}
		if !c.session.State.Open() {
			continue
		}
		for v := range Verb(verbs) {
			due := c
			due.from, due.verb, due.action, due.now = c.from+", due", v.String(), action(v), c.session.ExpiresAt
			out = append(out, due)
		}
	}
	return out
}

// special are the cells of a pair that depend on more than the state.
func special(c cell) []cell {
	if !c.session.State.Open() {
		return nil
	}
	x := c
	switch c.action.Verb {
	case DoClaim:
		x.verb, x.action.Claim = "claim, another device", &Claim{Token: c.action.Claim.Token, Device: "dev_BBBBBBBBBBBBBBBBBBBBBB"}
		y := c
		y.verb, y.action.Claim = "claim, another identity", &Claim{Token: "tok_BBBBBBBBBBBBBBBBBBBBBB", Device: c.action.Claim.Device}
		if c.session.Claim == nil {
			return nil
		}
		return []cell{x, y}
	case DoWrongCode, DoWrongCodeV0:
		x.verb, x.session.Attempts = c.verb+", third", MaxAttempts-1
	case DoBadSignature:
		x.verb, x.session.BadSignatures = c.verb+", fourth", MaxBadSignatures
	case DoRotate:
		x.verb, x.session.Period = c.verb+", to the same period", c.action.Period
	default:
		return nil
	}
	return []cell{x}
}

// outcome is what becomes of a cell, as the golden file has it.
func (c cell) outcome() string {
	next, events, err := c.session.Apply(c.action, c.now)
	var said []string
	for _, m := range next.Log {
		if m.ID > c.session.LastID {
			said = append(said, strings.TrimSpace(fmt.Sprintf("says %s %s%s", m.Type, m.Reason, m.By)))
		}
	}
	for _, e := range events {
		said = append(said, "records "+string(e.Kind))
	}
	if err != nil {
		said = append(said, "answers "+strings.TrimPrefix(err.Error(), "session: "))
	}
	to := next.State.String()
	if next.Version == c.session.Version {
		to = "(unchanged)"
	}
	return strings.TrimRight(fmt.Sprintf("%-22s %-27s -> %-11s %s", c.from, c.verb, to, strings.Join(said, "; ")), " ")
}

// The table says what happens in every state to every verb; a change of it is
// to be seen in a diff.
func TestTransitionsAreGolden(t *testing.T) {
	var b strings.Builder
	for _, c := range cells(t) {
		b.WriteString(c.outcome() + "\n")
	}
	same(t, goldenTable, b.String())
}

// An end is an end, the version grows by one with every change, and errors of
// an open session that is not due change nothing.
func TestTransitionsHoldTogether(t *testing.T) {
	for _, c := range cells(t) {
		next, events, err := c.session.Apply(c.action, c.now)
		changed := next.Version != c.session.Version
		switch {
		case changed && !c.session.State.Open():
			t.Errorf("%s, %s: an end was changed", c.from, c.verb)
		case changed && next.Version != c.session.Version+1:
			t.Errorf("%s, %s: version %d after %d", c.from, c.verb, next.Version, c.session.Version)
		case !changed && len(events) > 0:
			t.Errorf("%s, %s: events about nothing: %v", c.from, c.verb, events)
		case changed && err != nil && !c.session.Due(c.now):
			t.Errorf("%s, %s: refused with %v, and changed", c.from, c.verb, err)
		case next.State.Open() != next.EndedAt.IsZero():
			t.Errorf("%s, %s: %s with EndedAt %v", c.from, c.verb, next.State, next.EndedAt)
		case next.State.Undecided() != (next.Decided() == nil):
			t.Errorf("%s, %s: %s and Decided %v", c.from, c.verb, next.State, next.Decided())
		}
	}
}

// diagram draws the table: one arrow for two states, with all that leads along it.
func diagram(t *testing.T) string {
	labels := map[[2]State][]string{}
	for _, c := range cells(t) {
		next, _, _ := c.session.Apply(c.action, c.now)
		edge := [2]State{c.session.State, next.State}
		due := strings.HasSuffix(c.from, ", due") && c.action.Verb != DoExpire // every other verb finds the same end
		if next.Version != c.session.Version && !due && !slices.Contains(labels[edge], c.verb) {
			labels[edge] = append(labels[edge], c.verb)
		}
	}
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> pending: start\n")
	for from := range State(states) {
		for to := range State(states) {
			if l := labels[[2]State{from, to}]; l != nil {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", from, to, strings.Join(l, "<br>"))
			}
		}
	}
	for s := range State(states) {
		if !s.Open() {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	return b.String() + "```\n"
}

// The diagram in the design page is the one drawn from the table.
func TestDiagramInDesignPage(t *testing.T) {
	page, err := os.ReadFile(designPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), blockBegin+"\n")
	_, after, ends := strings.Cut(rest, blockEnd)
	if !begins || !ends {
		t.Fatalf("%s has no block between %s and %s", designPage, blockBegin, blockEnd)
	}
	same(t, designPage, before+blockBegin+"\n"+diagram(t)+blockEnd+after)
}

// same compares a file with what it should be, or writes it.
func same(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		var g, w string
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Fatalf("%s:%d is not what the table gives (go test ./session -update writes it)\n has %q\nwant %q", name, i+1, g, w)
		}
	}
}

// What names a state or a verb out of range says so, and nothing else moves.
func TestNamesOutOfRange(t *testing.T) {
	if s, v := State(states).String(), Verb(verbs).String(); s != "unknown" || v != "unknown" {
		t.Errorf("out of range: %q, %q", s, v)
	}
	s := inStates(t)[0].session
	if next, _, err := s.Apply(Action{Verb: Verb(verbs)}, tableStart()); err == nil && next.Version != s.Version {
		t.Error("an unknown verb changed the session")
	}
}

// Subject is whoever was asked, else whoever claimed.
func TestSubject(t *testing.T) {
	for _, tc := range []struct {
		s    Session
		want device.TokenID
	}{
		{Session{}, ""}, {Session{Asked: "tok_a"}, "tok_a"}, {Session{Claim: &Claim{Token: "tok_b"}}, "tok_b"},
		{Session{Asked: "tok_a", Claim: &Claim{Token: "tok_a"}}, "tok_a"},
	} {
		if got := tc.s.Subject(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
