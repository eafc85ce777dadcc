package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// contract is the loaded openapi.yaml.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

// loadContract reads api/openapi.yaml once for all tests of a package.
var loadContract = sync.OnceValues(func() (*contract, error) {
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", "..", "api", "openapi.yaml")
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // nodes of a test listen anywhere
	router, err := gorillamux.NewRouter(doc)
	return &contract{doc, router}, err
})

// checked is a transport that holds every answer against the contract.
type checked struct {
	t    testing.TB
	c    *contract
	next http.RoundTripper
}

// Checked gives a transport that fails the test when an answer is not one that
// api/openapi.yaml allows.
func Checked(t testing.TB) http.RoundTripper {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	next := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(next.CloseIdleConnections)
	return &checked{t, c, next}
}

// RoundTrip implements http.RoundTripper.
func (k *checked) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := k.next.RoundTrip(r)
	if err != nil || resp.StatusCode == http.StatusSwitchingProtocols ||
		strings.HasPrefix(resp.Header.Get("Content-Type"), "text/") || r.Method == http.MethodOptions {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if route, params, err := k.c.router.FindRoute(r); err == nil {
		k.check(r, resp, body, route, params)
	} else {
		k.problem(r, resp, body)
	}
	return resp, nil
}

func (k *checked) check(r *http.Request, resp *http.Response, body []byte, route *routers.Route, params map[string]string) {
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		k.t.Errorf("%s %s answered %d against the contract: %v\n%s", r.Method, r.URL.Path, resp.StatusCode, err, body)
	}
	if resp.StatusCode >= 400 {
		k.problem(r, resp, body)
	}
}

// problem checks what every error has, on routes of the contract and others.
func (k *checked) problem(r *http.Request, resp *http.Response, body []byte) {
	var p struct {
		Type, Code, RequestID string
		Status                int
	}
	if resp.StatusCode < 400 {
		return
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" || !strings.HasSuffix(p.Type, "/"+p.Code) ||
		p.Status != resp.StatusCode || p.RequestID == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
		k.t.Errorf("%s %s answered %d without a good problem document: %s", r.Method, r.URL.Path, resp.StatusCode, body)
	}
}

// CheckMessage holds a message of a socket or stream against the contract.
func CheckMessage(t testing.TB, frame []byte) {
	t.Helper()
	checkSchema(t, "Message", frame)
}

// CheckDeviceMessage holds a frame of a phone's socket against the contract.
func CheckDeviceMessage(t testing.TB, frame []byte) {
	t.Helper()
	checkSchema(t, "DeviceMessage", frame)
}

// CheckForm holds the form of an operation against the contract.
func CheckForm(t testing.TB, form []byte) {
	t.Helper()
	checkSchema(t, "Form", form)
}

// CheckNotice holds what a page of an operation is told against the contract, by
// the name of its schema.
func CheckNotice(t testing.TB, schema string, body []byte) {
	t.Helper()
	checkSchema(t, schema, body)
}

func checkSchema(t testing.TB, schema string, frame []byte) {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(frame, &v); err != nil {
		t.Errorf("message is not JSON: %s", frame)
		return
	}
	if err := c.doc.Components.Schemas[schema].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("message against the contract: %v\n%s", err, frame)
	}
}
