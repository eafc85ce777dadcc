package peers

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"countersign/notify"
	"countersign/server"
	"countersign/test/rig"
)

// A world is two nodes behind a proxy, and every kind of client.
type world struct {
	*rig.Rig
	front   string // where the proxy listens
	clients map[string]client
	// backEnd is where the clients' back ends are told things: by the judge that
	// tells a story, to which the open socket is given. Nobody listens between them.
	backEnd *net.TCPListener

	mu       sync.Mutex
	requests map[string]int // by path
}

// A client is what a judge is told of one that is registered.
type client struct {
	ID       string `json:"id"`
	Redirect string `json:"redirect"`
	Secret   string `json:"secret,omitempty"`
	Keys     []key  `json:"keys,omitempty"`
	Bye      string `json:"bye,omitempty"`    // where the browser may go after a logout
	Polls    bool   `json:"polls,omitempty"`  // it makes CIBA requests, and asks
	Ping     string `json:"ping,omitempty"`   // or is told here to ask
	Logout   string `json:"logout,omitempty"` // where it is told of logouts
	Pushes   bool   `json:"pushes,omitempty"` // it must push its requests
	DPoP     bool   `json:"dpop,omitempty"`   // and bind its tokens to a key
	Hook     string `json:"hook,omitempty"`   // where it is told how its sessions and operations end
	// Signed are the secrets that this is signed with, as Standard Webhooks writes them.
	Signed []string `json:"signed,omitempty"`
}

// A key is one that a client signs its assertions with.
type key struct {
	KID     string `json:"kid"`
	Alg     string `json:"alg"`
	Private string `json:"private"` // PKCS #8, base64
	public  map[string]string
}

// awkward is a secret that HTTP Basic may not carry as it is (RFC 6749 §2.3.1).
const awkward = "100 % secret: a+b=c & é/%41"

// newWorld starts the system, with more clients; it ends with the test.
func newWorld(t *testing.T, more map[string]client) *world {
	t.Helper()
	return newWorldOf(t, "", more)
}

// newWorldOf is newWorld with an issuer that is not the proxy's own address.
func newWorldOf(t *testing.T, issuer string, more map[string]client) *world {
	t.Helper()
	l := listen(t)
	told := "http://" + l.Addr().String()
	w := &world{requests: map[string]int{}, backEnd: l, clients: map[string]client{
		"open":     {ID: "demo", Redirect: "https://bank.example/callback", Bye: "https://bank.example/bye"},
		"secret":   {ID: "shop", Redirect: "https://shop.example/callback", Secret: rig.ShopSecret, Polls: true},
		"tenant":   {ID: "tenant", Redirect: "https://tenant.example/callback?tenant=1", Secret: rig.ShopSecret},
		"keys":     {ID: "keys", Redirect: "https://keys.example/callback", Keys: newKeys(t), Polls: true},
		"bound":    {ID: "bound", Redirect: "https://bound.example/callback", DPoP: true},
		"proof":    {ID: "proof", Redirect: "https://proof.example/callback", Secret: rig.ShopSecret, Polls: true, DPoP: true},
		"pushed":   {ID: "pushed", Redirect: "https://pushed.example/callback", Secret: awkward, Pushes: true},
		"fapi":     {ID: "fapi", Redirect: "https://fapi.example/callback", Keys: newKeys(t), Pushes: true, DPoP: true, Polls: true},
		"fapi2":    {ID: "fapi2", Redirect: "https://fapi2.example/callback?two=1", Keys: newKeys(t), Pushes: true, DPoP: true, Ping: told + "/ping"},
		"pairwise": {ID: "pair", Redirect: "https://pair.example/callback", Secret: rig.ShopSecret, Ping: told + "/ping", Logout: told + "/logout/pair"},
		"told":     {ID: "told", Redirect: "https://told.example/callback", Secret: rig.ShopSecret, Bye: "https://told.example/bye?from=login", Logout: told + "/logout/told"},
		"hooked":   {ID: "hooked", Redirect: "https://hooked.example/callback", Secret: rig.ShopSecret, Hook: told + "/hooks?tenant=1", Signed: newSigned(t)},
	}}
	for name, x := range more {
		w.clients[name] = x
	}

	turns := rig.NewTurns(t)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests[r.URL.Path]++
		w.mu.Unlock()
		turns.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	if w.front = front.URL; issuer == "" {
		issuer = front.URL
	}
	w.Rig = rig.New(t, rig.Options{Issuer: issuer, Configure: w.configure, Secrets: w.secrets})
	turns.To(t, w.Nodes[0].Base, w.Nodes[1].Base)
	return w
}

