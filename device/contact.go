package device

import "strings"

// A Channel is a way in which a message reaches somebody who has no phone enrolled,
// or not at hand.
type Channel string

// The channels.
const (
	SMS  Channel = "sms"
	Mail Channel = "email"
)

// Contact is where a message reaches the identity: its phone number, else its mail
// address; empty: nowhere.
func (c Claims) Contact() (by Channel, to string) {
	for _, name := range []string{"phone_number", "phone"} {
		if to := c.text(name); isPhoneNumber(to) {
			return SMS, to
		}
	}
	if to := c.text("email"); isMailAddress(to) {
		return Mail, to
	}
	return "", ""
}

// Masked is as much of an address as its owner knows it by: the last two digits of a
// number, the first letter and the domain of a mail address.
func (by Channel) Masked(to string) string {
	switch by {
	case SMS:
		d := digitsOf(to)
		return "•••• " + d[max(0, len(d)-2):]
	case Mail:
		name, domain, _ := strings.Cut(to, "@")
		for _, first := range name {
			return string(first) + "…@" + domain
		}
	}
	return ""
}

// isPhoneNumber says whether a number can be told by its last two digits without
// telling the most of it.
func isPhoneNumber(s string) bool {
	return len(digitsOf(s)) >= 5 && strings.Trim(s, "+0123456789 ()./-") == ""
}

func isMailAddress(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && name != "" && domain != "" && !strings.ContainsAny(domain, "@ ") && !HasHidden(s)
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
