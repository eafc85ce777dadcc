package server

import (
	"errors"
	"strings"
	"testing"
)

// checkCase is a file that breaks one rule. want is a piece of the only
// problem, or empty when the file is good.
type checkCase struct{ yaml, want string }

func runCheckCases(t *testing.T, cases []checkCase) {
	t.Helper()
	for _, c := range cases {
		_, err := Load(Source{File: "c.yaml", Content: []byte(c.yaml)})
		switch found, _ := errors.AsType[Errors](err); {
		case c.want == "" && err != nil:
			t.Errorf("%s\nis refused:\n%v", c.yaml, err)
		case c.want != "" && (len(found) != 1 || !strings.Contains(found.Error(), c.want)):
			t.Errorf("%s\ngot:\n%v\nwant only: %s", c.yaml, err, c.want)
		case len(found) == 1 && !strings.HasPrefix(found[0].Where, "c.yaml:") && found[0].Where != "default":
			t.Errorf("%s\nis placed at %s", c.yaml, found[0].Where)
		}
	}
}

func TestCheckIssuer(t *testing.T) {
	issuer := func(s string) string { return "masterSecretFile: /x\nissuer: " + s + "\n" }
	runCheckCases(t, []checkCase{
		{minimal, ""},
		{issuer("http://login.example.com"), "issuer: must be https"},
		{issuer("http://login.example.com") + "insecureHTTP: true", ""},
		{issuer("https://login.example.com/path"), ""},
		{issuer("https://login.example.com:8443"), ""},
		{issuer("https://[::1]:8443"), ""},
		{issuer("https://login.example.com/path/"), "issuer: must not end in a slash"},
		{issuer("https://login.example.com?x"), "issuer: must not have a query"},
		{issuer("'https://login.example.com#'"), "issuer: must not have a query or a fragment"},
		{issuer("https://alice:pw@login.example.com"), "issuer: must not hold a user name"},
		{issuer("https://Login.example.com"), "issuer: is not written as browsers write it"},
		{issuer("https://login.example.com:443"), "issuer: is not written as browsers"},
		{issuer("https://löwe.example"), "issuer: is not written as browsers"},
		{issuer("https://login.example.com/a/../b"), "issuer: has a path"},
		{issuer("login.example.com"), "issuer: is not an absolute"},
		{issuer("ftp://login.example.com"), "issuer: is not an absolute"},
		{"issuer: https://login.example.com", "masterSecretFile: is required"},
		{minimal + "enrollment: open", "enrollment: open lets anyone enrol"},
		{issuer("https://localhost:8443") + "enrollment: open", ""},
		{issuer("https://login.localhost") + "enrollment: open", ""},
		{issuer("https://127.3.2.1") + "enrollment: open", ""},
		{issuer("https://[::1]") + "enrollment: open", ""},
		{issuer("https://localhost.example.com") + "enrollment: open", "enrollment: open"},
		{issuer("https://evillocalhost") + "enrollment: open", "enrollment: open"},
		{minimal + "enrollment: opne", "did you mean open?"},
	})
}

// Only development may let a whole network enrol, and only a private one.
func TestOpenEnrolmentInAPrivateNetwork(t *testing.T) {
	for host, near := range map[string]bool{
		"192.168.1.7": true, "10.0.0.1": true, "[fd00::2]": true, "169.254.1.2": true, "127.0.0.1": true,
		"192.0.2.1": false, "[2001:db8::1]": false, "laptop.local": false, "10.0.0.1.example.com": false,
	} {
		c := Defaults()
		c.Issuer, c.Enrollment, c.MasterSecretFile = "https://"+host, "open", "master"
		if found := c.Check(ForDev); (len(found) == 0) != near {
			t.Errorf("%s, dev: %v", host, found)
		}
		if found := c.Check(ForServe); (len(found) == 0) != (host == "127.0.0.1") {
			t.Errorf("%s, serve: %v", host, found)
		}
	}
}

