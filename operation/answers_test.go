package operation

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/session"
)

var update = flag.Bool("update", false, "write testdata/answers.golden")

// states are all that an operation can be in when a message comes.
func states() []state {
	running := func(then func(r *rig, b *browser, s session.Session)) func(*rig) *browser {
		return func(r *rig) *browser {
			b := r.begin(r.ofAlice)
			then(r, b, b.start(false))
			return b
		}
	}
	return []state{
		{"identify", func(r *rig) *browser { return r.begin() }},
		{"identify without scan", func(r *rig) *browser { return r.begin(func(n *New) { n.Service = "plain" }) }},
		{"device", func(r *rig) *browser { return r.begin(r.ofAlice) }},
		{"scanning", func(r *rig) *browser {
			b := r.begin()
			b.start(true)
			return b
		}},
		{"pending", running(func(*rig, *browser, session.Session) {})},
		{"claimed", running(func(r *rig, _ *browser, s session.Session) { r.alice.claim(s.ID, "") })},
		{"approved", running(func(r *rig, _ *browser, s session.Session) { r.decide(r.alice, s, session.Approve) })},
		{"declined", running(func(r *rig, _ *browser, s session.Session) { r.decide(r.alice, s, session.Deny) })},
		{"reported", running(func(r *rig, _ *browser, s session.Session) { r.decide(r.alice, s, session.Report) })},
		{"wrong codes", running(func(r *rig, _ *browser, s session.Session) { r.wrongs(r.alice, s) })},
		{"session expired", running(func(r *rig, _ *browser, _ session.Session) { r.clock.pass(3 * time.Minute) })},
		{"session cancelled", running(func(r *rig, b *browser, s session.Session) {
			if _, err := r.svc.Sessions.Cancel(r.t.Context(), s.ID, session.ByPage); err != nil {
				r.t.Fatal(err)
			}
		})},
		{"session forgotten", running(func(r *rig, _ *browser, s session.Session) { delete(r.store.sessions, s.ID) })},
		{"last session", func(r *rig) *browser {
			b := r.begin(r.ofAlice)
			for range sessionsMost {
				b.start(false)
			}
			return b
		}},
		{"expired", func(r *rig) *browser {
			b := r.begin()
			r.clock.pass(10 * time.Minute)
			return b
		}},
		{"expired, approved before", running(func(r *rig, _ *browser, s session.Session) {
			r.decide(r.alice, s, session.Approve)
			r.clock.pass(10 * time.Minute)
		})},
		{"done", running(func(r *rig, b *browser, s session.Session) {
			r.decide(r.alice, s, session.Approve)
			b.send(Message{Type: Status})
		})},
		{"taken", running(func(r *rig, b *browser, s session.Session) {
			r.decide(r.alice, s, session.Approve)
			b.send(Message{Type: Status})
			if _, err := b.take(); err != nil {
				r.t.Fatal(err)
			}
		})},
		{"failed", running(func(_ *rig, b *browser, _ session.Session) { b.send(Message{Type: Cancel}) })},
		{"another browser", func(r *rig) *browser {
			b := r.begin(r.ofAlice)
			b.secret = r.begin().secret
			return b
		}},
		{"unknown", func(r *rig) *browser { return &browser{r, NewID(), r.begin().secret} }},
	}
}

type state struct {
	name string
	make func(*rig) *browser
}

// messages are all that a page can send.
func messages(r *rig) map[string]Message {
	out := map[string]Message{
		"start identify":           startName(string(r.alice.token)),
		"start identify nobody":    startName("nobody"),
		"start identify nothing":   startName("  "),
		"start identify long":      startName(strings.Repeat("a", 257)),
		"start device":             startPhone(false),
		"start device scan":        startPhone(true),
		"start device unbound":     {Type: Start, Method: ByPhone, Scan: true},
		"start device bad binding": {Type: Start, Method: ByPhone, Challenge: challenge + "\n"},
		"start passkey":            {Type: Start, Method: "passkey"},
		"start nothing":            {Type: Start},
	}
	for _, t := range []Type{Init, Verify, Choose, Status, Cancel, Complete, Failure, "authenticate", ""} {
		out["type "+string(t)] = Message{Type: t}
	}
	return out
}

// decide claims a session and decides it with the right code.
func (r *rig) decide(p *phone, s session.Session, d session.Decision) {
	r.t.Helper()
	code := ""
	if d == session.Approve {
		code = r.code(s)
	}
	if err := p.decide(p.claim(s.ID, ""), d, code); err != nil {
		r.t.Fatal(err)
	}
}

// wrongs ends a session with three wrong codes.
func (r *rig) wrongs(p *phone, s session.Session) {
	r.t.Helper()
	s = p.claim(s.ID, "")
	for range session.MaxAttempts {
		if err := p.decide(s, session.Approve, r.wrong(s)); err == nil {
			r.t.Fatal("a wrong code was right")
		}
	}
}

// line is an answer, and what it left behind, as the golden file has it.
func line(a Answer, b *browser) string {
	words := []string{string(a.Type), string(a.Reason)}
	if a.Reason == "" {
		words = append(words, string(a.Operation.Result), string(a.Operation.Step), string(a.StepResult), string(a.Text))
		for _, w := range a.Ways {
			words = append(words, "by-"+string(w.ID))
		}
		if a.Type == Init || a.Type == Failure {
			words = append(words, fmt.Sprint("left:", a.Remaining))
		}
		if a.Started != nil {
			words = append(words, "session:"+string(a.Started.Mode))
		}
		if a.Location != "" {
			words = append(words, "location")
		}
	}
	words = append(words, fmt.Sprint("open:", b.r.store.open()))
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// TestAnswers holds the answer to every message in every state against the
// golden file, which is to be read when it changes.
func TestAnswers(t *testing.T) {
	var out strings.Builder
	names := make([]string, 0, 32)
	for name := range messages(newRig(t)) {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, st := range states() {
		fmt.Fprintf(&out, "%s\n", st.name)
		for _, name := range names {
			r := newRig(t)
			b := st.make(r)
			m := messages(r)[name]
			a := b.send(m)
			if a.ReplyTo != m.Type {
				t.Errorf("%s, %s: replies to %s", st.name, name, a.ReplyTo)
			}
			fmt.Fprintf(&out, "\t%-26s %s\n", name, line(a, b))
		}
	}
	const file = "testdata/answers.golden"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != out.String() {
		t.Errorf("the answers are not those of %s:\n%s", file, out.String())
	}
}
