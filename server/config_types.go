package server

import (
	"net/netip"
	"time"
)

// This file is the list of every configuration key: its name (the koanf tag),
// its type and, in the comment above it, its meaning, unit and limits. The
// comments are printed by Docs, so they are written for operators.

// Config is the whole configuration after every layer has been applied. It
// comes from Load, or from Defaults with fields set by hand. It holds the names
// of the files with secrets, which ReadSecrets reads, and no secret itself but
// for a password somebody wrote into Redis.URL: so never log a Config, Show it.
type Config struct {
	// Public base URL, without a slash at the end; the `iss` of every token and the second line of everything a phone signs. Required by `serve`; https unless `insecureHTTP`.
	Issuer string `koanf:"issuer"`
	// Address and port of the public listener.
	Listen string `koanf:"listen"`
	// Address and port of `/livez`, `/readyz` and `/metrics`; empty: off.
	OpsListen string `koanf:"opsListen"`
	// Allows http in the issuer, origins and redirect URIs; cookies lose `__Host-` and `Secure`. Never in production.
	InsecureHTTP bool `koanf:"insecureHTTP"`
	// Required by `serve`: file of 32 random bytes in base64 or base64url; one secret per line, the first in use, the rest still accepted.
	MasterSecretFile string `koanf:"masterSecretFile"`
	// Addresses and networks (CIDR) whose `X-Forwarded-For` and `Forwarded` headers are believed.
	TrustedProxies []netip.Prefix `koanf:"trustedProxies"`
	// How Redis is reached.
	Redis RedisConfig `koanf:"redis"`
	// Lifetimes of a session.
	Session SessionConfig `koanf:"session"`
	// The six-digit code.
	OTP OTPConfig `koanf:"otp"`
	// The moving QR code.
	QR QRConfig `koanf:"qr"`
	// Single sign-on: how long a browser stays logged in at the OpenID Provider.
	BrowserLogin BrowserLoginConfig `koanf:"browserLogin"`
	// Who may enrol a phone: `code` (whoever has an enrolment code) or `open` (anyone; development only, on a loopback issuer only).
	Enrollment string `koanf:"enrollment"`
	// Limits against abuse and overload.
	Limits LimitsConfig `koanf:"limits"`
	// Requests to other servers: CIBA pings, back-channel logout and messages.
	Outgoing OutgoingConfig `koanf:"outgoing"`
	// Who is asked how dangerous an operation is.
	Risk RiskConfig `koanf:"risk"`
	// The operator's own gateway for short messages and mail, which sends the codes of the method `message`.
	Message MessageConfig `koanf:"message"`
	// Operators.
	Admin AdminConfig `koanf:"admin"`
	// The record of every state change.
	Audit AuditConfig `koanf:"audit"`
	// The relying parties; each is also an OIDC client. From the file only.
	Services []ServiceConfig `koanf:"services"`
	// What operations go through, by name, instead of or besides those built in: `{expiry: 5m, factors: 1, steps: [identify, review, [device]]}`. From the file only; operations.md has the form.
	Flows map[string]any `koanf:"flows"`
	// What a back end can have approved by giving values alone, by name: `{name: authorize_payment, data: "A1*A${amount}EUR", form: {…}, expiry: 5m, attempts: 3, factors: 1}`. From the file only; operations.md has the form.
	Templates map[string]any `koanf:"templates"`
	// Logging.
	Log LogConfig `koanf:"log"`

	// origins says where each path was last set; nil in a literal Config.
	origins map[string]configPlace
}

