package peers

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"countersign/api"
	"countersign/device"
	"countersign/session"
	"countersign/test/rig"
)

// alice is how everybody in these stories is called.
func alice() device.Claims {
	return device.Claims{"name": json.RawMessage(`"Alice Doe"`), "email": json.RawMessage(`"alice@bank.example"`), "phone": json.RawMessage(`"+420123"`)}
}

// A user is a person with a browser and a phone.
type user struct {
	t     testing.TB
	w     *world
	http  *http.Client
	phone *api.Phone
}

// newUser enrols a phone of a new identity, and opens a browser without cookies.
func (w *world) newUser(t testing.TB) *user {
	t.Helper()
	u := &user{t: t, w: w, phone: w.In(t).PhoneOf(1, alice())}
	u.forget()
	return u
}

// forget gives the user a browser without cookies.
func (u *user) forget() {
	u.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		u.t.Fatal(err)
	}
	u.http = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// An arrival is where a browser ends up: at a client, or at a page of ours that
// goes nowhere.
type arrival struct {
	URL    string `json:"url"`
	Form   string `json:"form,omitempty"`   // what is posted there
	Status int    `json:"status,omitempty"` // of a page of ours
	Text   string `json:"text,omitempty"`   // that it shows
}

// visit opens an address of the provider and goes wherever that leads. If it is the
// login page, the phone decides, and grants scopes.
func (u *user) visit(address string, how session.Decision, scopes []string) arrival {
	u.t.Helper()
	for {
		q, err := http.NewRequestWithContext(rig.Ctx(u.t), http.MethodGet, address, http.NoBody)
		if err != nil {
			u.t.Fatal(err)
		}
		resp, err := u.http.Do(q)
		if err != nil {
			u.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			u.t.Fatal(err)
		}
		to := resp.Header.Get("Location")
		switch {
		case to == "":
			return shown(address, resp.StatusCode, string(text))
		case strings.HasPrefix(to, u.w.Issuer+"/login?"):
			address = u.page(to).Decide(u.phone, how, scopes...)
		case strings.HasPrefix(to, u.w.Issuer+"/"):
			address = to
		default:
			return arrival{URL: to}
		}
	}
}

// shown is a page of ours: one that posts a form to the client, or one to read.
func shown(address string, status int, text string) arrival {
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(text)
	if action == nil {
		return arrival{URL: address, Status: status, Text: text}
	}
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		form.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return arrival{URL: html.UnescapeString(action[1]), Form: form.Encode()}
}

// page is the login page at an address, with the cookies of the user's browser.
func (u *user) page(address string) *rig.Page {
	u.t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		u.t.Fatal(err)
	}
	header := http.Request{Header: http.Header{}}
	for _, c := range u.http.Jar.Cookies(at) {
		header.AddCookie(c)
	}
	return u.w.In(u.t).Page(0, at.Query().Get("operation"), header.Header.Get("Cookie"))
}
