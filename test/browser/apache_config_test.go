package browser

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"countersign/test/redistest"
)

// httpdPath and httpdModules are where Debian's packages put them.
const (
	httpdPath    = "/usr/sbin/apache2"
	httpdModules = "/usr/lib/apache2/modules"
)

// httpdConfig is all that httpd reads. The cache in shared memory, with sessions
// in it and not in cookies, is what logout through the back channel needs. A
// connection serves one request, for the module lets httpd write its own page for
// an error after the module's.
const httpdConfig = `ServerRoot "{{.Dir}}"
ServerName localhost
DefaultRuntimeDir "{{.Dir}}"
PidFile "{{.Dir}}/httpd.pid"
ErrorLog "{{.Dir}}/error.log"
LogLevel warn
{{if .User}}User {{.User}}
Group {{.User}}{{end}}
{{range .Modules}}LoadModule {{.}}_module "{{$.ModulesDir}}/mod_{{.}}.so"
{{end}}
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MinSpareThreads 1
KeepAlive Off
MaxRequestWorkers 16
DocumentRoot "{{.Dir}}/pages"
<Directory "{{.Dir}}/pages">
	Require all granted
	Options Includes
	SetOutputFilter INCLUDES
	ForceType "text/html; charset=utf-8"
</Directory>
OIDCSessionType server-cache
OIDCCacheType shm
OIDCXForwardedHeaders X-Forwarded-Host X-Forwarded-Proto
{{range .Sites}}
Listen 127.0.0.1:{{.Port}}
<VirtualHost 127.0.0.1:{{.Port}}>
	ServerName {{.Origin}}
	OIDCProviderMetadataURL {{$.Issuer}}/.well-known/openid-configuration
	OIDCClientID {{.ID}}
	OIDCClientSecret "{{$.Secret}}"
	OIDCProviderTokenEndpointAuth client_secret_basic
	OIDCIDTokenSignedResponseAlg ES256
	OIDCPKCEMethod S256
	OIDCResponseMode {{.Mode}}
	OIDCScope "{{.Scope}}"
	OIDCRedirectURI {{.Origin}}{{$.Callback}}
	OIDCCryptoPassphrase "a passphrase of {{.ID}} alone"
	OIDCRemoteUserClaim sub
	OIDCPassClaimsAs environment
	OIDCPassIDTokenAs claims serialized
	<LocationMatch "^({{$.Account}}|{{$.Callback}})$">
		AuthType openid-connect
		Require valid-user
	</LocationMatch>
</VirtualHost>
{{end}}`

// httpdPages are what httpd serves. The account shows all that the module tells an
// application of who is logged in; the icon is there for the module's own pages,
// which name none.
func httpdPages() map[string]string {
	page := func(title, body string) string {
		return `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>` + title + `</title><h1>` + title + `</h1>` + body + `</html>`
	}
	return map[string]string{
		accountPath:    page("Your account", `<pre data-testid="environment"><!--#printenv --></pre>`),
		openPath:       page("Welcome", ""),
		"/favicon.ico": "",
	}
}

// startHTTPD runs httpd for the sites until the test ends.
func (w *World) startHTTPD(sites ...*site) {
	w.t.Helper()
	for _, needed := range []string{httpdPath, httpdModules + "/mod_auth_openidc.so"} {
		if _, err := os.Stat(needed); err != nil {
			w.t.Fatalf("apt-get install apache2-bin libapache2-mod-auth-openidc, or run make test, which does: %v", err)
		}
	}
	for _, s := range sites {
		s.Port = redistest.FreePort(w.t)
	}
	dir := w.t.TempDir()
	config := w.writeHTTPD(dir, sites)
	out := &bytes.Buffer{}
	c := exec.Command(httpdPath, "-f", config, "-DFOREGROUND")
	c.Stdout, c.Stderr, c.Env = out, out, append(os.Environ(), "TMPDIR="+dir) // the module's locks are files
	c.WaitDelay = patience
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Wait() }() // told to end: whatever it says
	w.t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-ended:
		case <-time.After(patience):
			w.t.Error("httpd does not end")
			_ = c.Process.Kill()
			<-ended
		}
		if w.t.Failed() {
			w.t.Logf("httpd said\n%s%s", out, httpdLog(dir))
		}
	})
	for _, s := range sites {
		w.Eventually("httpd answers", func() bool {
			select {
			case <-ended:
				w.t.Fatalf("httpd does not start:\n%s%s", out, httpdLog(dir))
			default:
			}
			return answers(s.inner() + openPath)
		})
		s.front.to(w.t, s.inner())
	}
}

// writeHTTPD writes the configuration and the pages, readable for the user that
// httpd becomes.
func (w *World) writeHTTPD(dir string, sites []*site) (config string) {
	w.t.Helper()
	v := struct {
		Dir, ModulesDir, User, Issuer, Secret, Account, Callback string
		Modules                                                  []string
		Sites                                                    []*site
	}{dir, httpdModules, "", w.proxy.url, bankSecret, accountPath, callbackPath,
		[]string{"mpm_event", "authn_core", "authz_core", "authz_user", "include", "auth_openidc"}, sites}
	var err error
	if os.Geteuid() == 0 { // it refuses to serve as root
		v.User = "www-data"
		err = os.Chmod(filepath.Dir(dir), 0o755)
	}
	var text bytes.Buffer
	if err == nil {
		err = template.Must(template.New("httpd").Parse(httpdConfig)).Execute(&text, v)
	}
	files := map[string]string{"/httpd.conf": text.String()}
	for path, page := range httpdPages() {
		files["/pages"+path] = page
	}
	if err == nil {
		err = os.Mkdir(dir+"/pages", 0o755)
	}
	for path, content := range files {
		if err == nil {
			err = os.WriteFile(dir+path, []byte(content), 0o644)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return dir + "/httpd.conf"
}

func httpdLog(dir string) string {
	b, err := os.ReadFile(dir + "/error.log")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// answers says whether somebody serves a page.
func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// newSite makes a place for a site, which is on a host of its own: to a browser it
// has nothing in common with the provider or another site, as in production.
func newSite(t testing.TB, id, mode, scope string) *site {
	t.Helper()
	s := &site{ID: id, Mode: mode, Scope: scope, front: newProxy(t)}
	s.Origin = strings.Replace(s.front.url, "localhost", id+".localhost", 1)
	return s
}

// inner is where httpd listens for the site.
func (s *site) inner() string { return fmt.Sprintf("http://127.0.0.1:%d", s.Port) }
