package peers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"countersign/session"
	"countersign/test/redistest"
)

// The example that the documents give is a site whose users log in and out, there
// and elsewhere.
func TestExample(t *testing.T) {
	t.Parallel()
	site := fmt.Sprintf("http://localhost:%d", redistest.FreePort(t))
	w := newWorld(t, map[string]client{"example": {ID: "acme-site", Redirect: site + "/callback", Secret: awkward, Bye: site + "/", Logout: site + "/logged-out"}})
	example(t, w, site)
	alice, bob := w.newUser(t), w.newUser(t)
	bob.logInAt(site)
	alice.logInAt(site)
	for _, forged := range []string{"", "logout_token=x.y.z", "logout_token=" + strings.Repeat("x", 20_000)} {
		if status, _, _ := alice.send(http.MethodPost, site+"/logged-out", forged); status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
			t.Errorf("a forged logout token: %d", status)
		}
	}
	if status, _, _ := alice.send(http.MethodGet, site+"//", ""); status != http.StatusNotFound {
		t.Errorf("an address that is none: %d", status)
	}
	alice.sees(site, "Hello Alice Doe")

	// At the site, which ends it at the provider too.
	status, to, text := alice.send(http.MethodPost, site+"/logout", "")
	if status != http.StatusSeeOther || !strings.HasPrefix(to, w.Issuer+"/") {
		t.Fatalf("log out: %d %s %s", status, to, text)
	}
	if at := alice.visit(line{URL: to}); at.URL != site+"/" {
		t.Fatalf("log out: %+v", at)
	}
	alice.sees(site, "Log in with Countersign")
	ended, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	idToken := url.Values{"logout_token": {ended.Query().Get("id_token_hint")}}
	if status, _, _ := alice.send(http.MethodPost, site+"/logged-out", idToken.Encode()); status != http.StatusBadRequest {
		t.Errorf("an id_token for a logout token: %d", status)
	}
	if _, to, text := alice.send(http.MethodGet, alice.toProvider(site), ""); !strings.HasPrefix(to, w.Issuer+"/login?") {
		t.Errorf("the provider still knows alice: %s %s", to, text)
	}

	// At the provider, which tells the site.
	alice.logInAt(site)
	if at := alice.visit(line{URL: w.Issuer + "/oidc/end-session", Choice: "yes"}); !strings.Contains(at.Text, "You are logged out") {
		t.Fatalf("log out: %+v", at)
	}
	w.In(t).Eventually("the site ends its own login", func() bool {
		_, _, text := alice.send(http.MethodGet, site+"/", "")
		return strings.Contains(text, "Log in with Countersign")
	})
	bob.sees(site, "Hello Alice Doe") // as everybody here is called
}

// The example is run with the versions that are installed here: they are its own.
func TestExampleVersions(t *testing.T) {
	t.Parallel()
	var its, ours struct {
		Needs map[string]string `json:"dependencies"`
		Has   map[string]string `json:"devDependencies"`
	}
	for file, into := range map[string]any{filepath.Join(exampleFolder, "package.json"): &its, "package.json": &ours} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	for name, version := range its.Needs {
		if ours.Has[name] != version {
			t.Errorf("the example needs %s %s, here it is %q", name, version, ours.Has[name])
		}
	}
	if len(its.Needs) == 0 {
		t.Error("the example needs nothing")
	}
}

var exampleFolder = filepath.Join("..", "..", "docs", "examples", "node")

// example runs the site of the example until the test ends.
func example(t *testing.T, w *world, site string) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(awkward+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, "server.mjs", site, "ISSUER="+w.Issuer, "CLIENT_ID=acme-site", "CLIENT_SECRET_FILE="+secret)
}

// unpack puts a script of the example where it finds the libraries installed here.
func unpack(t *testing.T, script string) (file string) {
	t.Helper()
	at := t.TempDir()
	libraries, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(exampleFolder, script))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(libraries, filepath.Join(at, "node_modules")); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(at, script)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve runs a script of the example at an address until the test ends.
func serve(t *testing.T, script, site string, env ...string) {
	t.Helper()
	place, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", unpack(t, script))
	node.Env = append(env, "PORT="+place.Port())
	var troubles bytes.Buffer
	node.Stderr = &troubles
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatalf("node is needed: apt-get install nodejs npm, or run make test, which does: %v", err)
	}
	t.Cleanup(func() {
		_ = node.Process.Kill() // it ends by nothing else
		_ = node.Wait()
		if t.Failed() {
			t.Logf("the example said %s", troubles.String())
		}
	})
	if said := bufio.NewScanner(out); !said.Scan() || said.Text() != "open "+site {
		_ = node.Process.Kill()
		_ = node.Wait()
		t.Fatalf("the example does not start: %s %s", said.Text(), troubles.String())
	}
}

// toProvider begins a login at a site, and gives where that sends the browser.
func (u *user) toProvider(site string) string {
	u.t.Helper()
	status, to, text := u.send(http.MethodGet, site+"/login", "")
	if status != http.StatusSeeOther {
		u.t.Fatalf("log in: %d %s", status, text)
	}
	return to
}

// logInAt logs the user in at a site.
func (u *user) logInAt(site string) {
	u.t.Helper()
	at := u.visit(line{URL: u.toProvider(site), Phone: session.Approve, Scopes: []string{"identity:name"}})
	if status, to, text := u.send(http.MethodGet, at.URL, ""); status != http.StatusSeeOther || to != "/" {
		u.t.Fatalf("%s: %d %s %s", at.URL, status, to, text)
	}
	u.sees(site, "Hello Alice Doe, approved by "+session.Typed)
}

// sees says what the site shows the user.
func (u *user) sees(site, want string) {
	u.t.Helper()
	if status, _, text := u.send(http.MethodGet, site+"/", ""); status != http.StatusOK || !strings.Contains(text, want) {
		u.t.Errorf("the site shows %d %s, want %q", status, text, want)
	}
}
