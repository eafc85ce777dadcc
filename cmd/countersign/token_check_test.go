package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/crypto/keyring"
)

// keyIssuer is a server that has keys and nothing else.
func keyIssuer(t *testing.T) (*httptest.Server, keyring.Key) {
	t.Helper()
	key := newKey(t)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/jwks.json" {
			http.NotFound(w, r)
			return
		}
		w.Write(keyring.NewRing(key).JWKS(time.Now()))
	})), key
}

func newKey(t *testing.T) keyring.Key {
	t.Helper()
	key, err := keyring.NewKey(time.Now(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t *testing.T, key keyring.Key, typ string, claims keyring.Claims) string {
	t.Helper()
	token, err := key.Sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// command runs the program, without the world around it.
func command(t *testing.T, stdin string, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	dir := t.TempDir()
	code = run(&environment{Args: args, ConfigDir: func() (string, error) { return dir, nil },
		Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr})
	return stdout.String(), stderr.String(), code
}

// TestTokenCheck: of every token it is said what is wrong with it, and the
// signature is never printed.
func TestTokenCheck(t *testing.T) {
	is, key := keyIssuer(t)
	defer is.Close()
	now := time.Now()
	claims := func(change ...any) keyring.Claims {
		c := keyring.Claims{"iss": is.URL, "aud": "acme-bank", "sub": "tok_alice", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
		for i := 0; i+1 < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		return c
	}
	other := newKey(t)
	fine := signed(t, key, "at+jwt", claims())
	header := func(h string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(h)) + fine[strings.IndexByte(fine, '.'):]
	}
	for name, c := range map[string]struct {
		token string
		args  []string
		want  string // of the output; empty: it is good
	}{
		"good":             {fine, nil, ""},
		"with its scheme":  {"Bearer " + fine + "\n", nil, ""},
		"empty":            {"", nil, `form +BAD: it is empty`},
		"opaque":           {"abcdef", nil, `form +BAD: it is one piece`},
		"encrypted":        {"a.b.c.d.e", nil, `form +BAD: .*JWE`},
		"cut":              {fine[:len(fine)-1] + "=", nil, `form +BAD: its third part`},
		"no JSON":          {"AAAA.AAAA.AAAA", nil, `form +BAD: its first part, the header, is not a JSON object`},
		"alg none":         {header(`{"alg":"none","typ":"at+jwt"}`), nil, `algorithm +BAD: alg is "none"`},
		"crit":             {header(`{"alg":"ES256","typ":"at+jwt","crit":["x"]}`), nil, `algorithm +BAD: the header has crit`},
		"no kid":           {header(`{"alg":"ES256","typ":"at+jwt"}`), nil, `key +BAD: the header names no kid`},
		"unknown typ":      {signed(t, key, "x+jwt", claims()), nil, `type +BAD: typ is "x\+jwt"`},
		"another typ":      {fine, []string{"--type", "JWT"}, `type +BAD: typ is at\+jwt, an access token; wanted is JWT, an id_token`},
		"unknown key":      {signed(t, other, "at+jwt", claims()), nil, `key +BAD: kid "[\w-]{43}" is not published: .* published are ` + kidOf(t, fine)},
		"changed":          {fine[:strings.LastIndexByte(fine, '.')+1] + signatureOf(signed(t, key, "at+jwt", claims("sub", "tok_bob"))), nil, `signature +BAD: is not this key's`},
		"DER":              {fine[:strings.LastIndexByte(fine, '.')+1] + "MAYCAQECAQE", nil, `signature +BAD: is 8 bytes long`},
		"another issuer":   {signed(t, key, "at+jwt", claims("iss", is.URL+"/")), nil, `issuer +BAD: iss is "http.*/", wanted is`},
		"no issuer":        {signed(t, key, "at+jwt", claims("iss", 7)), nil, `issuer +BAD: there is no iss`},
		"another audience": {signed(t, key, "at+jwt", claims("aud", []string{"a", "b"})), nil, `audience +BAD: aud is a, b, and not acme-bank`},
		"no audience":      {signed(t, key, "at+jwt", claims("aud", nil)), nil, `audience +BAD: there is no aud`},
		"expired":          {signed(t, key, "at+jwt", claims("exp", now.Add(-2*time.Hour).Unix())), nil, `expiry +BAD: expired 2h0m\ds ago`},
		"just expired":     {signed(t, key, "at+jwt", claims("exp", now.Add(-9*time.Second).Unix())), nil, `expiry +BAD: expired \d+s ago.*still take it`},
		"never expires":    {signed(t, key, "at+jwt", claims("exp", "soon")), nil, `expiry +BAD: there is no exp`},
		"of the future":    {signed(t, key, "at+jwt", claims("iat", now.Add(5*time.Minute).Unix())), nil, `issued +BAD: at .* in the future: the clock`},
		"not yet":          {signed(t, key, "at+jwt", claims("nbf", now.Add(5*time.Minute).Unix())), nil, `issued +BAD: at .* in the future`},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"token", "check", "--issuer", is.URL, "--audience", "acme-bank"}, c.args...)
			out, errs, code := command(t, c.token, append(args, "-")...)
			if (code == 0) != (c.want == "") || c.want == "" && strings.Contains(out, "BAD") {
				t.Errorf("ended with %d:\n%s%s", code, out, errs)
			}
			matches(t, out, "(?m)^"+c.want)
			if s := signatureOf(c.token); len(s) > 8 && strings.Contains(out+errs, strings.TrimSpace(s)) {
				t.Error("the signature is printed")
			}
		})
	}
}

