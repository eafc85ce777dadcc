package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"countersign/api"
	"countersign/session"

	"github.com/spf13/cobra"
)

func newPhone(env *environment) *cobra.Command {
	cmd := group("phone", "be a phone: enrol, and approve what waits",
		newPhoneEnroll(env), newPhoneList(env), newPhoneApprove(env), newPhoneDecide(env, session.Deny), newPhoneDecide(env, session.Report),
		newPhoneDevices(env), newPhoneRename(env), newPhoneRevoke(env), newPhoneLock(env), newPhoneCode(env), newPhoneRotate(env), newPhoneOffline(env), newPhoneMethods(env), newPhonePush(env))
	cmd.Long = `A complete authenticator in the terminal, to try a server out and to see what a phone does. Its key
is in a file that only its user can read: good enough for tests, not for people's logins.`
	return cmd
}

// phoneFlags are the flags of every phone command.
type phoneFlags struct {
	env     *environment
	issuer  string
	ca      trusted
	profile string
	verbose bool
}

func newPhoneFlags(env *environment, cmd *cobra.Command) *phoneFlags {
	f := &phoneFlags{env: env}
	f.issuer = devIssuer
	cmd.Flags().Var((*issuerURL)(&f.issuer), "issuer", "the server's public `URL`")
	caFlag(cmd, &f.ca)
	cmd.Flags().StringVar(&f.profile, "profile", "default", "`NAME` of this phone, for having several")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "print the bytes that are signed")
	return f
}

// phone is the phone of a profile.
func (f *phoneFlags) phone(p profile) *api.Phone {
	phone := &api.Phone{Client: &api.Client{Issuer: f.issuer, HTTP: f.ca.client()}, Key: p.key, Token: p.TokenID, Device: p.DeviceID}
	if f.verbose {
		phone.Trace = f.env.traceSigned
	}
	return phone
}

// open is the phone that was enrolled before.
func (f *phoneFlags) open() (*api.Phone, error) {
	p, err := f.env.loadProfile(f.profile, f.issuer)
	if err != nil {
		return nil, err
	}
	return f.phone(p), nil
}

// traceSigned prints what is signed, for whoever writes a phone of their own.
func (env *environment) traceSigned(text []byte) {
	purpose, _, _ := bytes.Cut(text, []byte("\n"))
	fmt.Fprintf(env.Stderr, "----- begin signed text (%s, %d bytes) -----\n%s\n----- end signed text -----\n%s\n",
		purpose, len(text), text, hex.EncodeToString(text))
}

// parseQR takes the text of a QR code apart. A code of a server that the phone
// is not enrolled with is refused before anything is sent: it is how a login at
// one place is carried to another.
func parseQR(issuer, text string) (sessionID, scan string, err error) {
	rest, ours := strings.CutPrefix(text, issuer+"/s/")
	if !ours {
		return "", "", hint(failf("this QR code is not one of %s", issuer), "name its server with --issuer only if you enrolled there")
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	id, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !session.ID(id).WellFormed() {
		return "", "", failf("this is no QR code of a session")
	}
	if h, ok := strings.CutPrefix(fragment, "h="); ok {
		return id, "h:" + h, nil // the link that hands over on the same device
	}
	t, c := values.Get("t"), values.Get("c")
	if t == "" || c == "" {
		return id, "", nil // a link without its moving part is the session's name
	}
	return id, t + ":" + c, nil
}

// phoneHint says what to do about the answers that a phone's owner meets.
func phoneHint(err error) error {
	switch api.CodeOf(err) {
	case "unknown_device":
		return hint(err, "this phone is not enrolled for that: countersign phone enroll")
	case "invalid_scan":
		return hint(err, "the code moves every second: scan it, or copy its text, and be quick")
	case "stale_timestamp":
		return hint(err, "set this machine's clock")
	case "locked":
		return hint(err, "by too many wrong codes, or by one of your phones: wait, or ask an operator for countersign user unlock")
	case "invalid_signature":
		return hint(err, "if countersign phone rotate was cut off, run it again")
	case "device_not_found":
		return hint(err, "countersign phone devices lists them")
	case "code_unknown":
		return hint(err, "ask for a new code: each is good for one phone and ten minutes")
	}
	return err
}

// enrolled asks the server whether it still knows the phone.
func enrolled(ctx context.Context, p *api.Phone) (bool, error) {
	_, err := p.Pending(ctx)
	switch api.CodeOf(err) {
	case "unknown_device":
		return false, nil
	case "locked":
		return true, nil
	}
	return err == nil, err
}
