package rp_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"countersign/api/rp"
	"countersign/crypto/keyring"
)

// kept is what a back end remembers of a start, by the cookie of the browser.
type kept struct{ session, random, data string }

// A whole approval: the back end starts it for its page, and later checks what
// the page brings.
func Example() {
	issuer := pretendIssuer() // in earnest: "https://login.example.com"
	defer issuer.Close()
	client := &rp.Client{Issuer: issuer.URL, ServiceID: "bank", Secret: "from the server's configuration"}
	verifier := &rp.Verifier{Issuer: issuer.URL, Audience: "bank"}
	responseKey := []byte("32 bytes of the server's own too")
	browsers := map[string]kept{}

	start := func(w http.ResponseWriter, r *http.Request) {
		const data = "A1*A100.25CZK*Q238400856/0300"
		started, err := client.Start(r.Context(), rp.Start{TokenID: "tok_alice", Challenge: r.FormValue("challenge"),
			Operation: &rp.Operation{Name: "authorize_payment", Data: data}})
		if err != nil {
			http.Error(w, "try again", http.StatusBadGateway)
			return
		}
		browsers["alice's cookie"] = kept{started.SessionID, started.Random, data}
		w.Header().Set("Cache-Control", "no-store")
		w.Write(started.ForPage())
	}
	finish := func(w http.ResponseWriter, r *http.Request) {
		k := browsers["alice's cookie"]
		delete(browsers, "alice's cookie")
		jwt := r.FormValue("jwt")
		if !rp.VerifyHash(responseKey, k.session, k.random, jwt, r.FormValue("expiresAt"), r.FormValue("hash")) {
			http.Error(w, "not from the server", http.StatusForbidden)
			return
		}
		token, err := verifier.Verify(r.Context(), jwt)
		if err != nil || token.Nonce != k.random || token.Session != k.session || token.Operation.DataHash != rp.DataHash(k.data) {
			http.Error(w, "not what was asked", http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "paid by", token.Subject)
	}

	ask(start, "challenge", "made by the page")
	fmt.Print(ask(finish, issuer.approve("A1*A100.25CZK*Q238400856/0300", responseKey)...))
	ask(start, "challenge", "made by the page")
	fmt.Print(ask(finish, issuer.approve("A1*A999.99CZK*Q238400856/0300", responseKey)...))
	// Output:
	// paid by tok_alice
	// not what was asked
}

// A payment by an operation: the back end orders it, sends the browser to the server's
// page, and asks when the browser is back.
func ExampleClient_VerifyProof() {
	client := &rp.Client{Issuer: "https://login.example.com", ServiceID: "bank", Secret: "from the server's configuration"}
	order := rp.Order{TokenID: "tok_alice", ExternalID: "1042", IdempotencyKey: "1042", ReturnURL: "https://bank.example/orders/1042",
		Operation: rp.Operation{Name: "authorize_payment", Data: "A1*A100.25CZK*Q238400856/0300*R1042"}}
	var id string // kept with the order

	pay := func(w http.ResponseWriter, r *http.Request) {
		o, err := client.Order(r.Context(), order)
		if err != nil {
			http.Error(w, "try again", http.StatusBadGateway)
			return
		}
		id = o.ID
		http.Redirect(w, r, o.URL, http.StatusSeeOther)
	}
	back := func(w http.ResponseWriter, r *http.Request) {
		o, err := client.Operation(r.Context(), id)
		switch {
		case err != nil || o.Result == rp.Continue:
			http.Error(w, "not yet: try again", http.StatusServiceUnavailable)
			return
		case o.Result == rp.Failed:
			fmt.Fprintln(w, "nothing was paid:", o.Reason)
			return
		}
		approval, err := client.VerifyProof(o, order)
		if err != nil {
			http.Error(w, "not what was ordered", http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "paid by", approval.TokenID)
	}
	http.HandleFunc("POST /orders/1042", pay)
	http.HandleFunc("GET /orders/1042", back)
}

// An API that takes tokens itself, in ten lines.
func ExampleVerifier_Require() {
	verifier := &rp.Verifier{Issuer: "https://login.example.com", Audience: "bank"}
	mux := http.NewServeMux()
	mux.Handle("GET /balance", verifier.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := rp.From(r.Context())
		fmt.Fprintln(w, "the balance of", token.Subject)
	})))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/balance", http.NoBody))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer
}

// ask calls a handler with a form, as the page does.
func ask(h http.HandlerFunc, form ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	w := httptest.NewRecorder()
	h(w, httptest.NewRequest(http.MethodPost, "/?"+values.Encode(), http.NoBody))
	return w.Body.String()
}

// pretended is an issuer whose every session is approved.
type pretended struct {
	*httptest.Server
	key keyring.Key
}

func pretendIssuer() pretended {
	key, err := keyring.NewKey(time.Now(), time.Now())
	if err != nil {
		panic(err) // an example has no test to fail
	}
	return pretended{key: key, Server: httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Write([]byte(startedAnswer))
			return
		}
		w.Write(keyring.NewRing(key).JWKS(time.Now()))
	}))}
}

// approve gives the form that the page sends when a phone has approved the data.
func (p pretended) approve(data string, responseKey []byte) []string {
	const session, random, expiresAt = "sess_1", "0123456789abcdef0123456789abcdef", "2026-01-01T13:00:00Z"
	jwt, err := p.key.Sign("countersign+jwt", keyring.Claims{"iss": p.URL, "aud": "bank", "sub": "tok_alice", "sid": session, "nonce": random,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "op": map[string]string{"name": "authorize_payment", "dataHash": rp.DataHash(data)}})
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, responseKey)
	fmt.Fprintf(mac, "countersign-hash-v1\n%s\n%s\n%s\n%s", session, random, jwt, expiresAt)
	return []string{"jwt", jwt, "expiresAt", expiresAt, "hash", base64.RawURLEncoding.EncodeToString(mac.Sum(nil))}
}
