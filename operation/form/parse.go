package form

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Parse reads a form from JSON and judges it as [Form.Validate] does. It is
// strict: names are case-sensitive and given once, nothing is null, and an unknown
// member or type is an error, at any depth. An error is an [Error].
func Parse(raw []byte) (Form, error) {
	v, err := readJSON(raw, MaxForm, maxDepth)
	if err != nil {
		return Form{}, err
	}
	var f Form
	if err := readObject(&f, "", v, formMembers); err != nil {
		return Form{}, err
	}
	if err := f.Validate(); err != nil {
		return Form{}, err
	}
	return f, nil
}

// Validate says what is wrong with a form that was parsed, built or localised: a
// member that is missing, not of its form or not of its attribute's type, a hidden
// character, an ID used twice, or more than the limits allow. An error is an
// [Error] with the path of the first such member.
func (f Form) Validate() error {
	if err := checkObject(&f, "", formMembers); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range f.Attributes {
		a, path := &f.Attributes[i], indexed("attributes", i)
		if seen[a.ID] && a.ID != "" {
			return wrong(path+".id", ErrMalformed)
		}
		seen[a.ID] = true
		if err := a.validate(path); err != nil {
			return err
		}
	}
	if len(f.Compact()) > MaxForm {
		return wrong("", ErrSize)
	}
	return nil
}

// validate looks at what single members do not show.
func (a *Attribute) validate(path string) error {
	if name := a.foreign(); name != "" {
		return wrong(join(path, name), ErrUnknown)
	}
	seen := map[string]bool{}
	for i, o := range a.Options {
		if seen[o.ID] {
			return wrong(indexed(path+".options", i)+".id", ErrMalformed)
		}
		seen[o.ID] = true
	}
	if a.Selected != "" && !seen[a.Selected] {
		return wrong(path+".selected", ErrMalformed)
	}
	if !a.Format.fits(a.Value) {
		return wrong(path+".value", ErrMalformed)
	}
	return nil
}

// foreign names a member that is set although the attribute's type has none such.
// On the wire there can be none.
func (a *Attribute) foreign() string {
	own := attributeMembers(a)
	for _, k := range kinds {
		for _, m := range k.members {
			if m.there(a) && !slices.ContainsFunc(own, func(o member[Attribute]) bool { return o.name == m.name }) {
				return m.name
			}
		}
	}
	return ""
}

var (
	idForm     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	numberForm = regexp.MustCompile(`^-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,8})?$`)
)

func goodID(s string) bool { return idForm.MatchString(s) }

// fits says whether a value has its format. One that a catalogue has yet to give
// is judged when it did.
func (f Format) fits(value Text) bool {
	if value.Message == "" {
		return true
	}
	switch f {
	case FormatDate:
		_, err := time.Parse(time.DateOnly, value.Message)
		return err == nil
	case FormatNumber:
		return numberForm.MatchString(value.Message)
	case FormatAccount:
		return goodAccount(value.Message)
	default:
		return true
	}
}

// goodURL takes an absolute https address of visible ASCII, without a user.
func goodURL(s string) bool {
	if len(s) > MaxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && strings.HasPrefix(s, "https://") && u.Hostname() != "" && u.User == nil
}

func oneOf[S ~string](all ...S) func(string) bool {
	return func(s string) bool { return slices.Contains(all, S(s)) }
}

// Compact writes a form as canonical JSON: without spaces, the members in a fixed
// order, and those that are absent left out. The same form is always the same
// bytes, and [Parse] reads it back.
func (f Form) Compact() []byte {
	var b bytes.Buffer
	writeObject(&b, &f, formMembers)
	return b.Bytes()
}
