package peers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"countersign/session"
	"countersign/test/redistest"
	"countersign/test/rig"
)

// The example's API lets in who brings an approval that is for it, and keeps the
// issuer's keys: forged tokens make it fetch them no more often.
func TestExampleAPI(t *testing.T) {
	t.Parallel()
	site := fmt.Sprintf("http://localhost:%d", redistest.FreePort(t))
	w := newWorld(t, nil)
	serve(t, "api.mjs", site, "ISSUER="+w.Issuer, "SERVICE_ID="+rig.Service)
	down := fmt.Sprintf("http://localhost:%d", redistest.FreePort(t))
	serve(t, "api.mjs", down, "ISSUER=http://localhost:1", "SERVICE_ID="+rig.Service)
	for n := range 2 {
		p := w.Phone(n)
		b := w.Browser(n).Start(p.Token).Watch()
		w.Approve(p, b)
		b.Expect(session.OTPReady)
		b.Expect(session.ClaimedMessage)
		good := b.Expect(session.ApprovedMessage).JWT
		if status, text, _ := bring(t, site, good); status != http.StatusOK || text != "the balance of "+p.Token+"\n" {
			t.Errorf("an approval: %d %s", status, text)
		}
		if status, _, head := bring(t, down, good); status != http.StatusServiceUnavailable || head.Get("Retry-After") == "" {
			t.Errorf("without its issuer: %d %v", status, head)
		}
		cut := strings.LastIndex(good, ".")
		for what, token := range map[string]string{"none": "", "no token": "x", "changed": good[:cut+1] + "AAAA" + good[cut+5:], "without a signature": good[:cut+1]} {
			if status, _, head := bring(t, site, token); status != http.StatusUnauthorized || !strings.HasPrefix(head.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: %d %v", what, status, head)
			}
		}
	}
	before := w.asked("/.well-known/jwks.json")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if status, _, _ := bring(t, site, forged(i, w.Issuer)); status != http.StatusUnauthorized {
				t.Errorf("a forged token: %d", status)
			}
		})
	}
	all.Wait()
	if n := w.asked("/.well-known/jwks.json") - before; n > 1 {
		t.Errorf("fifty unknown kids cost %d fetches", n)
	}
}

// Tokens of other kinds and for others are signed by the same keys, and let nobody in.
func TestExampleAPIOfOthers(t *testing.T) {
	t.Parallel()
	site, own := fmt.Sprintf("http://localhost:%d", redistest.FreePort(t)), fmt.Sprintf("http://localhost:%d", redistest.FreePort(t))
	w := newWorld(t, nil)
	serve(t, "api.mjs", site, "ISSUER="+w.Issuer, "SERVICE_ID=another")
	serve(t, "api.mjs", own, "ISSUER="+w.Issuer, "SERVICE_ID="+rig.Service)
	if status, _, _ := bring(t, own, idToken(t, w)); status != http.StatusUnauthorized {
		t.Errorf("an id_token: %d", status)
	}
	p := w.Phone(0)
	b := w.Browser(0).Start(p.Token).Watch()
	w.Approve(p, b)
	b.Expect(session.OTPReady)
	b.Expect(session.ClaimedMessage)
	if status, _, _ := bring(t, site, b.Expect(session.ApprovedMessage).JWT); status != http.StatusUnauthorized {
		t.Errorf("an approval for another service: %d", status)
	}
}

// idToken logs a user in at the public client, and gives its id_token.
func idToken(t *testing.T, w *world) string {
	t.Helper()
	open, verifier := w.clients["open"], rig.NewVerifier()
	q := url.Values{"response_type": {"code"}, "client_id": {open.ID}, "redirect_uri": {open.Redirect}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {session.ChallengeOf(verifier)}, "code_challenge_method": {"S256"}}
	at, err := url.Parse(w.newUser(t).visit(line{URL: w.Issuer + "/oidc/authorize?" + q.Encode(), Phone: session.Approve}).URL)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.PostForm(w.Issuer+"/oidc/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {open.ID}, "redirect_uri": {open.Redirect},
		"code": {at.Query().Get("code")}, "code_verifier": {verifier}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var tokens struct {
		ID string `json:"id_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&tokens); err != nil || tokens.ID == "" {
		t.Fatalf("no id_token: %d %v", resp.StatusCode, err)
	}
	return tokens.ID
}

// forged is a token of a key that there is not.
func forged(i int, issuer string) string {
	encoded := func(v any) string {
		b, _ := json.Marshal(v) // texts always have JSON
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return encoded(map[string]any{"alg": "ES256", "typ": "countersign+jwt", "kid": fmt.Sprintf("k%d", i)}) + "." +
		encoded(map[string]any{"iss": issuer, "aud": rig.Service, "sub": "tok_x", "iat": 1, "exp": 1 << 40}) + "." + strings.Repeat("A", 86)
}

// bring asks the API with a token.
func bring(t *testing.T, site, token string) (status int, text string, head http.Header) {
	t.Helper()
	q, err := http.NewRequestWithContext(rig.Ctx(t), http.MethodGet, site, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Error(err)
		return 0, "", nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// hashScript prints of a vector, and of each way to change it, whether the example
// takes it.
const hashScript = `
const { verifyHash } = await import(process.argv[2]);
const { hash: [v] } = JSON.parse(process.argv[1]);
const key = Buffer.from(v.responseKey, 'base64url');
const says = (k, change) => { const x = { ...v, ...change }; return verifyHash(k, x.sessionId, x.random, x.jwt, x.expiresAt, x.hash); };
console.log(JSON.stringify({ good: says(key, {}), key: says(Buffer.alloc(32), {}), 'no key': says(undefined, {}), 'an empty key': says(Buffer.alloc(0), {}),
  session: says(key, { sessionId: v.sessionId + 'A' }), random: says(key, { random: v.random.slice(1) }), jwt: says(key, { jwt: v.jwt + 'A' }),
  expiresAt: says(key, { expiresAt: '2026-01-01T01:00:01Z' }), hash: says(key, { hash: v.hash.slice(0, -1) + 'B' }), padding: says(key, { hash: v.hash + '=' }),
  empty: says(key, { hash: '' }), missing: says(key, { hash: undefined }) }));
`

// The example checks hashes as api/rp does, by the same vectors.
func TestExampleHash(t *testing.T) {
	t.Parallel()
	vectors, err := os.ReadFile(filepath.Join("..", "..", "api", "rp", "testdata", "hash.json"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("node", "--input-type=module", "-e", hashScript, string(vectors), unpack(t, "api.mjs")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var says map[string]bool
	if err := json.Unmarshal(out, &says); err != nil || len(says) != 12 {
		t.Fatalf("%v: %s", err, out)
	}
	for what, taken := range says {
		if taken != (what == "good") {
			t.Errorf("%s: %v", what, taken)
		}
	}
}