func signatureOf(token string) string { return token[strings.LastIndexByte(token, '.')+1:] }

func kidOf(t *testing.T, token string) string {
	t.Helper()
	p, err := splitToken(token)
	if err != nil {
		t.Fatal(err)
	}
	return text(p.header, "kid")
}

// TestTokenCheckWithoutIssuer: what can be said without keys is said.
func TestTokenCheckWithoutIssuer(t *testing.T) {
	is, key := keyIssuer(t)
	is.Close()
	token := signed(t, key, "JWT", keyring.Claims{"iss": is.URL, "aud": "a", "exp": 1, "iat": 1})
	out, errs, code := command(t, "", "token", "check", "--issuer", is.URL, token)
	if code == 0 {
		t.Errorf("good:\n%s", out)
	}
	matches(t, out, `(?m)^key +BAD: the issuer's keys cannot be had`)
	matches(t, out, `(?m)^expiry +BAD: expired .* ago, at 1970-01-01T00:00:01Z`)
	matches(t, errs, `error: the token does not hold: key, signature, expiry\n`)
}

// TestTokenCheckClock: a clock that is off is named, for it is what makes good
// tokens bad.
func TestTokenCheckClock(t *testing.T) {
	key := newKey(t)
	is := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(3*time.Minute).UTC().Format(http.TimeFormat))
		w.Write(keyring.NewRing(key).JWKS(time.Now()))
	}))
	defer is.Close()
	at := time.Now().Add(3 * time.Minute)
	token := signed(t, key, "JWT", keyring.Claims{"iss": is.URL, "aud": "a", "exp": at.Add(time.Hour).Unix(), "iat": at.Unix()})
	out, _, _ := command(t, token, "token", "check", "--issuer", is.URL)
	matches(t, out, `(?m)^clock +the one here is (3m0s|2m59s|2m58s) behind the server's`)
	matches(t, out, `(?m)^issued +BAD`)
}

// TestTokenCheckJSON: for programs, and nothing of a stranger's reaches the
// terminal as it is.
func TestTokenCheckJSON(t *testing.T) {
	is, key := keyIssuer(t)
	defer is.Close()
	token := signed(t, key, "JWT", keyring.Claims{"iss": is.URL, "aud": "a\x1b[2J\u202e", "exp": 1, "iat": 1, "name": "\u009b31m\u202e\U000e0041Ř"})
	out, _, code := command(t, token, "token", "check", "--issuer", is.URL, "--json")
	var v judgement
	if err := json.Unmarshal([]byte(out), &v); err != nil || code == 0 || v.Good || v.Claims["name"] != "\u009b31m\u202e\U000e0041Ř" {
		t.Errorf("%v, %d: %s", err, code, out)
	}
	plainOut, _, _ := command(t, token, "token", "check", "--issuer", is.URL)
	for _, text := range []string{out, plainOut} {
		if strings.ContainsAny(text, "\x1b\u009b\u202e\U000e0041") || !strings.Contains(text, "Ř") {
			t.Errorf("%q", text)
		}
	}
}
