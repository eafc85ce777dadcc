package audit

import (
	"context"
	"testing"
)

type last struct{ e Event }

func (l *last) Record(_ context.Context, e Event) error {
	l.e = e
	return nil
}

// What is done for an operator says so, whoever records it, and nothing else does.
func TestAttribute(t *testing.T) {
	var l last
	r := Attribute(&l)
	for _, c := range []struct {
		ctx      context.Context
		in, want Event
	}{
		{t.Context(), Event{Kind: KeyRotated}, Event{Kind: KeyRotated}},
		{ByOperator(t.Context(), "boss", "192.0.2.1"), Event{Kind: KeyRotated}, Event{Kind: KeyRotated, Operator: "boss", Address: "192.0.2.1"}},
		{context.WithoutCancel(ByOperator(t.Context(), "boss", "192.0.2.1")), Event{Address: "192.0.2.2"}, Event{Operator: "boss", Address: "192.0.2.2"}},
	} {
		if err := r.Record(c.ctx, c.in); err != nil || l.e != c.want {
			t.Errorf("got %+v %v, want %+v", l.e, err, c.want)
		}
	}
}

// A query chooses by every member that it has.
func TestChooses(t *testing.T) {
	e := Event{Kind: CodeWrong, Session: "s", Operation: "o", Service: "v", Token: "t", Device: "d"}
	if full := (Query{Kinds: []Kind{CodeAsked, CodeWrong}, Session: "s", Operation: "o", Service: "v", Token: "t", Device: "d"}); !full.Chooses(e) || !(Query{}).Chooses(e) {
		t.Error("not chosen")
	}
	for _, q := range []Query{{Kinds: []Kind{CodeAsked}}, {Session: "x"}, {Operation: "x"}, {Service: "x"}, {Token: "x"}, {Device: "x"}} {
		if q.Chooses(e) {
			t.Errorf("chosen by %+v", q)
		}
	}
}
