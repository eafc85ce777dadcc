package server

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minAuditKeep is the shortest audit stream worth reading after an incident.
const minAuditKeep = 1000

// configCheck collects what Check finds.
type configCheck struct {
	cfg   Config
	kind  Kind
	found Errors
}

func (k *configCheck) fail(path, what, hint string) {
	at := k.cfg.place(path)
	k.found = append(k.found, Problem{Path: path, Where: at.String(), What: what, Hint: hint, at: at})
}

// Check judges the values and their combinations; nil means good. Load has
// called it already: it is for a Config that was changed or made by hand.
func (c Config) Check(kind Kind) Errors {
	k := &configCheck{cfg: c, kind: kind}
	k.issuer()
	k.listeners()
	k.proxies()
	k.redis()
	k.times()
	k.enrollment()
	k.limits()
	k.identities()
	k.audit()
	k.services()
	k.risk()
	k.flows()
	k.templates()
	k.message()
	k.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "auto", "json", "text")
	k.found.sort()
	return k.found
}

func (k *configCheck) issuer() {
	c := k.cfg
	if c.MasterSecretFile == "" && k.kind == ForServe {
		k.fail("masterSecretFile", "is required", "make one with `openssl rand -base64 32` and give the file's path")
	}
	if c.Issuer == "" {
		if k.kind == ForServe {
			k.fail("issuer", "is required", "the public URL of this server, such as https://login.example.com")
		}
		return
	}
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		k.fail("issuer", "is not an absolute https URL", "such as https://login.example.com")
	case u.User != nil:
		k.fail("issuer", "must not hold a user name or password", "remove everything up to the @")
	case strings.ContainsAny(c.Issuer, "?#"):
		k.fail("issuer", "must not have a query or a fragment", "end it before the ? or #")
	case strings.HasSuffix(c.Issuer, "/"):
		k.fail("issuer", "must not end in a slash", "write "+strings.TrimRight(c.Issuer, "/"))
	case !isCanonicalOrigin(u):
		k.fail("issuer", "is not written as browsers write it", canonicalHint)
	case u.Path != "" && (u.EscapedPath() != u.Path || strings.Contains(u.Path, "//") || strings.Contains(u.Path+"/", "/./") || strings.Contains(u.Path+"/", "/../")):
		k.fail("issuer", "has a path that servers may rewrite", "plain path segments only, such as /login")
	}
	if err == nil && u.Scheme == "http" && !c.InsecureHTTP {
		k.fail("issuer", "must be https", "insecureHTTP: true allows http, for tests only")
	}
}

const canonicalHint = "lower case, ASCII (punycode for other letters), and without the scheme's own port (443, 80)"