// configure registers the clients.
func (w *world) configure(c *server.Config) {
	c.InsecureHTTP, c.Flows = strings.HasPrefix(c.Issuer, "http:"), flows()
	c.Message.URL = "http://" + w.backEnd.Addr().String() + "/message"
	like := c.Services[0]
	c.Services, c.Outgoing.Allow = nil, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, x := range w.clients {
		s := like
		s.ID, s.Name, s.RedirectURIs = x.ID, "Acme "+x.ID, []string{x.Redirect}
		s.RequireDPoP, s.RequirePAR = x.DPoP, x.Pushes
		s.Consent = terms(name)
		if name == "pairwise" {
			s.Subject = "pairwise"
		}
		s.Webhook.URL = x.Hook
		if x.Bye != "" {
			s.PostLogoutRedirectURIs = []string{x.Bye}
		}
		if s.CIBA.NotificationURI, s.BackchannelLogoutURI = x.Ping, x.Logout; x.Polls {
			s.CIBA.Delivery = "poll"
		} else if x.Ping != "" {
			s.CIBA.Delivery = "ping"
		}
		c.Services = append(c.Services, s)
	}
}

func (w *world) secrets(s *server.Secrets) {
	s.Message = bytes.Repeat([]byte{11}, 32)
	s.Services = map[string]server.ServiceSecrets{}
	for _, x := range w.clients {
		var known server.ServiceSecrets
		if x.Secret != "" {
			known.Secret = []byte(x.Secret)
		}
		if x.Keys != nil {
			var set struct {
				Keys []map[string]string `json:"keys"`
			}
			for _, k := range x.Keys {
				set.Keys = append(set.Keys, k.public)
			}
			known.ClientKeys, _ = json.Marshal(set) // texts always have JSON
		}
		for _, text := range x.Signed {
			secret, err := notify.ParseSecret(text)
			if err != nil {
				panic(err) // they were made here
			}
			known.WebhookSecrets = append(known.WebhookSecrets, secret)
		}
		if known.Secret != nil || known.ClientKeys != nil {
			s.Services[x.ID] = known
		}
	}
}

// newSigned makes the secrets of a webhook: the one in use, and the one before it.
func newSigned(t *testing.T) (out []string) {
	t.Helper()
	for range 2 {
		secret := make([]byte, 32)
		rand.Read(secret)
		out = append(out, "whsec_"+base64.StdEncoding.EncodeToString(secret))
	}
	return out
}

// listen gives a socket that is open to whoever comes.
func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// asked counts the requests for a path.
func (w *world) asked(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests[path]
}

// newKeys makes one key for each algorithm that the provider takes.
func newKeys(t *testing.T) []key {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := curve.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	prime, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n, e := b64(prime.N.Bytes()), b64(big.NewInt(int64(prime.E)).Bytes())
	return []key{
		newKey(t, curve, "ES256", map[string]string{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}),
		newKey(t, prime, "RS256", map[string]string{"kty": "RSA", "n": n, "e": e}),
		newKey(t, prime, "PS256", map[string]string{"kty": "RSA", "n": n, "e": e}),
	}
}

func newKey(t *testing.T, private crypto.PrivateKey, alg string, public map[string]string) key {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	k := key{KID: "by-" + alg, Alg: alg, Private: base64.StdEncoding.EncodeToString(der), public: public}
	k.public["kid"], k.public["alg"], k.public["use"] = k.KID, alg, "sig"
	return k
}
