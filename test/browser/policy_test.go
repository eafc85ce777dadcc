package browser

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign/test/rig"
)

// What every page of the server must be sent with.
var policy = []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "connect-src 'self'", "manifest-src 'self'",
	"worker-src 'self'", "media-src 'self' blob:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"}

// Every page of the server has the same policy, the bank's the same but for the
// server it speaks to, and nobody keeps what is only for now.
func TestPolicies(t *testing.T) {
	w := newWorld(t)
	theirs := slices.DeleteFunc(slices.Clone(policy), func(d string) bool {
		return strings.HasPrefix(d, "img") || strings.HasPrefix(d, "connect") || strings.HasPrefix(d, "manifest") || strings.HasPrefix(d, "worker") ||
			strings.HasPrefix(d, "media") || strings.HasPrefix(d, "form")
	})
	theirs = append(theirs, "img-src 'self' data:", "form-action 'self' "+w.proxy.url, "connect-src 'self' "+w.proxy.url+" ws"+strings.TrimPrefix(w.proxy.url, "http"))
	const id = "sess_AAAAAAAAAAAAAAAAAAAAAA"
	for address, want := range map[string][]string{
		w.hosted():                      policy,
		w.hosted("demo=pending"):        policy,
		w.proxy.url + "/s/" + id:        policy,
		w.proxy.url + "/r/" + id:        policy,
		w.proxy.url + "/authenticator":  policy,
		w.bank + "/":                    theirs,
		w.bank + "/login":               theirs,
		w.bank + "/pay":                 theirs,
		w.bank + "/nothing/of/the/kind": theirs,
	} {
		resp := w.get(address)
		var got []string
		for d := range strings.SplitSeq(resp.Header.Get("Content-Security-Policy"), ";") {
			got = append(got, strings.TrimSpace(d))
		}
		slices.Sort(got)
		if sorted := slices.Sorted(slices.Values(want)); !slices.Equal(got, sorted) {
			t.Errorf("%s: policy %q, want %q", address, got, sorted)
		}
		cache := map[bool]string{true: "no-cache", false: "no-store"}[strings.HasSuffix(address, "/authenticator")]
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": cache, "Content-Type": "text/html; charset=utf-8"} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", address, name, got, want)
			}
		}
		if referrer := resp.Header.Get("Referrer-Policy"); referrer != "no-referrer" && referrer != "same-origin" {
			t.Errorf("%s: Referrer-Policy is %q", address, referrer)
		}
	}
	worker := w.get(w.proxy.url + "/authenticator/worker.js")
	if worker.Header.Get("Service-Worker-Allowed") != "/authenticator" {
		t.Errorf("the worker may have %q", worker.Header.Get("Service-Worker-Allowed"))
	}
}

func (w *World) get(address string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(rig.Ctx(w.t), http.MethodGet, address, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// That no test has met a violation would say nothing if tabs did not notice.
func TestViolationsAreNoticed(t *testing.T) {
	w := newWorld(t)
	b := newProfile(t).open(w.hosted("demo=pending"))
	inner := &recorder{TB: t}
	b.t = inner
	b.do(`document.body.append(Object.assign(document.createElement('script'), {textContent: 'globalThis.ran = true'}))`)
	b.do(`document.body.append(Object.assign(document.createElement('img'), {src: 'https://example.com/x.png'}))`)
	b.do(`setTimeout(() => { throw new Error('a fault of the page') })`)
	await(b, "what the page did", "'later'", func(string) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		all := strings.Join(b.troubles, "\n")
		return strings.Contains(all, "policy violated: script-src-elem") && strings.Contains(all, "policy violated: img-src") && strings.Contains(all, "a fault of the page")
	})
	if b.report(); inner.said == "" || eval[bool](b, "'ran' in globalThis") {
		t.Errorf("the test goes on in spite of %q", inner.said)
	}
}
