package device

import (
	"strconv"
	"testing"
)

// A number goes before a mail address, what is neither reaches nobody, and of each as
// little is shown as its owner needs.
func TestContact(t *testing.T) {
	for _, x := range []struct {
		claims     map[string]string
		by         Channel
		to, masked string
	}{
		{nil, "", "", ""},
		{map[string]string{"phone": "+49 170 12345-42", "email": "alice@example.com"}, SMS, "+49 170 12345-42", "•••• 42"},
		{map[string]string{"phone": "+420100", "phone_number": "+420777123456"}, SMS, "+420777123456", "•••• 56"},
		{map[string]string{"email": "alice@example.com"}, Mail, "alice@example.com", "a…@example.com"},
		{map[string]string{"email": "élise@example.com"}, Mail, "élise@example.com", "é…@example.com"},
		{map[string]string{"phone": "ask at the desk", "email": "alice@example.com"}, Mail, "alice@example.com", "a…@example.com"},
		{map[string]string{"phone": "112", "email": "nobody"}, "", "", ""},
		{map[string]string{"phone": "+49170\n1234542"}, "", "", ""},
		{map[string]string{"email": "alice@example.com\nBcc: bob@example.com"}, "", "", ""},
		{map[string]string{"email": "@example.com"}, "", "", ""},
	} {
		c := Claims{}
		for name, value := range x.claims {
			c[name] = []byte(strconv.Quote(value))
		}
		by, to := c.Contact()
		if by != x.by || to != x.to || by.Masked(to) != x.masked {
			t.Errorf("%v: %s %q, shown as %q", x.claims, by, to, by.Masked(to))
		}
	}
}
