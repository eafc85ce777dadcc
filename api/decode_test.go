package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeNamesTheMember(t *testing.T) {
	for body, want := range map[string]string{
		`{"tokenId":1}`:                 "invalid: tokenId",
		`{"tokenId":null}`:              "invalid: tokenId",
		`{"operation":{"name":1}}`:      "invalid: operation.name",
		`{"scopes":["a",1]}`:            "invalid: scopes.1",
		`{"tokenId":"a","tokenId":"b"}`: "invalid: tokenId",
		`{"a secret with spaces":1,}`:   "invalid: body",
		`{"` + strings.Repeat("x", 65) + `":1,"` + strings.Repeat("x", 65) + `":1}`: "invalid: body",
		`[`: "invalid: body",
	} {
		var r refusal
		if err := decode([]byte(body), &StartRequest{}); !errors.As(err, &r) || r.code != "invalid_request" || r.detail != want {
			t.Errorf("%s: %v %q, want %q", body, err, r.detail, want)
		}
	}
}

func TestReadBody(t *testing.T) {
	for size, good := range map[int]bool{0: true, maxBody: true, maxBody + 1: false} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat(" ", size)))
		r.Header.Set("Content-Type", "application/json")
		if b, err := readBody(r); (err == nil) != good || good && len(b) != size {
			t.Errorf("%d bytes: %d, %v", size, len(b), err)
		}
	}
}

// depth is how deep a JSON text nests, by another parser.
func depth(b []byte) int {
	d := json.NewDecoder(bytes.NewReader(b))
	now, most := 0, 0
	for {
		tok, err := d.Token()
		if err != nil {
			return most
		}
		if delim, ok := tok.(json.Delim); ok {
			now++
			if delim == '}' || delim == ']' {
				now -= 2
			}
			most = max(most, now)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{``, `{}`, `null`, `{"tokenId":"a"}`, `{"tokenId":null}`, `{"x":[[[[[[[[[]]]]]]]]]}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}",
		`{"operation":{"name":"a","data":"b","form":{"c":["\u202e"]}}}`, `{"timestamp":1e3}`, `{"publicKeyJwk":{"d":1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{&StartRequest{}, &EnrolRequest{}, &VerifyRequest{}, &ClaimRequest{}, &PendingRequest{}} {
			err := decode(b, v)
			if err == nil && len(bytes.TrimSpace(b)) > 0 && (!json.Valid(b) || !utf8.Valid(b) || depth(b) > maxDepth) {
				t.Errorf("%T took %q", v, b)
			}
			var r refusal
			if err != nil && (!errors.As(err, &r) || r.code != "invalid_request" || !visible(strings.TrimPrefix(r.detail, "invalid: "), 1, 64)) {
				t.Errorf("%T: %v %q", v, err, r.detail)
			}
		}
	})
}
