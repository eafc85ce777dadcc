package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"countersign/crypto/keyring"
	"countersign/session"
	"countersign/ws"

	"github.com/redis/go-redis/v9"
)

// A Bus brings a node what other nodes tell it, over one channel of its own.
// What it brings is a hint: it may come late or never, and whoever needs to
// know reads the record. But a bus that has fallen silent while everything
// looks healthy must be noticed, so the node writes to itself and listens.
type Bus struct {
	st    *Store
	node  string
	heard atomic.Int64 // when the last probe came back, unix ms; 0: not yet
	// Phones hears of calls to phones; nil: this node has none.
	Phones ws.PhoneListener
	// Notices hears of operations; nil: this node has no pages of them.
	Notices ws.NoticeListener
	// Dropped is called for every hint; true drops it. Tests lose hints with it.
	Dropped func() bool
}

const (
	probeEvery  = time.Second
	silentAfter = 2500 * time.Millisecond
	handshake   = time.Second
)

// Bus gives the bus of a new node, with a name of its own.
func (st *Store) Bus() *Bus { return &Bus{st: st, node: rand.Text()[:12]} }

// Node is the node's name, random at each start.
func (b *Bus) Node() string { return b.node }

// Delivers says whether the way through Redis to this node is proven.
func (b *Bus) Delivers() bool {
	heard := b.heard.Load()
	return heard != 0 && time.Since(time.UnixMilli(heard)) < silentAfter
}

// Run hands hints to hub until ctx ends. When the bus falls silent it is built
// anew, asking again where Redis is, and the hub reads all it watches again.
func (b *Bus) Run(ctx context.Context, hub ws.Listener) {
	for ctx.Err() == nil {
		b.listen(ctx, hub)
		b.heard.Store(0)
		b.missed(hub)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// listen subscribes, waits for the acknowledgement, and receives until the bus
// breaks or falls silent.
func (b *Bus) listen(ctx context.Context, hub ws.Listener) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	channels := b.channels()
	ps := b.st.db.Subscribe(ctx, channels...)
	defer ps.Close()
	// A subscription does not end with its context.
	wake := context.AfterFunc(ctx, func() { ps.Close() })
	defer wake()
	for range channels { // each is acknowledged by itself
		if _, err := ps.ReceiveTimeout(ctx, handshake); err != nil {
			return
		}
	}
	// What was published before the subscription is found by reading again.
	b.missed(hub)
	probing := make(chan struct{})
	go func() {
		defer close(probing)
		b.probe(ctx, cancel)
	}()
	b.receive(ctx, ps, hub)
	cancel()
	<-probing
}

func (b *Bus) channels() []string {
	own := b.st.keys.node(b.node)
	if b.Phones == nil && b.Notices == nil {
		return []string{own}
	}
	return []string{own, b.st.keys.everyNode()}
}

// missed says that hints may have been lost.
func (b *Bus) missed(hub ws.Listener) {
	hub.Missed()
	if b.Phones != nil {
		b.Phones.Missed()
	}
	if b.Notices != nil {
		b.Notices.Missed()
	}
}

func (b *Bus) receive(ctx context.Context, ps *redis.PubSub, hub ws.Listener) {
	for ctx.Err() == nil {
		m, err := ps.ReceiveTimeout(ctx, probeEvery)
		var timeout interface{ Timeout() bool }
		if errors.As(err, &timeout) && timeout.Timeout() {
			continue
		}
		if err != nil {
			return
		}
		if m, ok := m.(*redis.Message); ok {
			b.hear(ctx, m.Payload, hub)
		}
	}
}

// probe writes to the node's own channel, and gives the subscription up when
// nothing comes back.
func (b *Bus) probe(ctx context.Context, giveUp func()) {
	begun := time.Now()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		// A failing publication shows as silence.
		_ = b.st.db.Publish(ctx, b.st.keys.node(b.node), string(probeKind)).Err()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !b.Delivers() && time.Since(begun) >= silentAfter {
			giveUp()
			return
		}
	}
}

// hear takes one message apart. What does not parse or authenticate is dropped:
// the record tells the truth soon enough.
func (b *Bus) hear(_ context.Context, payload string, hub ws.Listener) {
	if payload == "" {
		return
	}
	if payload[0] == probeKind {
		b.heard.Store(time.Now().UnixMilli())
		return
	}
	if b.Dropped != nil && b.Dropped() {
		return
	}
	switch payload[0] {
	case callKind:
		b.call(payload[1:])
		return
	case movedKind, registeredKind:
		b.notice(payload[0], payload[1:])
		return
	}
	id, rest, found := strings.Cut(payload[1:], "|")
	if !found || !session.ID(id).WellFormed() {
		return
	}
	switch payload[0] {
	case changeKind:
		b.change(session.ID(id), rest, hub)
	case takenKind:
		b.taken(session.ID(id), rest, hub)
	}
}

func (b *Bus) change(id session.ID, rest string, hub ws.Listener) {
	v, body, _ := strings.Cut(rest, "|")
	version, err := strconv.ParseUint(v, 10, 63)
	if err != nil {
		return
	}
	hub.Changed(id, version, func(ctx context.Context) (session.Session, error) {
		return b.st.openSession(ctx, id, version, body)
	})
}

const hintMACSize = 16

func (b *Bus) taken(id session.ID, rest string, hub ws.Listener) {
	if len(rest) < hintMACSize+1 {
		return
	}
	number, err := strconv.ParseUint(rest[hintMACSize+1:], 10, 63)
	if err != nil {
		return
	}
	for _, secret := range b.st.Master.IDs() {
		mac, ok := b.st.Master.MAC(secret, keyring.Hint, []byte(id))
		if ok && hmac.Equal(mac[:hintMACSize], []byte(rest[:hintMACSize])) {
			hub.Taken(id, number)
			return
		}
	}
}
