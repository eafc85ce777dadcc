package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"countersign/api"
	"countersign/audit"
	"countersign/crypto/keyring"
	"countersign/device"
	"countersign/notify"
	"countersign/notify/gateway"
	"countersign/notify/push"
	"countersign/notify/webhook"
	"countersign/oidc"
	"countersign/operation"
	"countersign/operation/form"
	"countersign/passkey"
	"countersign/session"
	"countersign/store"
	"countersign/web"
	"countersign/web/cookie"
	"countersign/ws"

	"github.com/labstack/echo/v4"
)

// Options are what a node is given besides its configuration. The zero value is
// good for all but Log.
type Options struct {
	Log *slog.Logger
	// Listener and OpsListener are used instead of the configured addresses.
	Listener, OpsListener net.Listener
	// Version is what /metrics and the log call this build.
	Version string
	// OnReady is called once the node serves, with the addresses it serves on.
	OnReady func(public, ops net.Addr)
	// Demo lets the login page show every state without a session; for
	// development only.
	Demo bool
	// DropHint loses a message between nodes when it answers true; for tests.
	DropHint func() bool
	// Newcomers is what is known of whoever enrols without a code; for development
	// only.
	Newcomers device.Claims
	// Inspector sees everything; for development only.
	Inspector Inspector
}

// A Node is one server of a cluster.
type Node struct {
	cfg     Config
	secrets Secrets
	opts    Options
	log     *slog.Logger

	embedded   *store.EmbeddedServer
	store      *store.Store
	bus        *store.Bus
	keys       *store.SigningKeys
	stream     *store.AuditStream
	metrics    *metrics
	sessions   *session.Service
	operations *operation.Service
	devices    *device.Registry
	passkeys   *passkey.Service
	hub        *ws.Hub
	phones     *ws.Phones
	stomp      *ws.Notices
	parties    *parties
	pages      *web.Pages
	texts      map[string]form.Texts
	provider   *oidc.Provider
	oidc       http.Handler // the provider's
	outbox     *notify.Outbox
	hooks      *webhook.Hooks
	pusher     *push.Pusher

	started  atomic.Bool // Redis was reached, and the public listener serves
	draining atomic.Bool
}

// New wires a node. Without a master secret, which only development has, it
// makes one.
func New(cfg Config, secrets Secrets, o Options) (*Node, error) {
	n := &Node{cfg: cfg, secrets: secrets, opts: o, log: o.Log}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.secrets.Master == nil {
		master, err := keyring.NewMaster(random32())
		if err != nil {
			return nil, err
		}
		n.secrets.Master = master
	}
	brands, err := cfg.ReadBrands()
	texts, wrong := cfg.ReadTexts()
	if err := Together(err, wrong); err != nil {
		return nil, err
	}
	n.texts = texts
	if n.pages, err = web.New(web.Options{Issuer: cfg.Issuer, Brands: brands, Demo: o.Demo}); err != nil {
		return nil, err
	}
	if err := n.openStore(); err != nil {
		return nil, err
	}
	n.wire()
	if n.oidc, err = n.provider.Handler(); err != nil {
		return nil, err
	}
	return n, nil
}

func random32() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// openStore makes the store; nothing is asked of Redis yet.
func (n *Node) openStore() (err error) {
	address := redisAddress(n.cfg, n.secrets)
	if address.Mode == store.Embedded {
		if n.embedded, err = store.StartEmbedded(); err != nil {
			return err
		}
		address = store.Address{Mode: store.Single, URL: n.embedded.URL()}
	}
	o := StoreOptions(n.cfg, n.secrets.Master)
	n.metrics = newMetrics(n.opts.Version)
	recorder := &late{}
	o.Audit = recorder
	if n.store, err = store.Open(address, o); err != nil {
		return err
	}
	n.stream = n.store.AuditStream(n.log)
	recorder.to = n.recorder()
	n.bus = n.store.Bus()
	n.bus.Dropped = n.opts.DropHint
	n.keys = n.store.SigningKeys()
	return nil
}

func redisAddress(cfg Config, secrets Secrets) store.Address {
	return store.Address{Mode: store.Mode(cfg.Redis.Mode), URL: cfg.Redis.URL, Addrs: cfg.Redis.Addrs,
		MasterName: cfg.Redis.MasterName, Username: cfg.Redis.Username, Password: secrets.RedisPassword}
}

// late is a recorder that is known only after what needs it: the audit stream
// is kept in the store that records into it.
type late struct{ to audit.Recorder }

func (l *late) Record(ctx context.Context, e audit.Event) error { return l.to.Record(ctx, e) }

// wrongSecrets is how many wrong secrets of services may come from one address
// (RFC 6749 §2.3.1).
func wrongSecrets() Rate { return Rate{30, 10 * time.Minute} }

// typedCodes is how many codes may be typed in pages from one address. An office
// has one, so it is not few; who is asked is protected by bounds of their own.
func typedCodes() Rate { return Rate{60, 10 * time.Minute} }

