package web

import (
	"net/http"
	"strings"
	"unicode"
)

// A SignOut is what the page shows that logs a browser out.
type SignOut struct {
	Stage   SignOutStage
	Service string // who asks for it, by serviceId; empty: nobody that is known
	// Action is where the form of SignOutAsk goes, and Fields what it has besides
	// the user's choice, which is yes or no.
	Action string
	Fields []Field
}

// A Field is a hidden field of a form.
type Field struct{ Name, Value string }

// A SignOutStage says how far a logout has come.
type SignOutStage int

// The stages.
const (
	SignOutAsk    SignOutStage = iota // does the user mean it?
	SignOutDone                       // logged out
	SignOutStayed                     // the user did not mean it
)

// The signs of a card, as the element draws them.
const (
	signYes  = "yes"
	signNote = "note"
)

// SignOut writes a page of a logout. Its form may lead to the site that asked for
// it, and browsers hold redirects after a form against form-action, so that is not
// in its policy.
func (p *Pages) SignOut(w http.ResponseWriter, r *http.Request, s SignOut) error {
	v, t := p.view(r, "")
	v.Name, v.Logo, v.BrandStyle = p.o.Brands[s.Service].Name, p.Logo(s.Service), p.brandStyle(s.Service)
	v.Monogram = monogram(v.Name)
	switch s.Stage {
	case SignOutAsk:
		v.Title, v.Text = t["signOutTitle"], t["signOutText"]
		v.Form = &form{s.Action, s.Fields, []button{{"yes", "primary", t["signOutYes"]}, {"no", "secondary", t["signOutNo"]}}}
		if v.Name != "" {
			v.Text = t.say("signOutAsked", "service", isolate(v.Name, v.Dir)) + " " + v.Text
		}
	case SignOutDone:
		v.Sign, v.Title, v.Text = signYes, t["signedOutTitle"], t["signedOutText"]
	case SignOutStayed:
		v.Sign, v.Title, v.Text = signNote, t["stayedTitle"], t["stayedText"]
	}
	return p.write(w, http.StatusOK, "notice.html", v, strings.Replace(policy, "form-action 'none'; ", "", 1))
}

// monogram stands in for a logo.
func monogram(name string) string {
	for _, first := range name {
		return string(unicode.ToUpper(first))
	}
	return ""
}

// isolate keeps a name from being torn apart between right-to-left words, by
// Unicode's FSI and PDI, as the element does.
func isolate(name, dir string) string {
	if dir == "ltr" {
		return name
	}
	return "\u2068" + name + "\u2069"
}
