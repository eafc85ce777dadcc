package push

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"countersign/audit"
	"countersign/crypto/p256"
	"countersign/device"
	"countersign/session"
)

const (
	waiting  = 1024            // sessions whose phones are not looked up yet; more wake nobody
	underWay = 4096            // sessions whose phones are being woken, most of which wait to try again
	atOnce   = 256             // of those, that ask Redis or a push service
	grace    = 2 * time.Second // how long pushes may go on when the node stops
	tries    = 3
	first    = 2 * time.Second // the wait after the first try; then four times as long
)

// Sessions says which phones a session wakes.
type Sessions interface {
	Wakes(ctx context.Context, s session.Session) ([]device.Device, error)
}

// Budget counts the sessions that wake an identity's phones.
type Budget interface {
	// CountPush counts one. device.LimitedError: it wakes nobody.
	CountPush(ctx context.Context, id device.TokenID) error
}

// Devices forgets what push services do not know any more.
type Devices interface {
	Unsubscribe(ctx context.Context, id device.TokenID, d device.ID, s device.Subscription) error
}

// A Pusher wakes phones. Its members are set before it is used; Key may follow, before
// Run.
type Pusher struct {
	Issuer   string // whom push services may turn to
	Key      p256.PrivateKey
	Sessions Sessions
	Budget   Budget
	Devices  Devices
	HTTP     *http.Client // as [notify.Client] makes it
	Audit    audit.Recorder
	Log      *slog.Logger
	Now      func() time.Time

	queue chan session.Session
	slots chan struct{} // of sessions under way
	turns chan struct{} // of questions; a push service that says "later" keeps none
	busy  *sync.WaitGroup
}

// New completes a pusher.
func New(p Pusher) *Pusher {
	p.queue, p.busy = make(chan session.Session, waiting), &sync.WaitGroup{}
	p.slots, p.turns = make(chan struct{}, underWay), make(chan struct{}, atOnce)
	return &p
}

// PublicKey is what an app subscribes with, as the applicationServerKey.
func (p *Pusher) PublicKey() string {
	return base64.RawURLEncoding.EncodeToString(p.Key.Public().Point())
}

// Wake has the phones woken that a new session is listed to. It never blocks.
func (p *Pusher) Wake(s session.Session) {
	select {
	case p.queue <- s:
	default:
		p.Log.Warn("too many pushes wait, so a session wakes nobody", "session", s.ID)
	}
}

// Run wakes until ctx ends; what is then under way has 2 s to finish.
func (p *Pusher) Run(ctx context.Context) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	for p.next(ctx, work) {
	}
	last := time.AfterFunc(grace, stop)
	defer last.Stop()
	p.busy.Wait()
}

// next takes a session off the queue, when there is a slot for it; false: ctx has ended.
func (p *Pusher) next(ctx, work context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case p.slots <- struct{}{}:
	}
	select {
	case <-ctx.Done():
		return false
	case s := <-p.queue:
		p.busy.Go(func() {
			defer func() { <-p.slots }()
			p.wake(work, s)
		})
		return true
	}
}

// wake wakes the phones of one session. Nothing of it goes on after the session's end.
func (p *Pusher) wake(ctx context.Context, s session.Session) {
	ctx, cancel := context.WithTimeout(ctx, s.ExpiresAt.Sub(p.Now()))
	defer cancel()
	devices, err := p.phones(ctx, s)
	if err != nil {
		// Over the budget there is silence; the limit has put it on record.
		if limited := (device.LimitedError{}); !errors.As(err, &limited) && ctx.Err() == nil {
			p.Log.WarnContext(ctx, "a session wakes nobody", "session", s.ID, "error", err)
		}
		return
	}
	var all sync.WaitGroup
	for _, d := range devices {
		all.Go(func() { p.deliver(ctx, s, d) })
	}
	all.Wait()
}

// phones gives those that are to be woken, and counts that they are.
func (p *Pusher) phones(ctx context.Context, s session.Session) ([]device.Device, error) {
	if !p.turn(ctx) {
		return nil, ctx.Err()
	}
	defer p.done()
	devices, err := p.Sessions.Wakes(ctx, s)
	if err == nil && len(devices) > 0 {
		err = p.Budget.CountPush(ctx, s.Asked)
	}
	return devices, err
}

// turn waits until it may be asked; false: ctx has ended.
func (p *Pusher) turn(ctx context.Context) bool {
	select {
	case p.turns <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *Pusher) done() { <-p.turns }

// try sends once, in its turn.
func (p *Pusher) try(ctx context.Context, s session.Session, d device.Device) sent {
	if !p.turn(ctx) {
		return sent{cause: late}
	}
	defer p.done()
	return p.send(ctx, s, d)
}

// deliver tries until the push service has taken the push, or will not. What it may
// have taken before it failed replaces itself there, by its topic.
func (p *Pusher) deliver(ctx context.Context, s session.Session, d device.Device) {
	pause := first
	for try := 1; ; try++ {
		out := p.try(ctx, s, d)
		switch {
		case out.taken:
			p.record(ctx, s, d, audit.NoticeTaken)
			return
		case out.gone:
			p.forget(ctx, s, d)
			return
		case !out.again || try == tries || !p.pause(ctx, max(pause, out.after)) || !p.still(ctx, s, d):
			p.Log.InfoContext(ctx, "a phone was not woken", "session", s.ID, "device", d.ID, "try", try, "cause", out.cause)
			p.record(ctx, s, d, audit.NoticeFailed)
			return
		}
		pause *= 4
	}
}

// pause waits; false: there is no time for it.
func (p *Pusher) pause(ctx context.Context, d time.Duration) bool {
	if end, _ := ctx.Deadline(); time.Until(end) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// still says whether the session still wakes the device, where it did.
func (p *Pusher) still(ctx context.Context, s session.Session, d device.Device) bool {
	if !p.turn(ctx) {
		return false
	}
	defer p.done()
	devices, err := p.Sessions.Wakes(ctx, s)
	return err == nil && slices.ContainsFunc(devices, func(x device.Device) bool { return x.ID == d.ID && x.Push == d.Push })
}

// forget takes the subscription away. That is worth finishing also when the session has
// ended meanwhile.
func (p *Pusher) forget(ctx context.Context, s session.Session, d device.Device) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := p.Devices.Unsubscribe(ctx, s.Asked, d.ID, d.Push); err != nil {
		p.Log.WarnContext(ctx, "a subscription that has ended is still kept", "device", d.ID, "error", err)
	}
	p.record(ctx, s, d, audit.NoticeFailed)
}

func (p *Pusher) record(ctx context.Context, s session.Session, d device.Device, kind audit.Kind) {
	// A recorder that fails logs itself.
	_ = p.Audit.Record(ctx, audit.Event{Time: p.Now(), Kind: kind, Session: string(s.ID), Service: s.Service, Token: string(s.Asked), Device: string(d.ID), Detail: "push"})
}