// messagesAsked is how many codes may be asked for by message from one address. Whom
// they go to is protected by a rate of their own.
func messagesAsked() Rate { return Rate{30, time.Hour} }

// StoreOptions are the store's part of a configuration.
func StoreOptions(cfg Config, m *keyring.Master) store.Options {
	rate := func(r Rate) store.Rate {
		if cfg.Limits.Disabled {
			return store.Rate{}
		}
		return store.Rate{N: r.N, Per: r.Per}
	}
	l := store.Limits{
		Initiate: rate(cfg.Limits.InitiatePerIP), Enrol: rate(cfg.Limits.EnrollPerIP), Phone: rate(cfg.Limits.VerifyPerIP),
		Guesses: rate(wrongSecrets()), Codes: rate(typedCodes()), Messages: rate(messagesAsked()), MessagesPerUser: rate(cfg.Limits.MessagesPerUser),
		Backchannel: rate(cfg.Limits.BackchannelPerService), BackchannelPerUser: rate(cfg.Limits.BackchannelPerUser),
		Operations: rate(cfg.Limits.OperationsPerService), PendingPerUser: cfg.Limits.PendingPerUser, Pushes: rate(cfg.Limits.PushesPerUser),
		// The locks of wrong codes are never lifted.
		WrongCodes: store.Rate{N: cfg.Limits.WrongCodesPerDevice.N, Per: cfg.Limits.WrongCodesPerDevice.Per},
		FirstLock:  30 * time.Second, LongestLock: time.Hour, Outstanding: cfg.Limits.OutstandingSessions,
	}
	if cfg.Limits.Disabled {
		l.PendingPerUser = 0
	}
	return store.Options{Prefix: cfg.Redis.Prefix, Master: m, ResultTTL: cfg.Session.ResultTTL, Limits: l, AuditKeep: int64(cfg.Audit.Keep)}
}

// wire makes the rooms' services.
func (n *Node) wire() {
	recorder := n.recorder()
	n.parties = newParties(n.cfg, n.secrets)
	n.devices = &device.Registry{Issuer: n.cfg.Issuer, Open: n.cfg.Enrollment == "open", Newcomers: n.opts.Newcomers, Store: n.store, Enrolments: n.store,
		Nonces: n.store, Offline: n.store, Audit: recorder, Now: n.store.Now}
	n.sessions = &session.Service{
		Issuer: n.cfg.Issuer, Lifetime: n.cfg.Session.TTL, Period: n.cfg.OTP.Period, Tolerance: n.cfg.OTP.Tolerance,
		Window: session.Window{Back: n.cfg.QR.Back, Ahead: n.cfg.QR.Ahead}, MaxWrong: n.cfg.Limits.WrongCodesInARow,
		Secrets: session.Secrets{Master: n.secrets.Master}, Parties: n.parties, Store: n.store, Phones: n.store, Lists: n.store,
		Idempotency: n.store, Keys: n.keys, Devices: n.devices, Audit: recorder, Now: n.store.Now,
	}
	n.operations = &operation.Service{Issuer: n.cfg.Issuer, Flows: n.cfg.OperationFlows(), Store: n.store, Repeats: n.store, Sessions: n.sessions,
		Parties: n.parties, Guesses: n.store, Sends: n.store, Offline: n.store, Terms: terms(n.cfg), Ledger: &operation.Ledger{Store: n.store, Audit: recorder, Now: n.store.Now}, Audit: recorder, Now: n.store.Now}
	n.assess()
	n.passkeys = &passkey.Service{Store: n.store, Audit: recorder, Now: n.store.Now}
	if site, ok := passkey.SiteOf(n.cfg.Issuer); ok {
		n.passkeys.Site, n.operations.Passkeys = site, n.passkeys
	}
	n.provider = &oidc.Provider{Issuer: n.cfg.Issuer, Clients: clients(n.cfg, n.secrets), Parties: n.parties, Pairwise: n.parties.pairwise(), Keys: n.keys,
		Operations: n.operations, Sessions: n.sessions, Identities: n.store, Passkeys: n.passkeys, Vault: n.store, Limiter: n.store, Pages: n.pages, Operators: operatorIdentities(n.cfg), Browser: oidc.Lifetimes(n.cfg.BrowserLogin), Audit: recorder,
		Log: n.log, Now: n.store.Now, Unavailable: unavailable}
	n.tell(recorder)
	n.wake(recorder)
	n.hub = &ws.Hub{Node: n.bus.Node(), Sessions: n.sessions, Watches: n.store, Issuer: n.cfg.Issuer,
		Most: n.cfg.Limits.SocketsPerNode, Log: n.log}
	n.phones = &ws.Phones{Hub: n.hub}
	n.stomp = &ws.Notices{Hub: n.hub, Operations: n.operations, Registrations: n.store}
	n.bus.Phones, n.bus.Notices = n.phones, n.stomp
	n.metrics.watch(n.hub.Count)
	n.inspect()
}

