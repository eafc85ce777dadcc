package oidc

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Userinfo is for access tokens that are for it, in the scheme that is theirs.
func TestBearer(t *testing.T) {
	const here = "https://login.example.com/oidc/userinfo"
	token := func(head, claims string) string {
		b64 := base64.RawURLEncoding
		return b64.EncodeToString([]byte(head)) + "." + b64.EncodeToString([]byte(claims)) + ".c2ln"
	}
	access := func(claims string) string { return token(`{"typ":"at+jwt"}`, claims) }
	good, bound := access(`{"aud":"`+here+`","scope":"openid"}`), access(`{"aud":"`+here+`","cnf":{"jkt":"x"}}`)
	for header, want := range map[string]bool{
		"Bearer " + good: true, "bearer " + good: true, "DPoP " + bound: true,
		"DPoP " + good: false, "Bearer " + bound: false, "Basic " + good: false, good: false, "": false, "Bearer x": false, "Bearer a.b.c": false,
		"Bearer " + token(`{"typ":"JWT"}`, `{"aud":"`+here+`"}`): false, "Bearer " + token(`{"typ":"countersign+jwt"}`, `{"aud":"`+here+`"}`): false,
		"Bearer " + token(`{}`, `{"aud":"`+here+`"}`): false, "Bearer " + access(`{"aud":["`+here+`"]}`): true,
		"Bearer " + access(`{}`): false, "Bearer " + access(`{"aud":"https://api.example.com"}`): false, "Bearer " + access(`{"aud":"`+here+`/"}`): false,
		"Bearer " + access(`{"aud":["`+here+`","https://api.example.com"]}`): false,
	} {
		r, x := httptest.NewRequest(http.MethodGet, pathUserinfo, nil), &exchange{}
		r.Header.Set("Authorization", header)
		if problem := bearer(r, x, here); (problem == nil) != want || want && header == "Bearer "+good && x.scope != "openid" {
			t.Errorf("%s: %+v, scope %q", header, problem, x.scope)
		}
	}
}

// The code of an unknown response_type, and of no other error.
func TestResponseType(t *testing.T) {
	const wrong, right = "error=invalid_request&error_description=invalid+response_type", "error=unsupported_response_type&error_description=response_type+must+be+code"
	for location, want := range map[string]string{
		"https://a.example/cb?" + wrong: "https://a.example/cb?" + right,
		"https://a.example/cb#" + wrong: "https://a.example/cb#" + right,
		"https://a.example/cb?error=invalid_request&error_description=invalid+request": "https://a.example/cb?error=invalid_request&error_description=invalid+request",
		"https://a.example/cb?code=x&z=1&a=2":                                          "https://a.example/cb?code=x&z=1&a=2",
		"":                                                                             "",
	} {
		a := newAnswer()
		if location != "" {
			a.header.Set("Location", location)
		}
		if redirected(a, &exchange{}); a.header.Get("Location") != want {
			t.Errorf("%s becomes %s", location, a.header.Get("Location"))
		}
	}
}
