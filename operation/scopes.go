package operation

import (
	"context"
	"slices"

	"countersign/device"
)

// This file is what the user gives the service where no phone shows it: the page does,
// and says with the answer what was left switched on.

// A ScopeOffer is something that the service asks for, as the page shows it.
type ScopeOffer struct {
	ID       device.Scope
	Label    Text
	Required bool // the user may not switch it off
}

// releases says whether taking a step by a method gives the service what the page has
// shown; a phone shows it by itself.
func (m Method) releases() bool { return m.factor() && m != ByPhone }

// wanted is what the user is still asked to give: all that the service asks for, or
// what they have left switched on in a step before. In the operation of a back end it
// is what a phone has to show.
func (o Operation) wanted() []device.Scope {
	if o.Approval != nil && !o.ByService {
		return o.Approval.Scopes
	}
	return o.Scopes
}

// given is what an answer in the page can release: nothing in the operation of a back
// end, which is told that it was approved and no claims. That somebody operates the
// server a phone alone can say.
func (o Operation) given() []device.Scope {
	if o.ByService {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(o.wanted()), device.Scope.OfOperators)
}

// needed are those that the service insists on.
func (v view) needed() (out []device.Scope) {
	party, _ := v.svc.Parties.Party(v.o.Service)
	for _, s := range v.o.given() {
		if slices.Contains(party.Required, s) {
			out = append(out, s)
		}
	}
	return out
}

// asks is what the page has to show before the step is taken by one of these ways.
func (v view) asks(ways []Offer) (out []ScopeOffer) {
	if v.reviews() || !slices.ContainsFunc(ways, func(w Offer) bool { return w.ID.releases() }) {
		return nil
	}
	needed := v.needed()
	for _, s := range v.o.given() {
		out = append(out, ScopeOffer{s, scopeTexts()[s], slices.Contains(needed, s)})
	}
	return out
}

// take has a method take the answer of the page. What that grants is looked at before
// anything is judged, so a mistake there costs nothing and tells nothing.
func (v view) take(ctx context.Context, by Method, x method, m Message) (plan, error) {
	in := v
	if by.releases() {
		var ok bool
		if in.granted, ok = v.grants(m); !ok {
			return plan{answer: refused(m, ScopeNotAllowed)}, nil
		}
	}
	return x.verify(ctx, in, m)
}

// grants is what an answer grants; ok is false if that is more than was asked for, or
// without something that the service insists on. A page that says nothing of it may
// have shown nothing either: it grants what the service insists on, and no more.
func (v view) grants(m Message) (list []device.Scope, ok bool) {
	needed, given := v.needed(), v.o.given()
	if m.Granted == nil {
		return needed, true
	}
	for _, s := range m.Granted {
		if !slices.Contains(given, s) {
			return nil, false
		}
	}
	for _, s := range needed {
		if !slices.Contains(m.Granted, s) {
			return nil, false
		}
	}
	for _, s := range given { // each once, in the order asked
		if slices.Contains(m.Granted, s) {
			list = append(list, s)
		}
	}
	return list, true
}

// scopeTexts are what scopes are called for the user.
func scopeTexts() map[device.Scope]Text {
	return map[device.Scope]Text{
		device.Name: "scopeName", device.NameInitial: "scopeNameInitial", device.Birthdate: "scopeBirthdate",
		device.AgeOver18: "scopeAgeOver18", device.AgeOver21: "scopeAgeOver21", device.AgeOver25: "scopeAgeOver25", device.AgeRange: "scopeAgeRange",
		device.Nationality: "scopeNationality", device.IsEUCitizen: "scopeIsEUCitizen",
		device.Email: "scopeEmail", device.Phone: "scopePhone", device.Address: "scopeAddress", device.Picture: "scopePicture",
	}
}
