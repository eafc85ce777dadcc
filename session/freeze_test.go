package session

import (
	"errors"
	"testing"
	"time"

	"countersign/device"
)

// A second report goes on from the first: what was started between the two
// stays a decoy.
func TestSecondReportKeepsTheFirstFreeze(t *testing.T) {
	r := newRig(t)
	first, second := r.claimed(), r.claimed()
	r.clock.pass(time.Second)
	if _, err := r.verify(r.alice.verification(first, Report, "")); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(time.Second)
	between := r.start()
	r.clock.pass(time.Second)
	if _, err := r.verify(r.alice.verification(second, Report, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(between.ID, "")); !errors.Is(err, device.ErrUnknown) {
		t.Errorf("started between two reports: %v", err)
	}
}

// Whoever scans a session that asks for nobody wants it: a freeze is about what
// the service asks of an identity.
func TestFreezeLeavesScansAlone(t *testing.T) {
	r := newRig(t)
	s := r.claimed()
	r.clock.pass(time.Second)
	if _, err := r.verify(r.alice.verification(s, Report, "")); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(time.Second)
	open := r.start(func(st *Start) { st.Asked = nil })
	scan := "0:" + QRCode(r.svc.Secrets.QRKey(open), open.ID, 0)
	if _, err := r.svc.Claim(t.Context(), r.alice.claim(open.ID, scan)); err != nil {
		t.Errorf("scanned during a freeze: %v", err)
	}
}
