package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"countersign/operation"
	"countersign/session"
	"countersign/test/rig"
)

const (
	patience = time.Minute // with a whole story
	// keyLead is longer than a node takes to look for new keys, as it must be.
	keyLead = 6 * time.Second
)

// A line is what a judge says.
type line struct {
	Stories []string `json:"stories"` // that it has
	Done    bool     `json:"done"`    // the story holds
	Ask     string   `json:"ask"`

	URL    string           `json:"url"`    // visit, scan
	Form   string           `json:"form"`   // visit, of a page that posts it there
	Choice string           `json:"choice"` // visit, of whoever is asked whether to log out
	Phone  session.Decision `json:"phone"`  // visit, decide, settle
	Scopes []string         `json:"scopes"` // visit, decide, scan
	Code   string           `json:"code"`   // decide
	Path   string           `json:"path"`   // count
	Drawn  string           `json:"drawn"`  // offline
}

// told is what a judge is told before all else.
type told struct {
	Story   string            `json:"story,omitempty"` // none: it lists those it has
	Issuer  string            `json:"issuer,omitempty"`
	At      string            `json:"at,omitempty"` // where the issuer listens, if it is not there
	Clients map[string]client `json:"clients,omitempty"`
	User    string            `json:"user,omitempty"`    // who logs in: a sub
	Sockets []string          `json:"sockets,omitempty"` // where pages of operations listen, by node
}

// hear runs every story of a judge, one after the other.
func hear(t *testing.T, script string) {
	t.Helper()
	t.Parallel()
	stories := list(t, script)
	w := newWorld(t, nil)
	for _, story := range stories {
		t.Run(story, func(t *testing.T) { w.tell(t, script, story) })
	}
}

// hearAtOnce is hear for stories that mostly wait, and have nothing in common.
func hearAtOnce(t *testing.T, script string) {
	t.Helper()
	t.Parallel()
	stories := list(t, script)
	w := newWorld(t, nil)
	for _, story := range stories {
		t.Run(story, func(t *testing.T) {
			t.Parallel()
			w.tell(t, script, story)
		})
	}
}

// list asks a judge for its stories.
func list(t *testing.T, script string) []string {
	t.Helper()
	p := start(t, script, told{}, nil)
	answer := p.next()
	p.end()
	if len(answer.Stories) == 0 {
		t.Fatalf("%s has no stories", script)
	}
	return answer.Stories
}

// tell runs one story, with a user of its own.
func (w *world) tell(t *testing.T, script, story string) {
	t.Helper()
	u := w.newUser(t)
	p := start(t, script, told{Story: story, Issuer: w.Issuer, At: w.front, Clients: w.clients, User: u.phone.Token,
		Sockets: []string{w.NoticesURL(0), w.NoticesURL(1)}}, w.backEnd)
	for {
		l := p.next()
		if l.Done {
			break
		}
		p.say(u.answer(l))
	}
	p.end()
}

// answer does what a judge asks.
func (u *user) answer(l line) any {
	u.t.Helper()
	switch l.Ask {
	case "visit":
		return u.visit(l)
	case "decide":
		return u.decide(l)
	case "scan":
		u.scan(l)
	case "offline":
		return map[string]string{"code": u.offline(l.Drawn)}
	case "forget":
		u.forget()
	case "count":
		return map[string]int{"count": u.w.asked(l.Path)}
	case "rotate":
		keys := u.w.Store(u.t).SigningKeys()
		if err := keys.Load(rig.Ctx(u.t)); err != nil {
			u.t.Fatal(err)
		}
		added, err := keys.Rotate(rig.Ctx(u.t), keyLead)
		if err != nil {
			u.t.Fatal(err)
		}
		return map[string]string{"kid": added.ID}
	case "begin":
		return map[string]string{"webSocketId": u.begin()}
	case "identify":
		u.identify()
	case "settle":
		u.settle(l.Phone)
	case "cancel":
		u.login.Send(operation.Cancel)
	default:
		u.t.Fatalf("a judge asks for %q", l.Ask)
	}
	return struct{}{}
}

// A process is a judge at work.
type process struct {
	t       *testing.T
	command *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	errors  bytes.Buffer
}

// start runs a judge and tells it what it needs. If there is a back end, its socket
// is the first file after the standard ones.
func start(t *testing.T, script string, what told, backEnd *net.TCPListener) *process {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("node is needed: apt-get install nodejs npm, or run make test, which does: %v", err)
	}
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatalf("the judges are needed: npm ci in test/peers, or run make test, which does: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	p := &process{t: t, command: exec.CommandContext(ctx, "node", script)}
	p.command.Stderr = &p.errors
	if backEnd != nil {
		socket, err := backEnd.File()
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close() // the judge has its own of it by then
		p.command.ExtraFiles = []*os.File{socket}
	}
	in, err := p.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, json.NewDecoder(out)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	p.say(what)
	return p
}

func (p *process) say(what any) {
	p.t.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.in, "%s\n", text); err != nil {
		p.t.Fatalf("the judge does not listen: %v\n%s", err, p.fate())
	}
}

// next is what the judge says next; that it ends without a word is a failure.
func (p *process) next() (l line) {
	p.t.Helper()
	if err := p.out.Decode(&l); err != nil {
		if !errors.Is(err, io.EOF) {
			p.t.Errorf("not a line of the protocol: %v", err)
		}
		p.t.Fatal(p.fate())
	}
	return l
}

// fate waits for the process and says what it left.
func (p *process) fate() string {
	p.in.Close()
	err := p.command.Wait()
	return fmt.Sprintf("%v\n%s", err, p.errors.String())
}

// end waits until the process has ended well.
func (p *process) end() {
	p.t.Helper()
	p.in.Close()
	if err := p.command.Wait(); err != nil || p.errors.Len() > 0 {
		p.t.Errorf("the judge ended with %v\n%s", err, p.errors.String())
	}
}