// RedisConfig says how Redis is reached.
type RedisConfig struct {
	// `embedded` (in this process, lost at exit; development), `single`, `sentinel` or `cluster`.
	Mode string `koanf:"mode"`
	// For `single`: `redis://HOST:PORT/DB`, or `rediss://` for TLS. A password is better kept in `passwordFile`, which goes before one written here.
	URL string `koanf:"url"`
	// For `sentinel` and `cluster`: HOST:PORT of the nodes to ask first.
	Addrs []string `koanf:"addrs"`
	// For `sentinel`: the name of the master.
	MasterName string `koanf:"masterName"`
	// ACL user; empty: Redis' default user.
	Username string `koanf:"username"`
	// File holding the password; empty: none.
	PasswordFile string `koanf:"passwordFile"`
	// Begins every key's name; 1 to 32 of A-Z, a-z, 0-9, `_`, `.` and `-`. Two installations on one Redis need two prefixes.
	Prefix string `koanf:"prefix"`
}

// SessionConfig holds the lifetimes of a session.
type SessionConfig struct {
	// How long a session waits for its approval; 30s to 600s.
	TTL time.Duration `koanf:"ttl"`
	// How long the result is kept after the end, for reconnecting pages; 1s to 600s.
	ResultTTL time.Duration `koanf:"resultTTL"`
}

// OTPConfig controls the six-digit code.
type OTPConfig struct {
	// How often the code changes within a session; 0s: one code per session, otherwise at least 1s and at most `session.ttl`.
	Period time.Duration `koanf:"period"`
	// How many earlier codes are still right when the code changes; 0 to 10.
	Tolerance int `koanf:"tolerance"`
}

// QRConfig is the window in which a scanned QR code counts.
type QRConfig struct {
	// How old a scanned code may be; 3s to 5s.
	Back time.Duration `koanf:"back"`
	// How far ahead of the server a scanned code may be; 1s to 2s.
	Ahead time.Duration `koanf:"ahead"`
}

// BrowserLoginConfig ends a browser login.
type BrowserLoginConfig struct {
	// How long after its last use; 1m to 720h, and at most `browserLogin.absolute`.
	Idle time.Duration `koanf:"idle"`
	// How long after the user last approved on a phone; 1m to 720h.
	Absolute time.Duration `koanf:"absolute"`
}

// LimitsConfig holds the limits against abuse and overload. An address is an
// IPv4 address or an IPv6 /64.
type LimitsConfig struct {
	// For load tests: lifts rates, `pendingPerUser` and pushes; never the attempts of a session, the wrong-code locks or `outstandingSessions`.
	Disabled bool `koanf:"disabled"`
	// Sessions started per address; counted apart, logins of OpenID clients begun and requests pushed by clients without a secret.
	InitiatePerIP Rate `koanf:"initiatePerIP"`
	// Enrolments tried per address.
	EnrollPerIP Rate `koanf:"enrollPerIP"`
	// Phone requests per address, counted apart for claim, verify, pending, each device verb and the phone's socket.
	VerifyPerIP Rate `koanf:"verifyPerIP"`
	// Sessions waiting for one identity that are shown on its phones; at least 1. Further ones open by scanning only. As many again are shown of those that services start without a page (CIBA).
	PendingPerUser int `koanf:"pendingPerUser"`
	// Sessions that wake the phones of one identity by a push; over it they are listed in silence.
	PushesPerUser Rate `koanf:"pushesPerUser"`
	// CIBA requests of one service.
	BackchannelPerService Rate `koanf:"backchannelPerService"`
	// CIBA requests of one service about one user.
	BackchannelPerUser Rate `koanf:"backchannelPerUser"`
	// Operations that the back end of one service begins, whether they are good or not.
	OperationsPerService Rate `koanf:"operationsPerService"`
	// Codes sent to one identity by message, whatever the operation.
	MessagesPerUser Rate `koanf:"messagesPerUser"`
	// Wrong codes per identity and device over all sessions; then a lock growing from 30s to 1h.
	WrongCodesPerDevice Rate `koanf:"wrongCodesPerDevice"`
	// Wrong codes per identity without a success between; then locked until an operator lifts it; at least 1.
	WrongCodesInARow int `koanf:"wrongCodesInARow"`
	// Sessions not yet ended, over all nodes; at least 1. One service may hold half of them, one address 1 %.
	OutstandingSessions int `koanf:"outstandingSessions"`
	// Open web sockets, event streams and waiting polls per node; at least 1. Above it a connection is closed with 1013.
	SocketsPerNode int `koanf:"socketsPerNode"`
}

