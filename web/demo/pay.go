package demo

import "net/http"

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
	return b.approve(w, r, c, o)
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

// orderPage is where the browser comes back to, and says how the order stands. Whatever
// else the address says is not read.
func (b *Bank) orderPage(w http.ResponseWriter, r *http.Request) error {
	c, o, err := b.found(r)
	if err != nil {
		return err
	}
	if o, err = b.settle(r, c, o); err != nil {
		return err
	}
	v, name := view{Title: "Approve the payment", Order: &o, Receipt: o.Receipt}, "order.html"
	switch {
	case o.Receipt != nil:
		v.Title, name = "Payment made", "paid.html"
	case o.Failed != "":
		v.Title = "The payment was not made"
	}
	b.render(w, r, http.StatusOK, name, v)
	return nil
}

// goOn leads to the server's page again, unless the approval has ended: there is nothing
// there any more then, and in a tab of before still a link to it.
func (b *Bank) goOn(w http.ResponseWriter, r *http.Request) error {
	c, o, err := b.found(r)
	if err != nil {
		return err
	}
	if o, err = b.settle(r, c, o); err != nil {
		return err
	}
	to := "/pay/" + o.ID
	if o.Open() {
		to = o.URL
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// again begins another approval of an order, for one that has failed, or whose page is
// lost. The one before is given up first, so that a phone approves one of them alone.
func (b *Bank) again(w http.ResponseWriter, r *http.Request) error {
	c, o, err := b.found(r)
	if err != nil {
		return err
	}
	if o, err = b.settle(r, c, o); err != nil {
		return err
	}
	if o.Open() {
		if o, err = b.giveUp(r, c, o); err != nil {
			return err
		}
	}
	if o.Receipt != nil {
		http.Redirect(w, r, "/pay/"+o.ID, http.StatusSeeOther)
		return nil
	}
	return b.approve(w, r, c, o)
}

// giveUp cancels the approval of an order, unless it has ended just now.
func (b *Bank) giveUp(r *http.Request, c customer, o order) (order, error) {
	_, failed := b.client.Cancel(r.Context(), o.Operation)
	if failed == nil {
		return o, nil
	}
	o, err := b.settle(r, c, o)
	if err == nil && o.Open() {
		b.o.Log.Warn("bank: not cancelled", "order", o.ID, "operation", o.Operation, "error", failed)
		err = refusal{http.StatusBadGateway, "The approval from before cannot be given up just now. Please try again in a moment."}
	}
	return o, err
}

// proofFile gives what the server answered about a payment that was made: countersign
// proof verify reads it.
func (b *Bank) proofFile(w http.ResponseWriter, r *http.Request) error {
	_, o, err := b.found(r)
	if err != nil {
		return err
	}
	if o.Receipt == nil {
		return refusal{http.StatusNotFound, "This payment was not made, so there is no proof of it."}
	}
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Disposition", `attachment; filename="proof.json"`)
	_, _ = w.Write(o.Receipt.file) // the browser may have gone
	return nil
}

func (b *Bank) account(w http.ResponseWriter, r *http.Request) error {
	c, ok := b.visits.customer(b.browser(r))
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil
	}
	for _, o := range c.Orders { // the browser may never have come back
		if _, err := b.settle(r, c, o); err != nil {
			break
		}
	}
	b.render(w, r, http.StatusOK, "account.html", view{Title: "Your accounts", Proof: &c.Login})
	return nil //nolint:nilerr // what cannot be asked now is asked the next time
}
