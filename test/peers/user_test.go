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
	"time"

	"countersign/api"
	"countersign/device"
	"countersign/operation"
	"countersign/session"
	"countersign/test/rig"
)

// alice is how everybody in these stories is called.
func alice() device.Claims {
	return device.Claims{"name": json.RawMessage(`"Alice Doe"`), "email": json.RawMessage(`"alice@bank.example"`), "phone": json.RawMessage(`"+420601234567"`),
		"address": json.RawMessage(`"1 High Street, Prague"`)}
}

// A user is a person with a browser and a phone.
type user struct {
	t     testing.TB
	w     *world
	http  *http.Client
	phone *api.Phone // at the second node
	login *rig.Page  // that was begun, at the first

	agreed *api.Agreement // for when the phone has no network
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
// login page, the phone decides, and grants scopes; if it is one that asks whether
// to log out, the user chooses.
func (u *user) visit(l line) arrival {
	u.t.Helper()
	method, address, form := http.MethodGet, l.URL, l.Form
	if form != "" {
		method = http.MethodPost
	}
	for {
		status, to, text := u.send(method, address, form)
		method, form = http.MethodGet, ""
		switch {
		case to == "":
			at := shown(address, status, text)
			if at.Form == "" || !strings.HasPrefix(at.URL, u.w.Issuer+"/") {
				return at
			}
			if l.Choice == "" {
				return arrival{URL: address, Status: status, Text: text}
			}
			v, err := url.ParseQuery(at.Form)
			if err != nil {
				u.t.Fatal(err)
			}
			v.Set("choice", l.Choice) // of the two buttons
			method, address, form = http.MethodPost, at.URL, v.Encode()
			l.Choice = ""
		case strings.HasPrefix(to, u.w.Issuer+"/login?"):
			address = u.page(to).Decide(u.phone, l.Phone, l.Scopes...)
		case strings.HasPrefix(to, u.w.Issuer+"/"):
			address = to
		default:
			return arrival{URL: to}
		}
	}
}

// send makes one request of the user's browser; it gives the status, where the
// browser is sent, and what it is shown.
func (u *user) send(method, address, form string) (status int, to, text string) {
	u.t.Helper()
	q, err := http.NewRequestWithContext(rig.Ctx(u.t), method, address, strings.NewReader(form))
	if err != nil {
		u.t.Fatal(err)
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := u.http.Do(q)
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(b)
}

// decide has the phone take the one request that waits for it, and decide. It gives
// what the phone showed.
func (u *user) decide(l line) api.Display {
	u.t.Helper()
	waiting, err := u.phone.Pending(rig.Ctx(u.t))
	if err != nil || len(waiting.Sessions) != 1 {
		u.t.Fatalf("%d requests wait, %v", len(waiting.Sessions), err)
	}
	c := u.w.In(u.t).Claim(u.phone, waiting.Sessions[0].SessionID, "")
	if _, err := u.phone.Verify(rig.Ctx(u.t), c, l.Phone, l.Code, l.Scopes); err != nil {
		u.t.Fatalf("verify: %v", err)
	}
	shown, err := api.ParseDisplay(c.Display)
	if err != nil {
		u.t.Fatal(err)
	}
	return shown
}

// scan has the phone take what it reads off the page, and approve it.
func (u *user) scan(l line) {
	u.t.Helper()
	at, err := url.Parse(l.URL)
	id, ours := strings.CutPrefix(l.URL, u.w.Issuer+"/s/")
	if err != nil || !ours {
		u.t.Fatalf("no code of ours: %s, %v", l.URL, err)
	}
	id, _, _ = strings.Cut(id, "?")
	scan := at.Query().Get("t") + ":" + at.Query().Get("c")
	if _, err := u.phone.Verify(rig.Ctx(u.t), u.w.In(u.t).Claim(u.phone, id, scan), session.Approve, "qr:"+scan, l.Scopes); err != nil {
		u.t.Fatalf("verify: %v", err)
	}
}

// offline is the code that the phone shows for what it reads off the page. It once
// was where there was a network.
func (u *user) offline(drawn string) string {
	u.t.Helper()
	if u.agreed == nil {
		a, err := u.phone.AgreeOffline(rig.Ctx(u.t))
		if err != nil {
			u.t.Fatal(err)
		}
		u.agreed = &a
	}
	if _, err := device.ReadOfflineQuestion(drawn, u.w.Issuer, u.agreed.Signing, time.Now()); err != nil {
		u.t.Fatalf("what the page draws: %v", err)
	}
	return device.OfflineCode(u.agreed.Secret, drawn)
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

// begin begins a login, and gives the name of its notices.
func (u *user) begin() string {
	u.t.Helper()
	u.login = u.w.In(u.t).Login(0, func(n *operation.New) { n.Scopes = []device.Scope{device.Name} })
	return u.login.WebSocketID()
}

// identify says in the page who logs in.
func (u *user) identify() {
	u.t.Helper()
	if a := u.login.Send(operation.Start, "method", "identify", "user", u.phone.Token); !a.Success {
		u.t.Fatalf("identify answered %+v", a)
	}
}

// settle has the page start a session and the phone decide; the page asks for
// nothing after that.
func (u *user) settle(how session.Decision) {
	u.t.Helper()
	b, code, scopes := u.login.Start(false), "", []string(nil)
	if how == session.Approve {
		code, scopes = b.Session.AutoPassword, []string{"identity:name"}
	}
	if _, err := u.phone.Verify(rig.Ctx(u.t), u.w.In(u.t).Claim(u.phone, b.Session.SessionID, ""), how, code, scopes); err != nil {
		u.t.Fatalf("verify: %v", err)
	}
}