func TestCheckListenersAndRedis(t *testing.T) {
	runCheckCases(t, []checkCase{
		{minimal + "listen: localhost", "listen: is not an address"},
		{minimal + "opsListen: ''", ""},
		{minimal + "message: {url: 'https://gateway.example/codes?tenant=1', secretFile: /x}", ""},
		{minimal + "message: {url: 'http://127.0.0.1:9000/', secretFile: /x}", ""},
		{minimal + "message: {url: 'http://gateway.example/', secretFile: /x}", "message.url: must be https"},
		{minimal + "message: {url: 'https://user@gateway.example/', secretFile: /x}", "message.url: is not an https URL"},
		{minimal + "message: {url: 'https://gateway.example/'}", "message.secretFile: is required"},
		{minimal + "message: {secretFile: /x}", "message.url: is empty"},
		{minimal + "limits: {messagesPerUser: 0/h}", "limits.messagesPerUser: \"0/h\" is not a rate"},
		{minimal + "opsListen: 127.0.0.1:8080", "opsListen: is the same as listen"},
		{minimal + "trustedProxies: ['::/0']", "trustedProxies[0]: trusts every address"},
		{minimal + "trustedProxies: [10.0.0.1, '2001:db8::1', '::ffff:10.0.0.2', 10.0.0.0/8]", ""},
		{minimal + "trustedProxies: ['fe80::1%eth0']", "trustedProxies[0]: \"fe80::1%eth0\" is not an address or a network"},
		{minimal + "trustedProxies: [proxy.example]", "trustedProxies[0]: \"proxy.example\" is not an address or a network"},
		{minimal + "trustedProxies: [10.0.0.1/8]", "write 10.0.0.0/8"},
		{minimal + "trustedProxies: ['::ffff:10.0.0.0/104']", "trustedProxies[0]: is an IPv4 network"},
		{minimal + "redis: {mode: embedded}", ""},
		{minimal + "redis: {url: 'rediss://redis.example:6380/3'}", ""},
		{minimal + "redis: {url: 'http://redis.example'}", "redis.url: is not a Redis URL"},
		{minimal + "redis: {url: 'redis://:pw@redis.example'}", ""},
		{minimal + "redis: {url: 'redis://alice:pw@redis.example/1', passwordFile: /x}", ""},
		{minimal + "redis: {url: 'redis://alice:pw@redis.example', username: bob}", "redis.url: has a user name"},
		{minimal + "redis: {url: 'redis://redis.example?password=pw'}", "redis.url: must not have a query"},
		{minimal + "redis: {url: 'redis://redis.example/x'}", "redis.url: does not end in a database number"},
		{minimal + "redis: {mode: cluster}", "redis.addrs: is required by mode cluster"},
		{minimal + "redis: {mode: cluster, addrs: ['10.0.0.1:6379']}", ""},
		{minimal + "redis: {mode: cluster, addrs: ['10.0.0.1']}", "redis.addrs[0]: is not HOST:PORT"},
		{minimal + "redis: {mode: sentinel, addrs: ['a:1']}", "redis.masterName: is required"},
		{minimal + "redis: {mode: sentinel, addrs: ['a:1'], masterName: m}", ""},
		{minimal + "redis: {addrs: ['a:1']}", "redis.addrs: is not used in mode"},
		{minimal + "redis: {prefix: cs-2}", ""},
		{minimal + "redis: {prefix: A_z.0-" + strings.Repeat("x", 26) + "}", ""},
		{minimal + "redis: {prefix: A_z.0-" + strings.Repeat("x", 27) + "}", "redis.prefix: must be"},
		{minimal + "redis: {prefix: '{cs}'}", "redis.prefix: must be"},
		{minimal + "redis: {prefix: 'cs:'}", "redis.prefix: must be"},
		{minimal + "redis: {prefix: ''}", "redis.prefix: must be"},
	})
}

func TestCheckTimesAndLimits(t *testing.T) {
	runCheckCases(t, []checkCase{
		{minimal + "session: {ttl: 600s, resultTTL: 1s}", ""},
		{minimal + "session: {ttl: 29s}", "session.ttl: 29s is out of range"},
		{minimal + "session: {ttl: 601s}", "session.ttl: 10m1s is out of range"},
		{minimal + "session: {resultTTL: 0s}", "session.resultTTL: 0s is out of range"},
		{minimal + "session: {ttl: -60s}", `session.ttl: "-60s" is not a duration`},
		{minimal + "otp: {period: 30s, tolerance: 10}", ""},
		{minimal + "otp: {period: 1s, tolerance: 0}", ""},
		{minimal + "otp: {period: 120s}", ""},
		{minimal + "otp: {period: 0s}", ""},
		{minimal + "otp: {period: 999ms}", "otp.period: 999ms is too short"},
		{minimal + "otp: {period: 121s}", "otp.period: is longer than session.ttl"},
		{minimal + "otp: {tolerance: 11}", "otp.tolerance: 11 is out of range"},
		{minimal + "otp: {tolerance: 1.5}", `otp.tolerance: "1.5" is not a whole number`},
		{minimal + "qr: {back: 3s, ahead: 1s}", ""},
		{minimal + "qr: {back: 6s}", "qr.back: 6s is out of range"},
		{minimal + "qr: {ahead: 3s}", "qr.ahead: 3s is out of range"},
		{minimal + "limits: {wrongCodesInARow: 0}", "limits.wrongCodesInARow: 0 is out of range"},
		{minimal + "limits: {pendingPerUser: 1, outstandingSessions: 1, wrongCodesInARow: 1, initiatePerIP: 1/s}", ""},
		{minimal + "limits: {pendingPerUser: 0}", "limits.pendingPerUser: 0 is out of range"},
		{minimal + "limits: {initiatePerIP: 0/m}", "limits.initiatePerIP: \"0/m\" is not a rate"},
		{minimal + "audit: {keep: 1000}", ""},
		{minimal + "audit: {keep: 999}", "audit.keep: 999 is out of range"},
		{minimal + "limits: {socketsPerNode: -1}", "limits.socketsPerNode: -1 is out of range"},
		{minimal + "insecureHTTP: yes", `insecureHTTP: "yes" is not true or false`},
		{minimal + "admin: {identities: [tok_a, tok_a]}", "admin.identities[1]: is listed twice"},
		{minimal + "flows: {}", ""},
		{minimal + "flows: {login: {}}", "flows.login.steps: is required"},
		{minimal + "log: {level: debug, format: json}", ""},
		{minimal + "flows:", "flows: has no value"},
		{minimal + "services: []", ""},
		{minimal + "services:", "services: has no value"},
		{minimal + "services: {acme: {}}", "services: must be a list, not a mapping"},
		{minimal + "session: 120s", "session: must be a mapping of keys, not text"},
	})
}

