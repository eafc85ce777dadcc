package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A service that is a client, and one that authenticates.
const (
	withOIDC   = oneService + "    redirectURIs: [https://bank.example/callback]\n"
	withSecret = oneService + "    secretFile: /run/secrets/acme\n"
)

// What is wrong about a service as an OIDC client, and about browser logins.
func TestOIDCMistakes(t *testing.T) {
	for _, x := range []struct{ yaml, path string }{
		{oneService + "    requirePAR: true\n", "services[0].requirePAR"},
		{oneService + "    requireDPoP: true\n", "services[0].requireDPoP"},
		{oneService + "    clientKeysFile: /run/keys\n", "services[0].clientKeysFile"},
		{oneService + "    backchannelLogoutURI: https://bank.example/logout\n", "services[0].backchannelLogoutURI"},
		{withOIDC + "    backchannelLogoutURI: ftp://bank.example/\n", "services[0].backchannelLogoutURI"},
		{withOIDC + "    backchannelLogoutURI: http://bank.example/\n", "services[0].backchannelLogoutURI"},
		{withOIDC + "    backchannelLogoutURI: 'https://bank.example/#a'\n", "services[0].backchannelLogoutURI"},
		{withOIDC + "    backchannelLogoutURI: https://bob:x@bank.example/\n", "services[0].backchannelLogoutURI"},
		{withOIDC + "    ciba: {delivery: poll}\n", "services[0].ciba.delivery"},
		{withSecret + "    ciba: {delivery: push}\n", "services[0].ciba.delivery"},
		{withSecret + "    modes: [scan]\n    ciba: {delivery: poll}\n", "services[0].ciba.delivery"},
		{withSecret + "    ciba: {delivery: ping}\n", "services[0].ciba.notificationURI"},
		{withSecret + "    ciba: {delivery: poll, notificationURI: https://bank.example/ping}\n", "services[0].ciba.notificationURI"},
		{withSecret + "    ciba: {delivery: ping, notificationURI: /ping}\n", "services[0].ciba.notificationURI"},
		{withSecret + "    ciba: {notificationURI: https://bank.example/ping}\n", "services[0].ciba.notificationURI"},
		{minimal + "outgoing: {allow: [ten]}\n", "outgoing.allow[0]"},
		{minimal + "browserLogin: {idle: 13h}\n", "browserLogin.idle"},
		{minimal + "browserLogin: {idle: 1s}\n", "browserLogin.idle"},
		{minimal + "browserLogin: {absolute: 721h}\n", "browserLogin.absolute"},
	} {
		found := problems(t, Source{Content: []byte(x.yaml)})
		if len(found) != 1 || found[0].Path != x.path {
			t.Errorf("%s: %v", x.path, found)
		}
	}
}

// A client's keys are public, and the key of the file is named when they are not.
func TestClientKeysFile(t *testing.T) {
	const public = `"kty":"EC","crv":"P-256","kid":"k","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`
	for text, good := range map[string]bool{
		`{"keys":[{` + public + `}]}`: true,
		`{"keys":[{` + public + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}]}`: false,
		"keys": false,
	} {
		file := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := Defaults()
		cfg.Services = []ServiceConfig{{ID: "acme", ClientKeysFile: file}}
		secrets, err := cfg.ReadSecrets()
		if (err == nil) != good || good && string(secrets.Services["acme"].ClientKeys) != text {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "services[0].clientKeysFile") || strings.Contains(err.Error(), "870MB")) {
			t.Errorf("%v", err)
		}
	}
}
