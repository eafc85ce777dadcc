package api

import (
	"errors"

	"countersign/device"
	"countersign/operation"
	"countersign/operation/form"
	"countersign/session"
)

// approved checks what shall be approved: nothing in it may change how the rest of
// it is shown. Members are named as they stand in the request. What it is shown as,
// in its language, is what is judged, kept and signed.
func (o StartOperation) approved(place string, texts form.Texts) (*session.Operation, error) {
	if !visible(o.Name, 1, 64) {
		return nil, malformed(place + "name")
	}
	if o.Language != nil && !form.GoodLanguage(*o.Language) {
		return nil, malformed(place + "language")
	}
	if o.Data == "" || len(o.Data) > form.MaxData || device.HasHidden(o.Data) {
		return nil, malformed(place + "data")
	}
	if _, err := form.ParseData(o.Data); err != nil && form.Structured(o.Data) {
		return nil, malformed(place + "data") // as free text, no form would be held against it
	}
	out := &session.Operation{Name: o.Name, Data: o.Data}
	if len(o.Form) == 0 {
		return out, nil
	}
	f, err := form.Parse(o.Form)
	if err == nil {
		f, err = f.Localise(texts.Catalogue, []string{text(o.Language)}, texts.Fallback)
	}
	if err == nil {
		err = contradicts(o.Data, f)
	}
	if err != nil {
		return nil, ofForm(err, place)
	}
	out.Form = f.Compact()
	return out, nil
}

// contradicts holds a form against the data. Data that is not structured is free
// text, which a form cannot contradict. An error is a [form.Error].
func contradicts(data string, f form.Form) error {
	d, err := form.ParseData(data)
	if err != nil {
		return nil //nolint:nilerr // free text
	}
	return form.Check(d, f)
}

// ofForm answers an error of a form, which stands at a place in the request.
func ofForm(err error, place string) error {
	var wrong *form.Error
	switch {
	case !errors.As(err, &wrong):
		return err
	case errors.Is(err, form.ErrMismatch):
		return refuse("form_mismatch", wrong.At(place+"form")+" is not what "+place+"data says")
	}
	return malformed(wrong.At(place + "form"))
}

// templated makes what shall be approved of a template and an order's values. It is as
// good as what a back end writes itself: the template was checked, and filling it
// judges the rest.
func (h *Handler) templated(party session.RelyingParty, q OrderRequest, w *operation.Order) error {
	for _, m := range []struct {
		name  string
		given bool
	}{{"name", q.Name != nil}, {"data", q.Data != nil}, {"form", q.Form != nil}} {
		if m.given {
			return malformed(m.name) // the template's
		}
	}
	t, known := h.Templates[*q.Template]
	switch {
	case !visible(*q.Template, 1, 64):
		return malformed("template")
	case !known:
		return refuse("operation_unknown", "there is no template of this name")
	}
	data, f, err := t.Text.Fill(q.Parameters, h.Texts[party.ID], text(q.Language))
	var wrong *form.Error
	switch {
	case errors.Is(err, form.ErrMismatch) && errors.As(err, &wrong):
		return refuse("form_mismatch", wrong.Path+" is not what data says")
	case errors.As(err, &wrong):
		return malformed(wrong.Path)
	case err != nil:
		return err
	}
	w.Name, w.Data, w.Expiry, w.Attempts = t.Flow, data, t.Expiry, t.Attempts
	if f != nil {
		w.Form = f.Compact()
	}
	return nil
}