// OutgoingConfig says which servers may be told things.
type OutgoingConfig struct {
	// Addresses and networks (CIDR) that are no part of the public Internet and may be reached all the same, such as `10.0.0.0/8`.
	Allow []netip.Prefix `koanf:"allow"`
}

// RiskConfig says who is asked how many steps an operation needs, where its flow marks steps with `risk`.
type RiskConfig struct {
	// Asked for the risk of an operation whose flow marks steps with `risk`, when it is first shown and when a step was taken; https. Without an answer within 500 ms every step is due. Empty: no flow may mark steps.
	URL string `koanf:"url"`
	// File holding the secret the questions are signed with (Standard Webhooks: `whsec_` and 24 to 64 bytes in base64); needed with `url`.
	SecretFile string `koanf:"secretFile"`
}

// MessageConfig is the gateway that sends codes.
type MessageConfig struct {
	// Its webhook, which sends what it is given by SMS or mail; https. Empty: there is no method `message`.
	URL string `koanf:"url"`
	// File holding the secret that requests are signed with, as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in base64; needed with `url`.
	SecretFile string `koanf:"secretFile"`
}

// AdminConfig says who operates the installation.
type AdminConfig struct {
	// File of static tokens for the operators' API, one `name scope sha256-hex` a line, as `countersign admin token` prints them; empty: none.
	TokensFile string `koanf:"tokensFile"`
	// The tokenIds that may be granted the scopes `countersign:admin` and `countersign:audit`, through services marked `admin`.
	Identities []string `koanf:"identities"`
}

// AuditConfig controls the audit stream.
type AuditConfig struct {
	// How many events the audit stream in Redis keeps, the oldest leaving first (approximately: Redis drops them in batches); at least 1000.
	Keep int `koanf:"keep"`
}

// ServiceConfig is one relying party, which is also one OIDC client.
type ServiceConfig struct {
	// Required: the serviceId and client_id; 1 to 64 visible ASCII characters without `:`, unique.
	ID string `koanf:"id"`
	// The name shown on the phone; up to 100 characters; empty: the `id`.
	Name string `koanf:"name"`
	// Browser origins (`https://HOST[:PORT]`) whose pages may watch sessions and, without `secretFile`, start them.
	Origins []string `koanf:"origins"`
	// File holding the secret of a service that authenticates (fewer than 16 bytes give a warning); empty: a service called from browsers, which needs `origins`.
	SecretFile string `koanf:"secretFile"`
	// File holding the key (32 bytes in base64url) of the approved message's hash; empty: made once and kept sealed in Redis.
	ResponseKeyFile string `koanf:"responseKeyFile"`
	// File holding the public keys (a JWKS; ES256, RS256 or PS256) with which it authenticates at the OpenID Provider by `private_key_jwt`, instead of by its secret.
	ClientKeysFile string `koanf:"clientKeysFile"`
	// The claims it may ask for.
	Scopes ScopesConfig `koanf:"scopes"`
	// How a code may be used: `enter` (typed or scanned), `scan` (scanned only), `compare` (shown on both sides; needs `secretFile`); the first is the default.
	Modes []string `koanf:"modes"`
	// How the code is shown to watchers: `none` (in full) or `last2` (`4829**`); never applied in mode `enter`.
	Mask string `koanf:"mask"`
	// `public`: the tokenId is the subject; `pairwise`: one of its own per service.
	Subject string `koanf:"subject"`
	// Lifetime of the JWT; 1s to 24h.
	TokenTTL time.Duration `koanf:"tokenTTL"`
	// Where OIDC may send the browser back: https, or for a native app http on a loopback host or a private scheme with a dot (`com.example.app:/cb`).
	RedirectURIs []string `koanf:"redirectURIs"`
	// Where the browser may go after logout; the same forms.
	PostLogoutRedirectURIs []string `koanf:"postLogoutRedirectURIs"`
	// Where its back end is told that a user has logged out (OpenID Connect Back-Channel Logout); https. Empty: it is not told.
	BackchannelLogoutURI string `koanf:"backchannelLogoutURI"`
	// Whether its back end may have a user approve without a browser of theirs.
	CIBA CIBAConfig `koanf:"ciba"`
	// Refuses its authorization requests that were not pushed (PAR) before; needs `redirectURIs`.
	RequirePAR bool `koanf:"requirePAR"`
	// Gives it only tokens bound to a key (DPoP); needs `redirectURIs` or `ciba`.
	RequireDPoP bool `koanf:"requireDPoP"`
	// May ask for the scopes of operators (`admin.identities`); needs `redirectURIs`.
	Admin bool `koanf:"admin"`
	// Tells the service when a tokenId is unknown or revoked; needs `secretFile`.
	RevealUnknown bool `koanf:"revealUnknown"`
	// Refuses sessions started without a challenge.
	RequireBinding bool `koanf:"requireBinding"`
	// Takes the signatures of version 0 apps too; needs mode `enter`. Weaker.
	AcceptV0 bool `koanf:"acceptV0"`
	// Sends CONFIRMED instead of DONE in web socket notifications, as older pages expect.
	LegacyAuthResult bool `koanf:"legacyAuthResult"`
	// The service's own page that shows the login, on one of its `origins`: the browser comes back to it from an app on the same device. Empty: only the hosted login page offers such an app.
	ReturnURL string `koanf:"returnURL"`
	// How the hosted login page looks for it.
	Branding BrandingConfig `koanf:"branding"`
	// Its words for the forms of what it has approved, in the languages of its users.
	Texts TextsConfig `koanf:"texts"`
	// Events for its back end.
	Webhook WebhookConfig `koanf:"webhook"`
	// What its users are asked to agree to, in operations whose flow has the step `consent`.
	Consent ConsentConfig `koanf:"consent"`
}

