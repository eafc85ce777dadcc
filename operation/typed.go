package operation

import (
	"context"
	"maps"
	"slices"

	"countersign/audit"
	"countersign/device"
)

// This file is what the methods have in common that are answered in the page: the
// codes that are typed there are counted, and what they approve is put together.

// typedMost is how many codes may be typed in a page in one operation for a method,
// unless the flow says otherwise.
const (
	typedMost = 3
	// TypedInARow is how many codes of a method may be typed for one identity, in all
	// operations, before a phone has approved something for it.
	TypedInARow = 10
)

const (
	codeForm     Text = "codeForm"
	codeWrong    Text = "codeWrong"
	codeTooOften Text = "codeTooOften"
)

// TypedMethods are those whose codes are typed in a page.
func TypedMethods() (out []Method) {
	for m, x := range methods() {
		if _, ok := x.(typed); ok {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

// typed is a method whose codes are typed in a page.
type typed interface {
	method
	// digits is how long its codes are.
	digits() int
}

// Guesses counts the codes that are typed in pages.
type Guesses interface {
	// CountCode counts a code of a method before it is judged, against the address
	// it comes from and against who is asked, whether or not there is anybody of
	// that name. It gives how many have counted against them since a phone has
	// approved something. device.LimitedError: too many from the address.
	CountCode(ctx context.Context, id device.TokenID, m Method, address string) (int, error)
	// UncountCode takes one back that was right.
	UncountCode(ctx context.Context, id device.TokenID, m Method) error
}

// judge decides a code that was typed. right compares it, in constant time, and gives
// the approval it stands for, or nil; it is not asked when the code may not be judged.
func (v view) judge(ctx context.Context, m Message, by Method, code string, right func() *Approval) (plan, error) {
	if !v.wellTyped(by, code) {
		return plan{answer: v.failureOf(by, m, codeForm)}, nil // costs nothing
	}
	over, err := v.count(ctx, by)
	if err != nil {
		return plan{}, err
	}
	if over {
		return v.missed(m, by, AuthMethodFailed), nil
	}
	if a := right(); a != nil {
		if err := v.svc.Guesses.UncountCode(ctx, v.o.Subject, by); err != nil {
			return plan{}, err
		}
		v.asked.counted = 0 // if another was quicker, it is judged anew, and counts anew
		return v.confirmed(m, by, a)
	}
	v.o.try(by)
	return v.missed(m, by, AuthFailed), nil
}

// missed is what a code that is not good leads to. As long as the step goes on, the
// page is told what went wrong.
func (v view) missed(m Message, by Method, how StepResult) plan {
	why := cause("")
	if how == AuthMethodFailed {
		why = causeTooMany
	}
	codes := map[string]int{}
	maps.Copy(codes, v.person.Codes)
	codes[string(by)] = v.asked.counted // so that what follows knows if it was the last
	v.person.Codes = codes
	p := v.settled(m, by, how, why)
	p.note = audit.CodeWrong
	if p.next.Result != Continue || p.next.Step != v.o.Step {
		return p
	}
	p.answer = v.at(*p.next).failureOf(by, m, codeWrong)
	if slices.Contains(p.next.Closed, by) || v.off(by) {
		p.answer.Text, p.answer.Remaining = codeTooOften, 0
	}
	return p
}

// count counts the code of this request, once however often it is looked at anew.
func (v view) count(ctx context.Context, by Method) (over bool, err error) {
	if v.asked.counted == 0 {
		if v.asked.counted, err = v.svc.Guesses.CountCode(ctx, v.o.Subject, by, v.asked.from.Address); err != nil {
			return false, err
		}
	}
	return v.asked.counted > TypedInARow, nil
}

func (v view) wellTyped(by Method, code string) bool {
	x, ok := methods()[by].(typed)
	if !ok || len(code) != x.digits() {
		return false
	}
	return !slices.ContainsFunc([]byte(code), func(b byte) bool { return b < '0' || b > '9' })
}

// who is whom a method asks; ok is false if it is nobody, or they may not be asked
// by it now. That is for no answer to tell, unless a factor has succeeded.
func (v view) who(m Method) (i device.Identity, ok bool) {
	return v.person.Identity, v.person.Asked && !slices.Contains(v.person.Identity.Off, string(m))
}

// off says whether a method is not offered to who is asked: codes were typed too
// often, or they have switched it off, which only those may see who have proven to
// be them.
func (v view) off(m Method) bool {
	return v.person.Codes[string(m)] >= TypedInARow || v.o.Approval != nil && slices.Contains(v.person.Identity.Off, string(m))
}

// answered is what somebody has approved in the page, with what they grant there.
func (v view) answered(i device.Identity, d device.ID, amr []string, acr string) *Approval {
	return &Approval{Token: i.ID, Device: d, AMR: amr, ACR: acr, At: v.now, Scopes: v.granted, Claims: i.Claims.Release(v.granted, v.now)}
}

// confirmed is what an approval in the page leads to.
func (v view) confirmed(m Message, by Method, a *Approval) (plan, error) {
	a, err := a.beside(v.o.Approval)
	if err != nil {
		return plan{}, err
	}
	v.o.Approval, v.o.Subject = a, a.Token
	return v.settled(m, by, Confirmed, ""), nil
}