// isCanonicalOrigin reports whether scheme, host and port are as a browser
// writes them in Origin: they are compared byte by byte.
func isCanonicalOrigin(u *url.URL) bool {
	port := u.Port()
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case strings.HasSuffix(u.Host, ":"),
		port != "" && (err != nil || n == 0 || port[0] == '0'),
		u.Scheme == "https" && port == "443",
		u.Scheme == "http" && port == "80":
		return false
	}
	if strings.HasPrefix(u.Host, "[") {
		a, err := netip.ParseAddr(u.Hostname())
		return err == nil && a.Zone() == "" && a.String() == u.Hostname()
	}
	return !strings.ContainsFunc(u.Hostname(), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// isLoopbackHost reports whether host can only be this machine.
func isLoopbackHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (k *configCheck) listeners() {
	c := k.cfg
	if isHostPort(c.Listen, true) {
		_, port, _ := net.SplitHostPort(c.Listen)
		if c.Listen == c.OpsListen && port != "0" {
			k.fail("opsListen", "is the same as listen", "give it a port of its own, or leave it empty to turn it off")
		}
	} else {
		k.fail("listen", "is not an address and a port", "such as 127.0.0.1:8080, or :8080 for every address")
	}
	if c.OpsListen != "" && !isHostPort(c.OpsListen, true) {
		k.fail("opsListen", "is not an address and a port", "such as 127.0.0.1:9090; empty turns it off")
	}
}

// isHostPort reports whether s is HOST:PORT; a listener may leave out the host
// and may take port 0, which means any free one.
func isHostPort(s string, listener bool) bool {
	host, port, err := net.SplitHostPort(s)
	n, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && (listener || (host != "" && n > 0)) && !strings.ContainsAny(host, " /@")
}

func (k *configCheck) proxies() {
	for i, p := range k.cfg.TrustedProxies {
		path := fmt.Sprintf("trustedProxies[%d]", i)
		switch {
		case p.Bits() == 0:
			k.fail(path, "trusts every address, so that anyone could forge theirs", "name the networks of your proxies only")
		case p.Addr().Is4In6():
			k.fail(path, "is an IPv4 network in IPv6 notation, which matches nothing", "write it as IPv4, such as 10.0.0.0/8")
		}
	}
}

func (k *configCheck) redis() {
	r := k.cfg.Redis
	k.oneOf("redis.mode", r.Mode, "embedded", "single", "sentinel", "cluster")
	k.redisURL()
	many, one := r.Mode == "sentinel" || r.Mode == "cluster", r.Mode == "embedded" || r.Mode == "single"
	if many && len(r.Addrs) == 0 {
		k.fail("redis.addrs", "is required by mode "+r.Mode, "a list such as [10.0.0.1:26379, 10.0.0.2:26379]")
	}
	if one && len(r.Addrs) > 0 {
		k.fail("redis.addrs", "is not used in mode "+r.Mode, "set redis.mode to sentinel or cluster, or use redis.url")
	}
	for i, a := range r.Addrs {
		path := fmt.Sprintf("redis.addrs[%d]", i)
		if !isHostPort(a, false) {
			k.fail(path, "is not HOST:PORT", "such as 10.0.0.1:6379")
		} else if slices.Index(r.Addrs, a) < i {
			k.fail(path, "is listed twice", "")
		}
	}
	if r.Mode == "sentinel" && r.MasterName == "" {
		k.fail("redis.masterName", "is required by mode sentinel", "the name in Sentinel's own configuration, often mymaster")
	}
	if (one || r.Mode == "cluster") && r.MasterName != "" {
		k.fail("redis.masterName", "is used in mode sentinel only", "set redis.mode to sentinel, or remove it")
	}
	if len(r.Prefix) < 1 || len(r.Prefix) > 32 || !isPrefixText(r.Prefix) {
		k.fail("redis.prefix", "must be 1 to 32 characters of A-Z, a-z, 0-9, _, . and -", "such as cs")
	}
}

func isPrefixText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '.' && r != '-'
	})
}

// redisURL never shows the value: it is where passwords get pasted.
func (k *configCheck) redisURL() {
	if k.cfg.Redis.Mode != "single" && k.cfg.Redis.URL == "" {
		return
	}
	u, err := url.Parse(k.cfg.Redis.URL)
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" {
		k.fail("redis.url", "is not a Redis URL", "such as redis://127.0.0.1:6379/0, or rediss:// for TLS")
		return
	}
	if u.User.Username() != "" && k.cfg.Redis.Username != "" {
		k.fail("redis.url", "has a user name, and so does redis.username", "keep redis.username")
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if n, err := strconv.ParseUint(db, 10, 16); err != nil || strconv.FormatUint(n, 10) != db {
			k.fail("redis.url", "does not end in a database number", "such as /0")
		}
	}
	if u.RawQuery != "" || u.Fragment != "" {
		k.fail("redis.url", "must not have a query or a fragment", "end it after the database number")
	}
}

func (k *configCheck) times() {
	c := k.cfg
	k.within("session.ttl", c.Session.TTL, 30*time.Second, 600*time.Second)
	k.within("session.resultTTL", c.Session.ResultTTL, time.Second, 600*time.Second)
	switch p := c.OTP.Period; {
	case p != 0 && p < time.Second:
		k.fail("otp.period", shortDuration(p)+" is too short", "0s for one code per session, or at least 1s")
	case p > c.Session.TTL:
		k.fail("otp.period", "is longer than session.ttl", "at most "+shortDuration(c.Session.TTL)+", or 0s for one code per session")
	}
	if c.OTP.Tolerance < 0 || c.OTP.Tolerance > 10 {
		k.fail("otp.tolerance", strconv.Itoa(c.OTP.Tolerance)+" is out of range", "from 0 to 10")
	}
	k.within("qr.back", c.QR.Back, 3*time.Second, 5*time.Second)
	k.within("qr.ahead", c.QR.Ahead, time.Second, 2*time.Second)
	k.within("browserLogin.idle", c.BrowserLogin.Idle, time.Minute, 720*time.Hour)
	k.within("browserLogin.absolute", c.BrowserLogin.Absolute, time.Minute, 720*time.Hour)
	if c.BrowserLogin.Idle > c.BrowserLogin.Absolute {
		k.fail("browserLogin.idle", "is longer than browserLogin.absolute", "at most "+shortDuration(c.BrowserLogin.Absolute))
	}
}

