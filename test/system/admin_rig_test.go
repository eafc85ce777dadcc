package system

import (
	"net/http"
	"strings"
	"testing"

	"countersign/api"
	"countersign/server"
	"countersign/test/rig"
)

// Static tokens of operators: one changes things, one reads.
const (
	boss   = "boss"
	reader = "reader"
)

// operators is a system with static tokens, and what asks it as an operator.
type operators struct {
	*rig.Rig
	tokens map[string]string // name → token
}

func newOperators(t *testing.T, o rig.Options) operators {
	t.Helper()
	tokens := map[string]string{}
	before := o.Secrets
	o.Secrets = func(s *server.Secrets) {
		if before != nil {
			before(s)
		}
		for name, changes := range map[string]bool{boss: true, reader: false} {
			token, line, ok := server.NewOperatorToken(name, changes)
			if !ok {
				t.Fatal("no token")
			}
			parsed, err := server.ParseOperatorTokens(line)
			if err != nil {
				t.Fatal(err)
			}
			tokens[name] = token
			s.Operators = append(s.Operators, parsed...)
		}
	}
	return operators{rig.New(t, o), tokens}
}

// ask sends a request of an operator to node n.
func (o operators) ask(n int, who, method, path, body string) rig.Answer {
	o.T.Helper()
	a := o.Send(n, method, path, body, "Authorization", "Bearer "+o.tokens[who])
	if a.Head != nil && a.Head.Get("Cache-Control") != "no-store" {
		o.T.Errorf("%s %s may be kept", method, path)
	}
	return a
}

// read reads into v as the reader does.
func (o operators) read(n int, path string, v any) {
	o.T.Helper()
	o.Into(o.ask(n, reader, http.MethodGet, path, ""), v)
}

// page is what every list answers with, as far as tests look at it.
type page struct {
	Enrollments []api.AdminEnrollment
	Sessions    []api.AdminEnded
	Events      []api.AdminEvent
	Next        string
}

// onRecord waits for an event of a kind that an operator had done.
func (o operators) onRecord(n int, kind string, filter ...string) api.AdminEvent {
	o.T.Helper()
	var p page
	o.Eventually(kind+" is on record", func() bool {
		p = page{}
		o.read(n, "/admin/audit?kind="+kind+"&"+strings.Join(filter, "&"), &p)
		return len(p.Events) > 0
	})
	return p.Events[0]
}
