package operation

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A template may ask for less time and fewer tries than its flow, and for no more
// factors than every way through it proves.
func TestTemplateCheck(t *testing.T) {
	two := Flow{Name: "two", Expiry: time.Minute, Steps: []FlowStep{{Name: "a", Ways: []Way{{Method: ByPhone}}}, {Name: "b", Ways: []Way{{Method: ByPhone}}}}}
	short := two
	short.Steps = []FlowStep{{Name: "a", Ways: []Way{{Method: ByPhone}}, On: map[StepResult][]Target{Confirmed: {"b", ToDone}}}, two.Steps[1]}
	flows := map[string]Flow{"two": two, "short": short, "bad": {Name: "bad"}}
	for _, x := range []struct {
		template Template
		want     []string
	}{
		{Template{Flow: "two"}, nil},
		{Template{Flow: "two", Expiry: 30 * time.Second, Attempts: 20, Factors: 1}, nil},
		{Template{Flow: "two", Expiry: 24 * time.Hour, Attempts: 1, Factors: 1}, nil},
		{Template{Flow: "two", Expiry: 29 * time.Second, Attempts: 21, Factors: 3}, []string{"expiry: must be 30s to 24h", "attempts: must be 1 to 20", "factors: the flow can be gone through with 1 of 3 factors"}},
		{Template{Flow: "two", Expiry: 25 * time.Hour, Attempts: -1, Factors: -1}, []string{"expiry: must be 30s to 24h", "attempts: must be 1 to 20", "factors: must be 1 to 16"}},
		{Template{Flow: "two", Factors: 2}, []string{"factors: the flow can be gone through with 1 of 2 factors"}}, // a phone, twice
		{Template{Flow: "short", Factors: 2}, []string{"factors: the flow can be gone through with 1 of 2 factors"}},
		{Template{Flow: "nowhere"}, []string{`name: there is no operation "nowhere"`}},
		{Template{Flow: "bad", Factors: 2}, nil}, // told of the flow
	} {
		var got []string
		for _, f := range x.template.Check(flows) {
			got = append(got, fmt.Sprintf("%s: %s", f.At, f.What))
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%+v: %q, want %q", x.template, got, x.want)
		}
	}
}

// An order's own time and tries go before the flow's; of the tries the lower number.
func TestOrderedLimits(t *testing.T) {
	for _, x := range []struct{ flow, order, want int }{{0, 2, 2}, {3, 2, 2}, {2, 3, 2}, {2, 0, 2}} {
		r := newRig(t)
		r.flow(Payment, FlowStep{Name: Device, Ways: []Way{{Method: ByPhone, Attempts: x.flow}}})
		o := r.desk("demo").order(func(w *Order) { w.Expiry, w.Attempts = time.Hour, x.order })
		if got := o.ExpiresAt.Sub(o.CreatedAt); got != time.Hour {
			t.Errorf("it may take %s", got)
		}
		b := r.open(o.ID)
		for i := range x.want {
			if a := b.send(Message{Type: Init}); a.Remaining != x.want-i {
				t.Errorf("%+v: %d left after %d", x, a.Remaining, i)
			}
			b.start(false)
		}
		if a := b.send(startPhone(false)); a.Type != Failure || a.Operation.Reason != string(causeTooMany) {
			t.Errorf("%+v: one more: %+v", x, a)
		}
	}
}
