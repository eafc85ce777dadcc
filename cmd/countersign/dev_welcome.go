package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"countersign/crypto/localca"
)

// A branch is a line of the tree that welcome prints: a place, and what is
// there.
type branch struct{ place, what string }

// A limb is who places are for, and which.
type limb struct {
	who      string
	branches []branch
}

// welcome prints what there is and for whom, what to type next, and what to
// beware of.
func (d *development) welcome(public net.Addr) {
	out := d.env.Stdout
	fmt.Fprintln(out, d.issuer)
	writeTree(out, d.limbs())
	if d.bankSays != "" {
		fmt.Fprintf(out, "no demo bank: %s\n", d.bankSays)
	}
	if _, ok := d.hosted(); !ok {
		fmt.Fprintf(out, "no login page: no service without a secretFile lists %s in its origins\n", d.issuer)
	}
	if d.lan != nil {
		d.welcomePhone()
	} else if isTerminal(out) {
		d.showQR(d.issuer + "/authenticator")
		fmt.Fprintln(out, "the authenticator, for a second tab here; for a real phone: "+d.env.invocation()+" dev --lan")
	}
	d.typeNext()
	d.env.caution("everything is kept in memory and lost at exit (Ctrl-C)")
	if tcp, ok := public.(*net.TCPAddr); ok && d.lan == nil && !tcp.IP.IsLoopback() {
		d.env.line("warning", "whoever reaches "+public.String()+" can enrol a phone")
	}
}

// limbs are the places, by who they are for.
func (d *development) limbs() []limb {
	people := limb{who: "people"}
	if service, ok := d.hosted(); ok {
		people.branches = append(people.branches, branch{d.issuer + "/login?service=" + url.QueryEscape(service), "a login page"})
	}
	if d.bankSays == "" {
		people.branches = append(people.branches, branch{d.bankOrigin, "the demo bank: log in, approve a payment"})
	}
	people.branches = append(people.branches, branch{d.issuer + "/authenticator", "the phone: a second tab will do"})
	if d.lan != nil {
		people.branches[len(people.branches)-1].what = "the phone, once it trusts this machine"
	}
	if d.trust.listener != nil {
		people.branches = append(people.branches, branch{d.trustURL(), "how a device comes to trust this machine"})
	}
	developers := limb{who: "developers"}
	if d.inspector.listener != nil {
		developers.branches = append(developers.branches,
			branch{"http://" + d.inspector.listener.Addr().String(), "the inspector: requests, messages, signed bytes"})
	}
	for _, s := range d.cfg.Services {
		from := strings.Join(s.Origins, ", ")
		if from == "" {
			from = "no page"
		}
		developers.branches = append(developers.branches, branch{fmt.Sprintf("service %s, %q", s.ID, s.Name), "pages of " + from})
	}
	developers.branches = append(developers.branches,
		branch{d.issuer + "/.well-known/openid-configuration", "discovery"},
		branch{d.issuer + "/.well-known/jwks.json", "the keys that tokens are verified with"},
		branch{d.issuer + "/openapi.yaml", "the HTTP contract"})
	limbs := []limb{people, developers}
	if d.ops.listener != nil {
		ops := "http://" + d.ops.listener.Addr().String()
		limbs = append(limbs, limb{who: "operators", branches: []branch{{ops + "/readyz", "/livez too"}, {ops + "/metrics", "for Prometheus"}}})
	}
	return limbs
}

// hosted is the service that the server's own login page can be tried with: the
// first whose sessions a page of the issuer may start.
func (d *development) hosted() (service string, ok bool) {
	for _, s := range d.cfg.Services {
		if s.SecretFile == "" && slices.Contains(s.Origins, d.issuer) {
			return s.ID, true
		}
	}
	return "", false
}

// writeTree draws the limbs, with what is at each place in a column.
func writeTree(w io.Writer, limbs []limb) {
	wide := 0
	for _, l := range limbs {
		for _, b := range l.branches {
			wide = max(wide, len(b.place))
		}
	}
	for i, l := range limbs {
		fork, stem := "├── ", "│   "
		if i == len(limbs)-1 {
			fork, stem = "└── ", "    "
		}
		fmt.Fprintln(w, fork+l.who)
		for j, b := range l.branches {
			fork := "├── "
			if j == len(l.branches)-1 {
				fork = "└── "
			}
			fmt.Fprintf(w, "%s%s%-*s  %s\n", stem, fork, wide, b.place, b.what)
		}
	}
}

