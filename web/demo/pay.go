package demo

import (
	"net/http"

	"countersign/api/rp"
)

func (b *Bank) payForm(w http.ResponseWriter, r *http.Request) error {
	if _, ok := b.visits.customer(b.browser(r)); !ok {
		return errLogin
	}
	b.render(w, r, http.StatusOK, "pay.html", view{Title: "New payment", Wish: &wish{Currency: "CZK"}})
	return nil
}

// order takes a payment that is well-formed; nothing is paid by it.
func (b *Bank) order(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return refusal{http.StatusBadRequest, "The form cannot be read. Please fill it in again."}
	}
	id := b.browser(r)
	c, ok := b.visits.customer(id)
	if !ok {
		return errLogin
	}
	wanted := wishOf(r.PostForm)
	o := wanted.order(c)
	if len(wanted.Wrong) > 0 {
		b.render(w, r, http.StatusUnprocessableEntity, "pay.html", view{Title: "New payment", Wish: &wanted})
		return nil
	}
	err := b.visits.change(id, func(c *customer) error {
		if c.Orders = append(c.Orders, o); len(c.Orders) > maxOrders {
			c.Orders = c.Orders[1:]
		}
		return nil
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/pay/"+o.ID, http.StatusSeeOther)
	return nil
}

// found is an order of who is logged in.
func (b *Bank) found(r *http.Request) (customer, order, error) {
	c, ok := b.visits.customer(b.browser(r))
	if !ok {
		return customer{}, order{}, errLogin
	}
	o := c.find(r.PathValue("order"))
	if o == nil {
		return customer{}, order{}, refusal{http.StatusNotFound, "There is no such payment."}
	}
	return c, *o, nil
}

func (b *Bank) orderPage(w http.ResponseWriter, r *http.Request) error {
	_, o, err := b.found(r)
	if err != nil {
		return err
	}
	if o.Receipt != nil {
		b.render(w, r, http.StatusOK, "paid.html", view{Title: "Payment made", Order: &o, Proof: o.Receipt})
		return nil
	}
	b.render(w, r, http.StatusOK, "order.html", view{Title: "Approve the payment", Order: &o, Approval: &approval{
		Issuer: b.o.Issuer, Start: "/pay/" + o.ID + "/start", About: "order " + o.ID, Ask: "Pay " + o.Sum() + " to " + o.To}})
	return nil
}

// startPayment asks the customer's phone to approve the order as it stands here,
// not as a page says it does.
func (b *Bank) startPayment(w http.ResponseWriter, r *http.Request) error {
	var q struct{ Challenge string }
	if err := read(r, &q); err != nil {
		return err
	}
	c, o, err := b.found(r)
	if err != nil {
		return err
	}
	if o.Receipt != nil {
		return refusal{http.StatusConflict, "This payment was made already."}
	}
	return b.start(r.Context(), w, r, rp.Start{TokenID: c.Subject, Challenge: q.Challenge,
		Operation: &rp.Operation{Name: operationName, Data: o.Data, Form: o.form()}}, started{asked: c.Subject, order: o.ID})
}

func (b *Bank) account(w http.ResponseWriter, r *http.Request) error {
	c, ok := b.visits.customer(b.browser(r))
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil
	}
	b.render(w, r, http.StatusOK, "account.html", view{Title: "Your accounts", Proof: &c.Login})
	return nil
}
