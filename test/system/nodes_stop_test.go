package system

import (
	"sync"
	"testing"
	"time"

	"countersign/api"
	"countersign/session"
	"countersign/test/rig"
	"countersign/ws"
)

// A node that stops tells all its watchers within four seconds, spread, and
// ends well; they connect to another and nothing is lost.
func TestNodesStop(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(1)
	const many = 20
	pages := make([]*rig.Browser, many)
	for i := range pages {
		pages[i] = r.Browser(0).Start(phone.Token).Watch()
		pages[i].Expect(session.OTPReady)
	}
	streamed, late := r.Browser(0).Start(phone.Token), r.Browser(0).Start(phone.Token)
	s := streamed.Stream("")
	s.Expect(session.OTPReady)
	nameless := late.Knock(late.Session.WSToken, ws.DialOptions{}) // has not shown its verifier yet
	r.Eventually("all are watching", func() bool { return watchers(t, r) == "22" })
	polled := make(chan error, 1)
	go func() {
		_, err := streamed.Client.Poll(rig.Ctx(t), streamed.Session, streamed.Verifier, 1, 25*time.Second)
		polled <- err
	}()

	stopped := make(chan error, 1)
	begun := time.Now()
	go func() { stopped <- r.Nodes[0].Stop() }()
	closed := make([]time.Duration, many)
	var all sync.WaitGroup
	for i, b := range pages {
		all.Go(func() {
			rig.ExpectClose(t, b.Socket, ws.CloseGoingAway, "")
			closed[i] = time.Since(begun)
			x := b.At(1).Watch()
			x.Expect(session.OTPReady)
			pages[i] = x
		})
	}
	all.Go(func() { s.ExpectClose("1001") })
	all.Go(func() { rig.ExpectClose(t, nameless, ws.CloseGoingAway, "") })
	all.Wait()
	first, last := closed[0], closed[0]
	for _, c := range closed {
		first, last = min(first, c), max(last, c)
	}
	if last > 4*time.Second || last-first < time.Second {
		t.Errorf("sockets closed from %v to %v after the signal", first, last)
	}
	if err := <-polled; err != nil {
		t.Errorf("a waiting poll: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("stopped after %v", took)
	}
	for _, b := range pages {
		r.Approve(phone, b)
		b.Expect(session.ClaimedMessage)
		b.Expect(session.ApprovedMessage)
		rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
	}
}

// While Redis does not answer, watchers stay and new ones must try again; when
// it does again, the approval arrives.
func TestNodesRedisHangs(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{})
	phone := r.Phone(1)
	b, other := r.Browser(0).Start(phone.Token).Watch(), r.Browser(1).Start(phone.Token)
	b.Expect(session.OTPReady)
	r.Redis.Pause(t)
	for n := range r.Nodes {
		rig.ExpectClose(t, other.At(n).Dial(), ws.CloseTryAgain, "")
	}
	if _, err := other.Client.Poll(rig.Ctx(t), other.Session, other.Verifier, 0, 0); api.CodeOf(err) != "unavailable" {
		t.Errorf("polled without Redis: %v", err)
	}
	r.Redis.Resume(t)
	r.Eventually("both nodes recover", func() bool {
		_, err0 := other.At(0).Client.Poll(rig.Ctx(t), other.Session, other.Verifier, 0, 0)
		_, err1 := other.At(1).Client.Poll(rig.Ctx(t), other.Session, other.Verifier, 0, 0)
		return err0 == nil && err1 == nil
	})
	r.Approve(phone, b)
	b.Expect(session.ClaimedMessage)
	b.Expect(session.ApprovedMessage)
	rig.ExpectClose(t, b.Socket, ws.CloseNormal, "approved")
}
