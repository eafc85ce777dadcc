package demo_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"

	"countersign/api"
	"countersign/operation"
	"countersign/session"
	"countersign/test/rig"
)

// placed is an order that the browser was sent to the server's page for.
type placed struct {
	path      string // of its page at the bank
	operation string
}

// order fills in the form of a payment.
func (b *browser) order(amount, account, note string) placed {
	b.t.Helper()
	return b.sentAway(b.form("/pay", "amount", amount, "currency", "CZK", "account", account, "note", note))
}

// sentAway checks that the browser has the server's page of an operation of the bank's,
// which asks this customer and leads back to the order.
func (b *browser) sentAway(got page) placed {
	b.t.Helper()
	id, there := strings.CutPrefix(got.path, b.town.Issuer+"/login?operation=")
	if got.status != http.StatusOK || !there {
		b.t.Fatalf("not at the server's page: %d %s %s", got.status, got.path, got.body)
	}
	return placed{"/pay/" + b.town.Desk(0).Ask(id).ExternalID, id}
}

// at is the server's page of an order, in this browser.
func (b *browser) at(o placed) *rig.Page {
	b.t.Helper()
	u, err := url.Parse(b.town.Issuer)
	if err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, c := range b.http.Jar.Cookies(u) {
		all = append(all, c.Name+"="+c.Value)
	}
	return b.town.Page(0, o.operation, strings.Join(all, "; "))
}

// reviewed goes through the server's page until a phone is asked, and gives what its
// user then has to type.
func (b *browser) reviewed(o placed) api.StartResponse {
	b.t.Helper()
	p := b.at(o)
	p.Send(operation.Init)
	p.Send(operation.Choose, "method", "device")
	return p.Start(false).Session
}

// decided has the phone decide an order that it was asked about, and gives what it
// showed; the browser is still at the server's.
func (b *browser) decided(p *api.Phone, s api.StartResponse, how session.Decision) api.Display {
	b.t.Helper()
	c, code := b.town.Claim(p, s.SessionID, ""), ""
	d, err := api.ParseDisplay(c.Display)
	if err != nil {
		b.t.Fatal(err)
	}
	if how == session.Approve {
		code = s.AutoPassword
	}
	b.town.verify(p, c, code, how)
	return d
}

// back follows the server's page to where it leads at the end, which must be the order.
func (b *browser) back(o placed) page {
	b.t.Helper()
	got := b.get(b.at(o).Send(operation.Status).Data.Location)
	if got.path != o.path || got.status != http.StatusOK {
		b.t.Fatalf("came back to %d %s", got.status, got.path)
	}
	return got
}

// pays approves an order by phone, and gives the page that the browser comes back to.
func (b *browser) pays(p *api.Phone, o placed) page {
	b.t.Helper()
	b.decided(p, b.reviewed(o), session.Approve)
	return b.back(o)
}

// balance is that of the account in CZK.
func (b *browser) balance() string {
	b.t.Helper()
	_, rest, _ := strings.Cut(b.get("/account").body, `<p class="sum">`)
	sum, _, _ := strings.Cut(rest, "</p>")
	return strings.Join(strings.Fields(html.UnescapeString(sum)), "")
}
