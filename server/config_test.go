package server

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var updateConfig = flag.Bool("update-config", false, "rewrite docs/configuration.md and testdata/config_*.golden")

// ignoreOrigins compares Configs by what they say, not by where it was said.
func ignoreOrigins() cmp.Options {
	return cmp.Options{cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
}

// minimal is the shortest file `serve` accepts.
const minimal = "issuer: https://login.example.com\nmasterSecretFile: /run/secrets/master\n"

// oneService is minimal with a service, to which a test adds lines.
const oneService = minimal + "services:\n  - id: acme\n    name: Acme Bank\n"

func load(t *testing.T, yaml string) Config {
	t.Helper()
	cfg, err := Load(Source{Content: []byte(yaml)})
	if err != nil {
		t.Fatalf("Load:\n%v", err)
	}
	return cfg
}

// problems loads yaml, which must be refused.
func problems(t *testing.T, src Source) Errors {
	t.Helper()
	cfg, err := Load(src)
	found, ok := errors.AsType[Errors](err)
	if !ok || len(found) == 0 {
		t.Fatalf("Load gave error %v, want Errors", err)
	}
	if !reflect.DeepEqual(cfg, Config{}) {
		t.Error("Load gave a Config beside its error")
	}
	return found
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *updateConfig {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-file +got); -update-config rewrites it:\n%s", file, diff)
	}
}

func TestExampleFileHasTheDefaults(t *testing.T) {
	cfg, err := Load(Source{File: "testdata/config.example.yaml"})
	if err != nil {
		t.Fatalf("Load:\n%v", err)
	}
	want := Defaults()
	want.Issuer = "https://login.example.com"
	want.MasterSecretFile = "/run/secrets/master"
	service := serviceDefaults()
	service.ID, service.Name, service.Origins = "demo", "Acme Bank", []string{"https://bank.example"}
	want.Services = []ServiceConfig{service}
	if diff := cmp.Diff(want, cfg, ignoreOrigins()); diff != "" {
		t.Errorf("the example differs from Defaults (-default +example):\n%s", diff)
	}
}

func TestEveryMistakeAtOnce(t *testing.T) {
	found := problems(t, Source{
		File: "testdata/config_mistakes.yaml",
		Environ: []string{
			"HOME=/root", "COUNTERSIGN_SESSION_TTL=9s", "COUNTERSIGN_SERVICES__0__NAME=x", "COUNTERSIGN_QR=5s",
			"COUNTERSIGN_LIMITS__PENDINGPERUSER=many", "COUNTERSIGN_MASTER_SECRET=aGVsbG8gaGVsbG8gaGVsbG8",
			"COUNTERSIGN_LOG__FORMAT=xml", "COUNTERSIGN_log__format=json",
		},
		Flags: map[string]string{"session.resultTTL": "1h", "nonsense": "1"},
	})
	golden(t, "testdata/config_mistakes.golden", []byte(found.Error()+"\n"))
	for _, secret := range []string{"hunter2", "aGVsbG8"} {
		if strings.Contains(found.Error(), secret) {
			t.Errorf("the errors show a secret: %s", secret)
		}
	}
}

func TestSyntaxErrorsShowNoContent(t *testing.T) {
	for _, yaml := range []string{
		"issuer: [hunter2\nlisten: hunter2", "\thunter2: x", "issuer: \"hunter2", "a: b: hunter2", "%YAML hunter2\n---\n",
		"issuer: *hunter2", "hunter2", "- hunter2", "issuer: x\n---\nlisten: hunter2", "? [hunter2]\n: x", "<<: {hunter2: 1}",
		"issuer: !!binary hunter2", strings.Repeat("[", 1000), strings.Repeat("- ", 1000), strings.Repeat("#", maxConfigBytes+1), "issuer: \xff",
	} {
		if text := problems(t, Source{File: "x.yaml", Content: []byte(yaml)}).Error(); strings.Contains(text, "hunter2") {
			t.Errorf("%.40q: the error shows content:\n%s", yaml, text)
		}
	}
}

func TestMissingFile(t *testing.T) {
	found := problems(t, Source{File: "testdata/absent.yaml"})
	if want := "testdata/absent.yaml: cannot be read: no such file or directory"; !strings.HasPrefix(found.Error(), want) {
		t.Errorf("got %q, want it to begin %q", found.Error(), want)
	}
}