func TestCheckServices(t *testing.T) {
	const browser = oneService + "    origins: [https://bank.example]\n"
	const secret = oneService + "    secretFile: /run/secrets/acme\n"
	runCheckCases(t, []checkCase{
		{browser, ""},
		{secret, ""},
		{oneService, ""},
		{minimal + "services: [{id: acme}]", ""},
		{minimal + "services: [{name: Acme Bank}]", "services[0].id: is required"},
		{minimal + "services: [{}]", "services[0].id: is required"},
		{oneService + "    origins: ['http://localhost:3000']", ""},
		{oneService + "    origins: ['http://bank.example']", "services[0].origins[0]: must be https"},
		{"insecureHTTP: true\n" + oneService + "    origins: ['http://bank.example']", ""},
		{oneService + "    origins: ['https://bank.example/']", "write https://bank.example"},
		{oneService + "    origins: ['null']", "origins[0]: null is what any"},
		{oneService + "    origins: ['*']", "origins[0]: is not an origin"},
		{oneService + "    origins: ['https://*.bank.example']", "origins[0]: is not written"},
		{oneService + "    origins: ['https://a.example', 'HTTPS://A.example']", "origins[1]: is listed twice"},
		{secret + "    modes: []", "services[0].modes: is empty"},
		{secret + "    modes: [compare]", ""},
		{browser + "    modes: [scan, compare]", "services[0].modes[1]: compare needs"},
		{secret + "    modes: [scan, scan]", "services[0].modes[1]: is listed twice"},
		{browser + "    revealUnknown: true", "services[0].revealUnknown: would tell"},
		{secret + "    revealUnknown: true", ""},
		{secret + "    acceptV0: true\n    modes: [scan]", "services[0].acceptV0: has no effect"},
		{secret + "    mask: last3", "did you mean last2?"},
		{secret + "    subject: private", "services[0].subject: \"private\" is not known"},
		{secret + "    tokenTTL: 1s", ""},
		{secret + "    tokenTTL: 24h", ""},
		{secret + "    tokenTTL: 24h1s", "services[0].tokenTTL: 24h0m1s is out of range"},
		{secret + "    tokenTTL: 999ms", "services[0].tokenTTL: 999ms is out of range"},
		{secret + "    scopes: {allowed: [openid]}", "openid is not listed"},
		{secret + "    scopes: {allowed: ['identity:nmae']}", "did you mean identity:name?"},
		{secret + "    scopes: {default: ['identity:email']}", "scopes.default[0]: \"identity:email\" is not in"},
		{secret + "    scopes: {required: ['identity:email']}", "scopes.required[0]: \"identity:email\" is not in"},
		{secret + "    redirectURIs: ['/cb']", "redirectURIs[0]: is not an absolute URI"},
		{secret + "    redirectURIs: ['http://bank.example/cb']", "redirectURIs[0]: must be https"},
		{secret + "    redirectURIs: ['data:text/html,x']", "redirectURIs[0]: has a scheme"},
		{secret + "    postLogoutRedirectURIs: ['https:///x']", "postLogoutRedirectURIs[0]: has no host"},
		{secret + "    webhook: {url: 'https://bank.example/h', secretFile: /x}", ""},
		{secret + "    webhook: {url: 'http://bank.example/h', secretFile: /x}", "webhook.url: must be https"},
		{secret + "    webhook: {url: 'http://127.0.0.1:3000/h', secretFile: /x}", ""},
		{secret + "    webhook: {url: 'https://alice@bank.example/h', secretFile: /x}", "webhook.url: is not an https URL"},
		{secret + "    webhook: {url: 'https://bank.example/h'}", "webhook.secretFile: is required"},
		{secret + "    webhook: {url: '', secretFile: ''}", ""},
		{secret + "    admin: true", "admin: has no effect without redirectURIs"},
		{secret + "    admin: true\n    redirectURIs: ['https://bank.example/cb']\n    requireBinding: true\n    acceptV0: true\n    legacyAuthResult: true\n    subject: pairwise\n    mask: last2", ""},
		{secret + "    origins: ['https://bank.example']\n    returnURL: 'https://bank.example/login?a=1'", ""},
		{secret + "    origins: ['https://bank.example']\n    returnURL: 'https://evil.example/login'", "returnURL: is on none of the service's origins"},
		{secret + "    origins: ['https://bank.example']\n    returnURL: 'http://bank.example/login'", "returnURL: is on none of the service's origins"},
		{secret + "    origins: ['https://bank.example']\n    returnURL: 'https://bank.example/#x'", "returnURL: is not the URL of a page"},
		{secret + "    origins: ['https://bank.example']\n    returnURL: 'javascript:alert(1)'", "returnURL: is not the URL of a page"},
		{secret + "    branding: {color: '#005eb8'}", ""},
		{secret + "    branding: {color: 'red;x'}", "branding.color: is not a colour"},
		{secret + "    branding: {color: '#05b'}", "branding.color: is not a colour"},
		{secret + "    redirectURIs: ['https://bank.example/cb']\n    postLogoutRedirectURIs: ['https://bank.example/bye']", ""},
		{secret + "    webhook: {secretFile: /x}", "webhook.url: is empty"},
		{secret + "  - {id: acme, name: Other, secretFile: /x}", `services[1].id: "acme" is taken`},
		{secret + "  - {id: 'a:b', name: Other, secretFile: /x}", "services[1].id: must be"},
		{secret + "  - {id: b, name: '', secretFile: /x}", ""},
		{secret + "  - {id: b, name: ' ', secretFile: /x}", "services[1].name: is blank"},
		{secret + "  - {id: b, name: \"a\\u2066b\", secretFile: /x}", "services[1].name: contains"},
		{secret + "  - {id: b, name: " + strings.Repeat("ü", 101) + ", secretFile: /x}", "services[1].name: is longer"},
		{secret + "  - {id: b, name: " + strings.Repeat("ü", 100) + ", secretFile: /x}", ""},
		{secret + "  - {id: 12, name: Other, secretFile: /x}", "services[1].id: must be text, not a number"},
	})
}