func (k *configCheck) enrollment() {
	k.oneOf("enrollment", k.cfg.Enrollment, "code", "open")
	u, err := url.Parse(k.cfg.Issuer)
	if k.cfg.Enrollment == "open" && k.cfg.Issuer != "" && (err != nil || !k.enrolsOpenly(u.Hostname())) {
		k.fail("enrollment", "open lets anyone enrol, so it is allowed only while the issuer is this machine", "write enrollment: code, or an issuer such as http://localhost:8080")
	}
}

// enrolsOpenly says whether anyone may enrol at an issuer of that host: at this
// machine and, for development, at an address of its private network.
func (k *configCheck) enrolsOpenly(host string) bool {
	a, err := netip.ParseAddr(host)
	near := err == nil && (a.IsPrivate() || a.IsLinkLocalUnicast())
	return isLoopbackHost(host) || k.kind == ForDev && near
}

func (k *configCheck) limits() {
	l := k.cfg.Limits
	for _, r := range []struct {
		path string
		rate Rate
	}{
		{"limits.initiatePerIP", l.InitiatePerIP}, {"limits.enrollPerIP", l.EnrollPerIP}, {"limits.verifyPerIP", l.VerifyPerIP},
		{"limits.pushesPerUser", l.PushesPerUser}, {"limits.wrongCodesPerDevice", l.WrongCodesPerDevice},
		{"limits.backchannelPerService", l.BackchannelPerService}, {"limits.backchannelPerUser", l.BackchannelPerUser}, {"limits.operationsPerService", l.OperationsPerService},
		{"limits.messagesPerUser", l.MessagesPerUser},
	} {
		if _, err := ParseRate(r.rate.String()); err != nil {
			k.fail(r.path, r.rate.String()+" is not a rate", "a number of at least 1 per window of up to 24h, such as 30/m")
		}
	}
	for _, n := range []struct {
		path  string
		count int
	}{
		{"limits.pendingPerUser", l.PendingPerUser}, {"limits.wrongCodesInARow", l.WrongCodesInARow},
		{"limits.outstandingSessions", l.OutstandingSessions}, {"limits.socketsPerNode", l.SocketsPerNode},
	} {
		if n.count < 1 {
			k.fail(n.path, strconv.Itoa(n.count)+" is out of range", "at least 1")
		}
	}
}

func (k *configCheck) identities() {
	for i, id := range k.cfg.Admin.Identities {
		path := fmt.Sprintf("admin.identities[%d]", i)
		if !isVisibleASCII(id, 64) {
			k.fail(path, "is not a tokenId", "such as tok_ and 22 characters; `countersign user list` shows them")
		} else if slices.Index(k.cfg.Admin.Identities, id) < i {
			k.fail(path, "is listed twice", "")
		}
	}
}

func (k *configCheck) audit() {
	if n := k.cfg.Audit.Keep; n < minAuditKeep {
		k.fail("audit.keep", strconv.Itoa(n)+" is out of range", "at least "+strconv.Itoa(minAuditKeep))
	}
}

// isVisibleASCII reports whether s has 1 to limit characters, none a space.
func isVisibleASCII(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// oneOf complains about a value that is none of the allowed.
func (k *configCheck) oneOf(path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	hint := "one of " + strings.Join(allowed, ", ")
	if best := closest(value, allowed); best != "" {
		hint = "did you mean " + best + "?"
	}
	k.fail(path, shown(value)+" is not known", hint)
}

func (k *configCheck) within(path string, d, low, high time.Duration) {
	if d < low || d > high {
		k.fail(path, shortDuration(d)+" is out of range", "from "+shortDuration(low)+" to "+shortDuration(high))
	}
}