func TestLayers(t *testing.T) {
	cfg, err := Load(Source{
		File:    "countersign.yaml",
		Content: []byte(minimal + "session: {ttl: 40s, resultTTL: 41s}\nqr: {back: 3s}\ntrustedProxies: [10.0.0.0/8, 192.0.2.0/24]\n"),
		Environ: []string{"COUNTERSIGN_SESSION__TTL=50s", "COUNTERSIGN_SESSION__RESULTTTL=51s", "COUNTERSIGN_TRUSTEDPROXIES=192.0.2.0/24, 2001:db8::/32", "COUNTERSIGN_INSECUREHTTP=true", "COUNTERSIGN_LIMITS__VERIFYPERIP=7/10m"},
		Flags:   map[string]string{"session.ttl": "60s", "listen": ":80"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Issuer, want.MasterSecretFile = "https://login.example.com", "/run/secrets/master"
	want.Session = SessionConfig{TTL: 60 * time.Second, ResultTTL: 51 * time.Second}
	want.QR.Back = 3 * time.Second
	want.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	want.InsecureHTTP, want.Listen = true, ":80"
	want.Limits.VerifyPerIP = Rate{7, 10 * time.Minute}
	if diff := cmp.Diff(want, cfg, ignoreOrigins()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for path, place := range map[string]string{
		"session.ttl": "flag --session.ttl", "session.resultTTL": "environment COUNTERSIGN_SESSION__RESULTTTL",
		"trustedProxies[0]": "environment COUNTERSIGN_TRUSTEDPROXIES", "qr.back": "countersign.yaml:4", "qr.ahead": "default",
	} {
		if got := cfg.place(path).String(); got != place {
			t.Errorf("%s is placed at %q, want %q", path, got, place)
		}
	}
}

func TestEmptyFileIsGoodForDev(t *testing.T) {
	for _, content := range []string{"", "# nothing\n", "---\n", "{}", "\uFEFF# mark\n", "~"} {
		cfg, err := Load(Source{Kind: ForDev, Content: []byte(content)})
		if err != nil {
			t.Errorf("%q: %v", content, err)
		}
		if diff := cmp.Diff(Defaults(), cfg, ignoreOrigins()); diff != "" {
			t.Errorf("%q: -want +got:\n%s", content, diff)
		}
	}
	found := problems(t, Source{})
	if len(found) != 2 || found[0].Where != "default" {
		t.Errorf("serve without configuration: got\n%v\nwant issuer and masterSecretFile to be required", found)
	}
}

func TestKubernetesLinksAreNotOurs(t *testing.T) {
	environ := []string{
		"COUNTERSIGN_SERVICE_HOST=10.0.0.1", "COUNTERSIGN_SERVICE_PORT=8080", "COUNTERSIGN_SERVICE_PORT_HTTP=8080", "COUNTERSIGN_PORT=tcp://10.0.0.1:8080",
		"COUNTERSIGN_PORT_8080_TCP=tcp://10.0.0.1:8080", "COUNTERSIGN_PORT_8080_TCP_ADDR=10.0.0.1", "COUNTERSIGN_OPS_SERVICE_HOST=10.0.0.2",
	}
	if _, err := Load(Source{Content: []byte(minimal), Environ: environ}); err != nil {
		t.Error(err)
	}
	_ = problems(t, Source{Content: []byte(minimal), Environ: []string{"COUNTERSIGN_PORT=8080"}})
}

func TestServiceScopesShrinkWithAllowed(t *testing.T) {
	for yaml, want := range map[string][]string{
		"scopes: {}": {"identity:name"},
		"scopes: {allowed: ['identity:email', 'identity:name']}":                            {"identity:name"},
		"scopes: {allowed: ['identity:email']}":                                             nil,
		"scopes: {allowed: ['identity:email'], default: ['identity:email']}":                {"identity:email"},
		"scopes: {allowed: ['identity:name', 'identity:email'], default: []}":               nil,
		"scopes: {required: ['identity:name']}\n    origins: ['HTTPS://A.example']":         {"identity:name"},
		"scopes: {allowed: []}\n    secretFile: /run/secrets/acme\n    modes: [compare]":    nil,
		"tokenTTL: 24h\n    redirectURIs: ['com.example.app:/cb', 'http://127.0.0.1/back']": {"identity:name"},
	} {
		cfg := load(t, oneService+"    "+yaml+"\n"+map[bool]string{true: "", false: "    origins: [https://b.example]\n"}[strings.Contains(yaml, "origins") || strings.Contains(yaml, "secretFile")])
		if diff := cmp.Diff(want, cfg.Services[0].Scopes.Default, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: default scopes -want +got:\n%s", yaml, diff)
		}
		for _, o := range cfg.Services[0].Origins {
			if o != strings.ToLower(o) {
				t.Errorf("origin %q is not lower case", o)
			}
		}
	}
}

func TestShowReadsBack(t *testing.T) {
	yaml := oneService + `    origins: [https://bank.example, "https://[::1]:8443"]
    modes: [scan]
  - {id: "true", name: "# a: 'b' \"c\" {x} \\ ü", secretFile: " /x y", tokenTTL: 90s}
trustedProxies: [10.0.0.0/8]
limits: {pushesPerUser: 5/90s}
`
	cfg, err := Load(Source{File: "countersign.yaml", Content: []byte(yaml), Environ: []string{"COUNTERSIGN_SESSION__TTL=90s"}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := cfg.Show(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/config_show.golden", out.Bytes())
	again := load(t, out.String())
	if diff := cmp.Diff(cfg, again, ignoreOrigins()); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	out.Reset()
	if err := Defaults().Show(&out); err != nil {
		t.Fatal(err)
	}
	if again, err = Load(Source{Kind: ForDev, Content: out.Bytes()}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Defaults(), again, ignoreOrigins()); diff != "" {
		t.Errorf("defaults: -before +after:\n%s", diff)
	}
}

func TestShowHidesTheRedisPassword(t *testing.T) {
	for text, want := range map[string]string{
		"redis://alice:hunter2@redis.example/1": `url: "redis://alice:xxxxx@redis.example/1"`,
		"redis://alice:hunter2@redis.example:x": `url: "xxxxx"`,
		"redis://alice@redis.example":           `url: "redis://alice@redis.example"`,
	} {
		cfg := Defaults()
		cfg.Redis.URL = text
		var out bytes.Buffer
		if err := cfg.Show(&out); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), want) {
			t.Errorf("%s: want %s, got\n%s", text, want, out.String())
		}
	}
}

func TestFilledIn(t *testing.T) {
	cfg := load(t, minimal+"trustedProxies: [10.0.0.1, '2001:db8::1', '::ffff:10.0.0.2', 192.0.2.0/24]\nservices: [{id: acme}, {id: shop, name: ''}, {id: bank, name: Acme Bank}]\n")
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("2001:db8::1/128"), netip.MustParsePrefix("10.0.0.2/32"), netip.MustParsePrefix("192.0.2.0/24")}
	if diff := cmp.Diff(want, cfg.TrustedProxies, ignoreOrigins()); diff != "" {
		t.Errorf("trustedProxies -want +got:\n%s", diff)
	}
	var names []string
	for _, s := range cfg.Services {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"acme", "shop", "Acme Bank"}, names); diff != "" {
		t.Errorf("names -want +got:\n%s", diff)
	}
}

func TestDocs(t *testing.T) {
	var out bytes.Buffer
	if err := Docs(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "../docs/configuration.md", out.Bytes())
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "| `") && strings.HasSuffix(line, "|  |\n") {
			t.Errorf("a key without a meaning: %s", line)
		}
	}
	for _, path := range configKeyPaths(reflect.TypeFor[Config](), "") {
		if !strings.Contains(out.String(), "| `"+path+"` |") {
			t.Errorf("%s is not documented", path)
		}
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"30/m": {30, time.Minute}, "10/h": {10, time.Hour}, "5/10m": {5, 10 * time.Minute}, "10/15m": {10, 15 * time.Minute},
		"60/s": {60, time.Second}, "1/24h": {1, 24 * time.Hour}, "2/1h30m": {2, 90 * time.Minute}, "3/90s": {3, 90 * time.Second},
	} {
		got, err := ParseRate(text)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %v, %v", text, got, err)
		}
		if back, err := ParseRate(got.String()); err != nil || back != want {
			t.Errorf("%q is printed as %q, which is not read back", text, got)
		}
	}
	if got := (Rate{5, 10 * time.Minute}).String(); got != "5/10m" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{"", "30", "/m", "30/", "0/m", "-1/m", "30/d", "30/25h", "30/1ms", "30/1500ms", "30/0s", "+3/m", "3/m/m", "3 / m", "99999999999/s"} {
		if r, err := ParseRate(text); err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", text, r)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, file := range []string{"testdata/config.example.yaml", "testdata/config_mistakes.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, s := range []string{"", "{", "a: &a [*a]", "? a\n: b", "services: [{}, null, 1, []]", "flows: {a: 1}", "redis: [", "session: {ttl: }", "%TAG", "'", "|", ">\n x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		cfg, err := Load(Source{Content: content, File: "fuzz.yaml"})
		if err != nil {
			if err.Error() == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		var out bytes.Buffer
		if err := cfg.Show(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Load(Source{Content: out.Bytes(), File: "shown.yaml"})
		if err != nil {
			t.Fatalf("what Show wrote is refused: %v\n%s", err, out.String())
		}
		cfg.Redis.URL = hidePassword(cfg.Redis.URL)
		if diff := cmp.Diff(cfg, again, ignoreOrigins()); diff != "" {
			t.Errorf("what Show wrote differs:\n%s", diff)
		}
	})
}