func TestCheckByHand(t *testing.T) {
	cfg := Defaults()
	if found := cfg.Check(ForDev); found != nil {
		t.Errorf("the defaults are refused for dev:\n%v", found)
	}
	cfg.Session.TTL = 1
	cfg.Limits.VerifyPerIP = Rate{}
	found := cfg.Check(ForDev)
	if len(found) != 2 || found[0].Where != "default" {
		t.Errorf("got\n%v\nwant session.ttl and limits.verifyPerIP", found)
	}
}

func TestWarnings(t *testing.T) {
	if w := load(t, minimal).Warnings(); w != nil {
		t.Errorf("warnings without a cause: %q", w)
	}
	w := load(t, "issuer: http://localhost:8080\nmasterSecretFile: /x\ninsecureHTTP: true\nenrollment: open\nlimits: {disabled: true}\n"+
		"redis: {mode: embedded, url: 'redis://:hunter2@redis.example'}\n"+
		"services: [{id: acme, name: Acme Bank, secretFile: /x, modes: [enter, compare], acceptV0: true}, {id: shop},\n"+
		"  {id: told, origins: ['https://a.example'], redirectURIs: ['https://a.example/cb'], backchannelLogoutURI: 'https://10.0.0.8/out', webhook: {url: 'https://[fd00::1]/h', secretFile: /x}}]").Warnings()
	all := strings.Join(w, "\n")
	for _, want := range []string{"insecureHTTP", "enrollment", "limits.disabled", "embedded", "service acme: mode compare", "NIST SP 800-63B-4 §3.1.3", "acceptV0", "redis.url holds a password", "service shop: has neither", "service told: backchannelLogoutURI is at an address", "service told: webhook.url is at an address"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning names %s:\n%s", want, all)
		}
	}
	if len(w) != 10 {
		t.Errorf("got %d warnings, want 10", len(w))
	}
	if strings.Contains(all, "hunter2") {
		t.Errorf("a warning shows the password:\n%s", all)
	}
}
