package rp_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/api/rp"
	"countersign/crypto/keyring"
)

func TestGoodToken(t *testing.T) {
	is := newIssuer(t)
	v, _ := is.verifier()
	got, err := v.Verify(t.Context(), is.good(t, func(c keyring.Claims) {
		c["client_nonce"], c["op"] = "cn", map[string]string{"name": "authorize_payment", "dataHash": rp.DataHash("A1*A100CZK")}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "tok_alice" || got.Session != "sess_1" || got.Nonce != "0123456789abcdef0123456789abcdef" || got.ClientNonce != "cn" ||
		got.ACR != "urn:countersign:typed" || !slices.Equal(got.AMR, []string{"swk", "otp"}) || !slices.Equal(got.Scope, []string{"identity:name"}) ||
		got.ID != "j1" || !got.IssuedAt.Equal(noon()) || !got.ExpiresAt.Equal(noon().Add(time.Hour)) || got.Claims["name"] != "Alice" {
		t.Errorf("got %+v", got)
	}
	if got.Operation.Name != "authorize_payment" || got.Operation.DataHash != rp.DataHash("A1*A100CZK") || got.Operation.DataHash == rp.DataHash("A1*A101CZK") {
		t.Errorf("got %+v", got.Operation)
	}
}

// Each claim that is wrong is refused, and for that reason.
func TestClaims(t *testing.T) {
	is := newIssuer(t)
	at := func(d time.Duration) int64 { return noon().Add(d).Unix() }
	for name, tc := range map[string]struct {
		change func(keyring.Claims)
		want   error
	}{
		"other issuer":      {func(c keyring.Claims) { c["iss"] = is.URL + "/" }, rp.ErrIssuer},
		"no issuer":         {func(c keyring.Claims) { delete(c, "iss") }, rp.ErrIssuer},
		"other audience":    {func(c keyring.Claims) { c["aud"] = "shop" }, rp.ErrAudience},
		"no audience":       {func(c keyring.Claims) { delete(c, "aud") }, rp.ErrAudience},
		"odd audience":      {func(c keyring.Claims) { c["aud"] = []any{"bank", 1} }, rp.ErrAudience},
		"several audiences": {func(c keyring.Claims) { c["aud"] = []string{"shop", "bank"} }, nil},
		"expired":           {func(c keyring.Claims) { c["exp"] = at(-time.Minute) }, rp.ErrExpired},
		"just not expired":  {func(c keyring.Claims) { c["exp"] = at(-59 * time.Second) }, nil},
		"no exp":            {func(c keyring.Claims) { delete(c, "exp") }, rp.ErrMalformed},
		"exp a text":        {func(c keyring.Claims) { c["exp"] = "2030" }, rp.ErrMalformed},
		"exp beyond all":    {func(c keyring.Claims) { c["exp"] = 1e300 }, rp.ErrMalformed},
		"of the future":     {func(c keyring.Claims) { c["iat"] = at(61 * time.Second) }, rp.ErrNotYet},
		"a fast clock":      {func(c keyring.Claims) { c["iat"] = at(60 * time.Second) }, nil},
		"no iat":            {func(c keyring.Claims) { delete(c, "iat") }, rp.ErrMalformed},
		"nbf":               {func(c keyring.Claims) { c["nbf"] = at(61 * time.Second) }, rp.ErrNotYet},
		"nbf a text":        {func(c keyring.Claims) { c["nbf"] = "now" }, rp.ErrMalformed},
		"no subject":        {func(c keyring.Claims) { delete(c, "sub") }, rp.ErrMalformed},
		"no session":        {func(c keyring.Claims) { delete(c, "sid") }, rp.ErrMalformed},
		"half an operation": {func(c keyring.Claims) { c["op"] = map[string]string{"name": "login"} }, rp.ErrMalformed},
		"odd operation":     {func(c keyring.Claims) { c["op"] = "login" }, rp.ErrMalformed},
	} {
		v, _ := is.verifier()
		if _, err := v.Verify(t.Context(), is.good(t, tc.change)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// A negative leeway is none, and nothing configured accepts nothing.
func TestSettings(t *testing.T) {
	is := newIssuer(t)
	v, c := is.verifier()
	v.Leeway = -1
	c.set(time.Hour)
	if _, err := v.Verify(t.Context(), is.good(t)); !errors.Is(err, rp.ErrExpired) {
		t.Errorf("without leeway: %v", err)
	}
	nobody := &rp.Verifier{Issuer: is.URL, HTTP: is.Client(), Now: noon}
	token := is.good(t, func(c keyring.Claims) { c["aud"] = []string{"bank", ""} })
	if _, err := nobody.Verify(t.Context(), token); !errors.Is(err, rp.ErrAudience) {
		t.Errorf("without an audience: %v", err)
	}
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the test's own values
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// signHeader signs any header with a good key.
func signHeader(t *testing.T, key keyring.Key, header map[string]string, body string) string {
	t.Helper()
	text := encode(header) + "." + body
	sum := sha256.Sum256([]byte(text))
	der, err := key.Signer().Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		t.Fatal(err)
	}
	var sig [64]byte
	rs.R.FillBytes(sig[:32])
	rs.S.FillBytes(sig[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig[:])
}

// What is not signed as it must be, each in the way that once fooled some library.
func TestForgeries(t *testing.T) {
	is := newIssuer(t)
	v, _ := is.verifier()
	good := is.good(t)
	h, rest, _ := strings.Cut(good, ".")
	body, sig, _ := strings.Cut(rest, ".")
	kid := is.keys[0].ID
	x, _ := is.keys[0].Public().JWK()
	hs := encode(map[string]string{"alg": "HS256", "typ": "countersign+jwt", "kid": kid}) + "." + body
	mac := hmac.New(sha256.New, []byte(x))
	mac.Write([]byte(hs))
	header := func(members map[string]any) string { return encode(members) + "." + body + "." + sig }
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := keyring.NewKey(noon(), noon())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		token string
		want  error
	}{
		"none":               {encode(map[string]string{"alg": "none", "typ": "countersign+jwt", "kid": kid}) + "." + body + ".", rp.ErrSignature},
		"HS256":              {hs + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), rp.ErrSignature},
		"alg in lower case":  {header(map[string]any{"alg": "es256", "typ": "countersign+jwt", "kid": kid}), rp.ErrSignature},
		"signed as another":  {signHeader(t, is.keys[0], map[string]string{"alg": "ES384", "typ": "countersign+jwt", "kid": kid}, body), rp.ErrSignature},
		"Alg":                {header(map[string]any{"Alg": "ES256", "typ": "countersign+jwt", "kid": kid}), rp.ErrSignature},
		"alg a list":         {header(map[string]any{"alg": []string{"ES256"}, "typ": "countersign+jwt", "kid": kid}), rp.ErrSignature},
		"other header":       {header(map[string]any{"alg": "ES256", "typ": "countersign+jwt", "kid": kid, "x": 1}), rp.ErrSignature},
		"crit":               {header(map[string]any{"alg": "ES256", "typ": "countersign+jwt", "kid": kid, "crit": []string{"x"}}), rp.ErrMalformed},
		"access token":       {sign(t, is.keys[0], "at+jwt", is.claims()), rp.ErrType},
		"id token":           {sign(t, is.keys[0], "JWT", is.claims()), rp.ErrType},
		"typ in upper case":  {sign(t, is.keys[0], "COUNTERSIGN+JWT", is.claims()), rp.ErrType},
		"no typ":             {header(map[string]any{"alg": "ES256", "kid": kid}), rp.ErrType},
		"no kid":             {header(map[string]any{"alg": "ES256", "typ": "countersign+jwt"}), rp.ErrKey},
		"a stranger's key":   {sign(t, stranger, "countersign+jwt", is.claims()), rp.ErrKey},
		"changed claims":     {h + "." + encode(is.claims(func(c keyring.Claims) { c["sub"] = "tok_bob" })) + "." + sig, rp.ErrSignature},
		"no signature":       {h + "." + body + ".", rp.ErrSignature},
		"zero signature":     {h + "." + body + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), rp.ErrSignature},
		"signature too long": {h + "." + body + "." + base64.RawURLEncoding.EncodeToString(append([]byte{0}, raw...)), rp.ErrSignature},
		"padded":             {good + "==", rp.ErrMalformed},
		"newline":            {good[:40] + "\n" + good[40:], rp.ErrMalformed},
		"four parts":         {good + "." + sig, rp.ErrMalformed},
		"two parts":          {h + "." + body, rp.ErrMalformed},
		"empty":              {"", rp.ErrMalformed},
		"no JSON":            {"aaaa.aaaa.aaaa", rp.ErrMalformed},
		"header null":        {encode(nil) + "." + body + "." + sig, rp.ErrMalformed},
		"too long":           {good + strings.Repeat("A", 8<<10), rp.ErrMalformed},
	} {
		got, err := v.Verify(t.Context(), tc.token)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if got.Claims != nil || got.Subject != "" {
			t.Errorf("%s: gives claims", name)
		}
	}
	same := signHeader(t, is.keys[0], map[string]string{"alg": "ES256", "typ": "countersign+jwt", "kid": kid}, body)
	for _, token := range []string{good, same} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("a good one: %v", err)
		}
	}
}

func TestRequire(t *testing.T) {
	is := newIssuer(t)
	v, _ := is.verifier()
	h := v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := rp.From(r.Context())
		if !ok {
			t.Error("no token in the context")
		}
		w.Write([]byte(token.Subject))
	}))
	ask := func(authorization string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	is.down.Store(true)
	if w := ask("Bearer " + is.good(t)); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("issuer down: %d", w.Code)
	}
	is.down.Store(false)
	v, _ = is.verifier()
	h = v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := rp.From(r.Context())
		w.Write([]byte(token.Subject))
	}))
	if w := ask("bearer " + is.good(t)); w.Code != http.StatusOK || w.Body.String() != "tok_alice" {
		t.Errorf("good: %d %s", w.Code, w.Body)
	}
	for _, tc := range []struct{ authorization, challenge string }{
		{"", "Bearer"}, {"Basic YWxpY2U6eA==", "Bearer"}, {"Bearer", `Bearer error="invalid_token", error_description="rp: malformed token"`},
		{"Bearer " + is.good(t, func(c keyring.Claims) { c["aud"] = "shop" }), `Bearer error="invalid_token", error_description="rp: wrong audience"`},
	} {
		if w := ask(tc.authorization); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != tc.challenge {
			t.Errorf("%.20q: %d %q", tc.authorization, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
	if _, ok := rp.From(t.Context()); ok {
		t.Error("a token from nowhere")
	}
}
