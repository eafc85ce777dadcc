package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"countersign/api"
	"countersign/device"
)

// showDisplay prints what the user is asked to approve. Where it comes from is
// what tells a good request from a bad one, so that stands first and alone.
func (env *environment) showDisplay(d api.Display) error {
	bold, normal := "", ""
	if env.colourful(env.Stdout) {
		bold, normal = "\x1b[1m", "\x1b[0m"
	}
	from := plain(d.Origin)
	if from == "" {
		from = "a back end of " + plain(d.Service.Name)
	}
	fmt.Fprintf(env.Stdout, "\n  %s%s%s\n\n", bold, from, normal)
	pairs := [][2]string{
		{"service", plain(d.Service.Name) + " (" + plain(d.Service.ID) + ")"},
		{"releases", plain(strings.Join(d.Scopes, ", "))},
	}
	if slices.ContainsFunc(d.Scopes, func(s string) bool { return device.Scope(s).OfOperators() }) {
		pairs = append(pairs, [2]string{"operates", "the login server itself: everybody's phones and records"})
	}
	if r := d.Requester; r != nil {
		by := ""
		if r.ByService {
			by = ", says the service"
		}
		pairs = append(pairs, [2]string{"browser", plain(r.UserAgent) + " at " + plain(r.IP) + by})
		if r.FirstSeen {
			pairs = append(pairs, [2]string{"", "this browser has not been seen before"})
		}
	}
	if o := d.Operation; o != nil {
		pairs = append(pairs, [2]string{"approves", plain(o.Name)})
		if len(o.Form) > 0 {
			for _, line := range formLines(o.Form) {
				pairs = append(pairs, [2]string{"", line})
			}
		}
		pairs = append(pairs, [2]string{"data", plain(o.Data)})
	}
	for _, p := range pairs {
		if p[1] != "" {
			fmt.Fprintf(env.Stdout, "  %-10s%s\n", p[0], p[1])
		}
	}
	_, err := fmt.Fprintln(env.Stdout)
	return err
}

// plain is a text of the other side made harmless: what a terminal would obey
// instead of showing, or would show in another order, is replaced.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