// trustURL is plain http: see trustPage.
func (d *development) trustURL() string {
	return baseURL("http", d.lan.address.String(), d.trust.port()) + "/"
}

// welcomePhone leads a real phone in.
func (d *development) welcomePhone() {
	out, ca := d.env.Stdout, d.lan.ca
	if d.trust.listener != nil {
		fmt.Fprintf(out, "\nstep 1, once for each phone: trust this machine, at %s\n", d.trustURL())
		d.showQR(d.trustURL())
	}
	fmt.Fprintf(out, "compare the SHA-256 that the phone shows of %q, good until %s:\n", ca.Name(), ca.Expires().UTC().Format("2006-01-02"))
	for line := range printLines(ca) {
		fmt.Fprintln(out, "  "+line)
	}
	if ca.Made() {
		fmt.Fprintln(out, "this authority is new: no device trusts it yet, and what trusted an older one should forget that")
	}
	fmt.Fprintf(out, "\nstep 2: open the authenticator, at %s/authenticator\n", d.issuer)
	d.showQR(d.issuer + "/authenticator")
	for _, other := range d.lan.others {
		fmt.Fprintf(out, "this machine is %s too: choose it with --lan=%[1]s\n", other)
	}
	if tcp, ok := d.public.listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsLoopback() && !d.lan.address.IsLoopback() {
		d.env.line("warning", "no phone reaches "+tcp.String()+" unless it is forwarded there: --listen "+net.JoinHostPort(d.lan.address.String(), "8443"))
	}
	d.env.line("warning", "whoever is in this network can enrol a phone and read what the demo shows")
	d.env.line("warning", "whoever reads "+ca.KeyFile()+" can be any private address to the devices that trust it: test devices only")
}

// printLines gives the fingerprint in two lines of sixteen bytes, as far as an
// eye can follow.
func printLines(ca *localca.Authority) func(func(string) bool) {
	text := ca.Fingerprint()
	half := len(text) / 2
	return func(yield func(string) bool) {
		_ = yield(text[:half]) && yield(text[half+1:])
	}
}

// typeNext says what can be done in other terminals.
func (d *development) typeNext() {
	command, at := d.env.invocation(), ""
	if d.issuer != devIssuer {
		at = " --issuer " + d.issuer
	}
	if d.lan != nil {
		at += " --ca " + d.lan.ca.CertFile()
	}
	out := d.env.Stdout
	fmt.Fprintln(out, "\ntype next, each in a terminal of its own:")
	for _, what := range append(append([]string{"phone enroll"}, d.tries()...), "phone approve") {
		fmt.Fprintf(out, "  %s %s%s\n", command, what, at)
	}
	fmt.Fprintln(out)
}

// tries are the commands that begin something at a service that there is: a login in
// a page, and one of an OpenID Connect client.
func (d *development) tries() (out []string) {
	switch id, ok := d.hosted(); {
	case ok && id == demoService:
		out = append(out, "try")
	case ok:
		out = append(out, "try --service "+id)
	}
	for _, s := range d.cfg.Services {
		if s.SecretFile == "" && s.ClientKeysFile == "" && !s.RequireDPoP && !s.RequirePAR && slices.Contains(s.RedirectURIs, tryRedirect) {
			return append(out, "try oidc --client-id "+s.ID)
		}
	}
	return out
}

// showQR draws a URL for a camera.
func (d *development) showQR(text string) {
	if err := writeQR(d.env.Stdout, text, d.env.colourful(d.env.Stdout)); err != nil {
		d.env.line("warning", "no QR code: "+err.Error())
	}
}

// caution prints a line that must not be overlooked: yellow where there are
// colours.
func (env *environment) caution(text string) {
	if env.colourful(env.Stdout) {
		text = "\x1b[33m" + text + "\x1b[0m"
	}
	fmt.Fprintln(env.Stdout, text)
}