// ScopesConfig lists the scopes of a service.
type ScopesConfig struct {
	// Scopes it may ask for.
	Allowed []string `koanf:"allowed"`
	// Scopes when it asks for none; all must be in `allowed`. Left out, it is `identity:name` if that is allowed, else nothing.
	Default []string `koanf:"default"`
	// Scopes the user cannot switch off, on the phone or in the page; all must be in `allowed`.
	Required []string `koanf:"required"`
}

// CIBAConfig is Client-Initiated Backchannel Authentication for a service.
type CIBAConfig struct {
	// How it learns that its user has decided: `poll` (it asks), `ping` (it is told to ask). Empty: it may make no such requests.
	Delivery string `koanf:"delivery"`
	// Where it is told, with `ping`; https.
	NotificationURI string `koanf:"notificationURI"`
}

// BrandingConfig is how the hosted login page looks for a service; its name is
// that of the service.
type BrandingConfig struct {
	// Image shown above the login: PNG, JPEG, WebP or SVG, at most 64 KiB; empty: none.
	LogoFile string `koanf:"logoFile"`
	// Colour of buttons and links, `#rrggbb`; what is written on it is black or white, whichever reads better. Empty: blue.
	Color string `koanf:"color"`
}

// TextsConfig is where the texts of a service's forms are.
type TextsConfig struct {
	// File of texts, `{language: {id: words}}` in JSON, at most 256 KiB and 64 languages; empty: none, so every text of a form brings its words along. relying-parties.md has an example.
	File string `koanf:"file"`
	// The language of the file for whoever wants none, or one that the file has not, such as `en`; needed with `file`.
	Fallback string `koanf:"fallback"`
}

// WebhookConfig is where a service gets its events.
type WebhookConfig struct {
	// https URL that is told how the sessions and operations of the service end. Empty: nobody is.
	URL string `koanf:"url"`
	// File holding the secret events are signed with, as Standard Webhooks writes it (`whsec_` and 24 to 64 bytes in base64) or as it is (fewer than 16 bytes give a warning); one per line, up to three, and all sign; needed with `url`.
	SecretFile string `koanf:"secretFile"`
}

