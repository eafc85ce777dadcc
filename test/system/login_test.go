package system

import (
	"testing"

	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// A login with the browser on one node and the phone on the other.
func TestLoginAcrossNodes(t *testing.T) {
	r := rig.New(t, rig.Options{})
	p := r.Phone(1)
	b := r.Browser(0).Start(p.Token).Watch()
	ready := b.Expect(session.OTPReady)
	if ready.AutoPassword != b.Session.AutoPassword || ready.ID != 1 {
		t.Fatalf("otp_ready %+v", ready)
	}
	r.Approve(p, b)
	if m := b.Expect(session.ClaimedMessage); m.ID != 2 || m.Platform != "test" || m.DeviceName != "" {
		t.Fatalf("claimed %+v", m)
	}
	if m := b.Expect(session.ApprovedMessage); m.JWT == "" || m.Random != b.Session.Random {
		t.Fatalf("approved %+v", m)
	}
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
}