// tell makes what other servers are told by, and has it told when something ends.
func (n *Node) tell(recorder audit.Recorder) {
	letters := &gateway.Gateway{URL: n.cfg.Message.URL, Secret: n.secrets.Message, Say: n.pages.Say, Now: n.store.Now}
	n.hooks = &webhook.Hooks{Of: hooks(n.cfg, n.secrets), Sessions: n.sessions, Outcomes: n.store, Operations: n.operations, Log: n.log, Now: n.store.Now}
	couriers := n.provider.Couriers()
	couriers[gateway.Kind] = letters.Request
	maps.Copy(couriers, n.hooks.Couriers())
	n.outbox = notify.New(notify.Outbox{Store: n.store, Couriers: couriers, Patient: []notify.Kind{webhook.SessionKind, webhook.OperationKind},
		HTTP: notify.Client(n.cfg.Outgoing.Allow), Audit: recorder, Log: n.log, Now: n.store.Now})
	n.provider.Outbox, letters.Outbox, n.hooks.Outbox = n.outbox, n.outbox, n.outbox
	if letters.URL != "" {
		n.operations.Letters = letters
	}
	n.sessions.Herald, n.operations.Herald = n.hooks, n.hooks
	n.sessions.Ended = n.ended
}

// assess has operations ask the risk hook, if there is one.
func (n *Node) assess() {
	if n.cfg.Risk.URL == "" {
		return
	}
	asker := &notify.Asker{URL: n.cfg.Risk.URL, Secret: n.secrets.Risk, HTTP: notify.Client(n.cfg.Outgoing.Allow), Check: api.CheckRisk, Log: n.log, Now: n.store.Now}
	n.operations.Risks = &api.RiskHook{Parties: n.parties, Ask: asker.Ask}
}

// ended tells of a session that has ended those who may have started it.
func (n *Node) ended(ctx context.Context, s session.Session) error {
	n.hooks.SessionOver(ctx, s)
	n.provider.Ended(ctx, s)
	err := n.operations.Ended(ctx, s)
	if err != nil {
		n.log.WarnContext(ctx, "the end of a session was not followed up", "session", s.ID, "error", err)
	}
	return err
}

// handler is the public listener's.
func (n *Node) handler() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	h := &api.Handler{Issuer: n.cfg.Issuer, TrustedProxies: n.cfg.TrustedProxies, Sessions: n.sessions,
		Devices: n.devices, Hub: n.hub, Phones: n.phones, Notices: n.stomp, Operations: n.operations,
		Cookies: cookie.Jar{Insecure: strings.HasPrefix(n.cfg.Issuer, "http:")}, Keys: n.keys, Log: n.log, Pages: n.pages,
		PushKey: n.pusher.PublicKey(), PushTo: n.pushTo, Guesses: n.store, Orders: n.store, Texts: n.texts, Templates: n.cfg.OperationTemplates(), Provider: n.provider, OIDC: n.oidc, Admin: n.admin(), Unavailable: unavailable}
	h.Mount(e)
	return n.inspected(e)
}

// unavailable says whether an error means that Redis cannot be reached.
func unavailable(err error) bool { return errors.Is(err, store.ErrUnavailable) }

// Registry gives the node's identities, for tools in the same process.
func (n *Node) Registry() *device.Registry { return n.devices }

// Operations gives the node's operations, for tools in the same process.
func (n *Node) Operations() *operation.Service { return n.operations }

// errStopped says that the context ended before the node was ready.
var errStopped = errors.New("server: stopped before it was ready")

// prepare waits until Redis answers, and makes or fetches what is kept there.
func (n *Node) prepare(ctx context.Context) error {
	wait := 200 * time.Millisecond
	for {
		err := n.reach(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errStopped
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		n.log.WarnContext(ctx, "redis is not reachable, trying again", "in", wait, "error", err)
		select {
		case <-ctx.Done():
			return errStopped
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

func (n *Node) reach(ctx context.Context) error {
	if err := n.store.Prepare(ctx); err != nil {
		return err
	}
	if err := n.store.CheckEviction(ctx); errors.Is(err, store.ErrCannotAsk) {
		if n.embedded == nil {
			n.log.WarnContext(ctx, "redis does not tell its eviction policy; it must be noeviction")
		}
	} else if err != nil {
		return err
	}
	if err := n.keys.Load(ctx); err != nil {
		return fmt.Errorf("server: signing keys: %w", err)
	}
	if _, err := n.store.OfflineKey(ctx); err != nil { // also seals it anew under a new master secret
		return fmt.Errorf("server: offline key: %w", err)
	}
	var err error
	if n.pusher.Key, err = n.store.PushKey(ctx); err != nil {
		return fmt.Errorf("server: push key: %w", err)
	}
	return n.parties.load(ctx, n.store)
}