// ConsentConfig is what a service asks its users to agree to.
type ConsentConfig struct {
	// Names what is agreed to, such as `2026-01`; 1 to 64 letters, digits, `.`, `_` and `-`. Another version asks everybody again. Empty: nobody is asked for anything.
	Version string `koanf:"version"`
	// How long an agreement holds, such as `365d`; 1h to 3650d; needed with `version`.
	Validity time.Duration `koanf:"validity"`
	// What users may agree to by itself besides the text, up to 16.
	Options []ConsentOption `koanf:"options"`
	// The text in one language after the other; the first is for whoever reads none of them; needed with `version`.
	Texts []ConsentText `koanf:"texts"`
}

// ConsentOption is something that a user may agree to by itself.
type ConsentOption struct {
	// Required: its name, 1 to 32 lower-case letters, digits, `_` and `-`; unique.
	ID string `koanf:"id"`
	// Whether nobody goes on who has not ticked it.
	Required bool `koanf:"required"`
}

// ConsentText is what is agreed to, in one language.
type ConsentText struct {
	// Required: as a language tag, such as `en`.
	Language string `koanf:"language"`
	// Required: plain text, up to 10000 characters; line breaks are kept.
	Text Paragraphs `koanf:"text"`
	// What each option is called, by its `id`: one line, up to 300 characters.
	Options map[string]string `koanf:"options"`
}

// LogConfig controls logging.
type LogConfig struct {
	// The least important level written: `debug`, `info`, `warn` or `error`.
	Level string `koanf:"level"`
	// `json`, `text`, or `auto`: text on a terminal, json elsewhere.
	Format string `koanf:"format"`
}

// Defaults returns the configuration of an empty file: no issuer, no master
// secret and no service, so that `serve` refuses it until those are given.
func Defaults() Config {
	return Config{
		Listen:       "127.0.0.1:8080",
		OpsListen:    "127.0.0.1:9090",
		Redis:        RedisConfig{Mode: "single", URL: "redis://127.0.0.1:6379/0", Prefix: "cs"},
		Session:      SessionConfig{TTL: 120 * time.Second, ResultTTL: 60 * time.Second},
		OTP:          OTPConfig{Tolerance: 1},
		QR:           QRConfig{Back: 5 * time.Second, Ahead: 2 * time.Second},
		BrowserLogin: BrowserLoginConfig{Idle: 30 * time.Minute, Absolute: 12 * time.Hour},
		Enrollment:   "code",
		Limits: LimitsConfig{
			InitiatePerIP:         Rate{30, time.Minute},
			EnrollPerIP:           Rate{10, time.Hour},
			VerifyPerIP:           Rate{60, time.Minute},
			PendingPerUser:        3,
			PushesPerUser:         Rate{5, 10 * time.Minute},
			BackchannelPerService: Rate{600, time.Minute},
			BackchannelPerUser:    Rate{10, 10 * time.Minute},
			OperationsPerService:  Rate{600, time.Minute},
			MessagesPerUser:       Rate{5, time.Hour},
			WrongCodesPerDevice:   Rate{10, 15 * time.Minute},
			WrongCodesInARow:      100,
			OutstandingSessions:   100_000,
			SocketsPerNode:        100_000,
		},
		Audit: AuditConfig{Keep: 100_000},
		Log:   LogConfig{Level: "info", Format: "auto"},
	}
}

// serviceDefaults is what a service has when its entry gives only its id. Its
// name is then the id, which Load fills in.
func serviceDefaults() ServiceConfig {
	return ServiceConfig{
		Scopes:   ScopesConfig{Allowed: []string{"identity:name"}, Default: []string{"identity:name"}},
		Modes:    []string{"enter", "scan"},
		Mask:     "none",
		Subject:  "public",
		TokenTTL: time.Hour,
	}
}
