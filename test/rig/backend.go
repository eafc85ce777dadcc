package rig

import (
	"net/http"
	"net/url"
	"testing"

	"countersign/api"
)

// Data is what the payments of tests are about, ShopPage a page of the shop.
const (
	Data     = "A1*A100EUR*IDE89370400440532013000*NRent"
	ShopPage = "https://shop.example/orders/1042"
)

// A Desk is the back end of a service that has operations approved.
type Desk struct {
	t               testing.TB
	rig             *Rig
	node            int
	Service, Secret string
}

// Desk gives the back end of the service that authenticates, talking to node n.
func (r *Rig) Desk(n int) *Desk { return &Desk{r.T, r, n, Shop, ShopSecret} }

// At is the same back end, talking to node n.
func (d *Desk) At(n int) *Desk {
	x := *d
	x.node = n
	return &x
}

// Of is the back end of another service that has the same secret.
func (d *Desk) Of(service string) *Desk {
	x := *d
	x.Service = service
	return &x
}

// Send sends a request with the service's secret. It may be used from any
// goroutine.
func (d *Desk) Send(method, path, body string, head ...string) Answer {
	return d.rig.Send(d.node, method, path, body, append([]string{"Authorization", BasicAuth(d.Service, d.Secret)}, head...)...)
}

// Payment are the members of an order: a phone's user pays, or whoever it is.
// Names and values in turn change them; nil takes one away.
func Payment(p *api.Phone, change ...any) map[string]any {
	m := map[string]any{"name": "authorize_payment", "data": Data, "form": map[string]any{"title": "Payment", "summary": "Rent to Bob"}}
	if p != nil {
		m["tokenId"] = p.Token
	}
	for i := 0; i+1 < len(change); i += 2 {
		name, _ := change[i].(string)
		if m[name] = change[i+1]; m[name] == nil {
			delete(m, name)
		}
	}
	return m
}

// TryOrder sends an order; head is names and values in turn.
func (d *Desk) TryOrder(m map[string]any, head ...string) Answer {
	return d.Send(http.MethodPost, "/operations", JSON(m), head...)
}

// Order sends an order and wants an operation.
func (d *Desk) Order(m map[string]any, head ...string) api.OperationView {
	d.t.Helper()
	return d.operation(d.TryOrder(m, head...))
}

// Ask asks how an operation stands.
func (d *Desk) Ask(id string) api.OperationView {
	d.t.Helper()
	return d.operation(d.TryAsk(id))
}

// TryAsk is Ask, and gives whatever comes.
func (d *Desk) TryAsk(id string) Answer { return d.Send(http.MethodGet, "/operations/"+id, "") }

// Cancel gives an operation up.
func (d *Desk) Cancel(id string) api.OperationView {
	d.t.Helper()
	return d.operation(d.TryCancel(id))
}

// TryCancel is Cancel, and gives whatever comes.
func (d *Desk) TryCancel(id string) Answer {
	return d.Send(http.MethodPost, "/operations/"+id+"/cancel", "")
}

// List gives the ids of a user's operations; result may be empty.
func (d *Desk) List(user, result string) []string {
	d.t.Helper()
	query := url.Values{"tokenId": {user}}
	if result != "" {
		query.Set("result", result)
	}
	var list api.OperationList
	d.rig.Into(d.Send(http.MethodGet, "/operations?"+query.Encode(), ""), &list)
	ids := []string{}
	for _, v := range list.Operations {
		ids = append(ids, v.OperationID)
	}
	return ids
}

// operation reads an answer, and that nothing may keep it.
func (d *Desk) operation(a Answer) (v api.OperationView) {
	d.t.Helper()
	d.rig.Into(a, &v)
	if a.Head.Get("Cache-Control") != "no-store" || a.Head.Get("Access-Control-Allow-Origin") != "" {
		d.t.Errorf("answered with %v", a.Head)
	}
	return v
}

// Open opens the page of a back end's operation on node n, in a browser that has no
// cookie yet.
func (r *Rig) Open(n int, id string) *Page {
	r.T.Helper()
	a := r.Visit(n, id, "")
	lines := a.Head.Values("Set-Cookie")
	if a.Status != http.StatusOK || len(lines) != 1 {
		r.T.Fatalf("opening the page: %d %v", a.Status, a.Head)
	}
	c, err := http.ParseSetCookie(lines[0])
	if err != nil {
		r.T.Fatal(err)
	}
	return r.Page(n, id, c.Name+"="+c.Value)
}

// Visit asks node n for the page of an operation as a browser does that has these
// cookies; head is names and values in turn.
func (r *Rig) Visit(n int, id, cookie string, head ...string) Answer {
	return r.Send(n, http.MethodGet, "/login?operation="+id, "", append([]string{"Cookie", cookie, "Accept", "text/html"}, head...)...)
}

// At is the same page, talking to node n.
func (p *Page) At(n int) *Page { return p.rig.Page(n, p.ID, p.Cookie) }

// Leave follows where the page goes at the end: the status of the answer there, and
// where that leads.
func (p *Page) Leave(location string) (status int, to string) {
	p.t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Scheme+"://"+u.Host != p.rig.Issuer {
		p.t.Fatalf("leads to %s: %v", location, err)
	}
	a := p.rig.Send(p.node, http.MethodGet, u.RequestURI(), "", "Cookie", p.Cookie)
	if a.Err != nil {
		p.t.Fatal(a.Err)
	}
	return a.Status, a.Head.Get("Location")
}
