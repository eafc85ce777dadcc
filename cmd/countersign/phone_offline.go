package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/operation/form"

	"github.com/spf13/cobra"
)

func newPhoneOffline(env *environment) *cobra.Command {
	var agree bool
	cmd := &cobra.Command{
		Use: "offline [QRTEXT]", Short: "show a code for what a page asks, without any network", Args: cobra.MaximumNArgs(1),
		Long: `Reads the text of the QR code that a page draws for a phone without a network, from its argument or
from the input, sees that the server of this phone has signed it, shows what it asks, and, if you
agree, prints the code that you type in the page. Nothing is sent. With --agree the phone agrees with
its server on a new secret for such codes, which needs the network and ends the one before.`,
	}
	f := newPhoneFlags(env, cmd)
	cmd.Flags().BoolVar(&agree, "agree", false, "agree with the server on a secret for codes, in the place of one before")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := f.env.loadProfile(f.profile, f.issuer)
		if err != nil {
			return err
		}
		if agree {
			if err := f.agree(cmd.Context(), p); err != nil {
				return phoneHint(err)
			}
			_, err := fmt.Fprintln(env.Stdout, "agreed")
			return err
		}
		a := env.asker()
		if len(args) > 0 {
			return f.offline(cmd.Context(), p, a, args[0])
		}
		text, err := a.qrText(cmd.Context())
		if err != nil {
			return err
		}
		return f.offline(cmd.Context(), p, a, text)
	}
	return cmd
}

// agree gives the phone a secret for its codes, which its file then has.
func (f *phoneFlags) agree(ctx context.Context, p profile) error {
	a, err := f.phone(p).AgreeOffline(ctx)
	if err != nil {
		return err
	}
	p.OfflineSecret, p.OfflineSigning = base64.RawURLEncoding.EncodeToString(a.Secret), a.Signing.PEM()
	_, err = f.env.saveProfile(f.profile, p)
	return err
}

// agreeAfter agrees as the last part of what has succeeded already.
func (f *phoneFlags) agreeAfter(ctx context.Context, p profile) {
	if err := f.agree(ctx, p); err != nil {
		f.env.line("warning", "this phone has no codes for when it is offline, see countersign phone offline --agree: "+errorText(err))
	}
}

// qrText reads the lines of a text, the last of which is its signature.
func (a *asker) qrText(ctx context.Context) (string, error) {
	var lines []string
	for len(lines) < device.OfflineLines {
		line, err := a.line(ctx)
		if errors.Is(err, errNoAnswer) {
			break
		}
		if err != nil {
			return "", err
		}
		lines = append(lines, strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n"), nil
}

func (f *phoneFlags) offline(ctx context.Context, p profile, a *asker, text string) error {
	if p.OfflineSecret == "" {
		return hint(failf("this phone has no secret for codes yet"), "countersign phone offline --agree, once, with a network")
	}
	secret, err := base64.RawURLEncoding.DecodeString(p.OfflineSecret)
	if err != nil {
		return failf("the phone's file has a secret that is none")
	}
	signing, err := p256.ParsePEM(p.OfflineSigning)
	if err != nil {
		return failf("the phone's file has a signing key that is none")
	}
	text = strings.TrimSuffix(text, "\n")
	q, err := device.ReadOfflineQuestion(text, p.Issuer, signing, time.Now())
	if err != nil {
		return offlineTrouble(err, p.Issuer)
	}
	if err := f.env.showOffline(q); err != nil {
		return err
	}
	if agreed, err := a.agree(ctx, "show the code that approves this?"); err != nil || !agreed {
		return errors.Join(err, failf("no code was shown: nothing is approved"))
	}
	code := device.OfflineCode(secret, text)
	_, err = fmt.Fprintf(f.env.Stdout, "%s %s\n", code[:len(code)/2], code[len(code)/2:])
	return err
}

// offlineTrouble says in plain words why a text is not answered.
func offlineTrouble(err error, issuer string) error {
	switch {
	case errors.Is(err, device.ErrOfflineForeign):
		return hint(failf("this QR code is not one of %s", issuer), "name its server with --issuer only if you enrolled there")
	case errors.Is(err, device.ErrOfflineForged):
		return hint(failf("this QR code was not signed by %s", issuer), "do not trust the page that shows it; if you do, countersign phone offline --agree")
	case errors.Is(err, device.ErrOfflineExpired):
		return hint(failf("this QR code has expired"), "begin again in the page, or set this machine's clock")
	}
	return hint(failf("this is no QR code for a phone without a network"), "give all %d lines of its text", device.OfflineLines)
}

// showOffline prints what is asked. There is no browser to tell of: nobody but the
// user knows whose page it is.
func (env *environment) showOffline(q device.OfflineQuestion) error {
	pairs := [][2]string{
		{"server", plain(q.Issuer)},
		{"service", plain(q.ServiceName) + " (" + plain(q.Service) + ")"},
		{"approves", plain(q.Name)},
		{"", plain(q.Title)},
	}
	if d, err := form.ParseData(q.Data); err == nil {
		for _, line := range dataLines(d) {
			pairs = append(pairs, [2]string{"", line})
		}
	}
	pairs = append(pairs, [2]string{"data", plain(q.Data)}, [2]string{"until", q.ExpiresAt.UTC().Format(time.RFC3339)})
	fmt.Fprintln(env.Stdout)
	for _, p := range pairs {
		if p[1] != "" {
			fmt.Fprintf(env.Stdout, "  %-10s%s\n", p[0], p[1])
		}
	}
	_, err := fmt.Fprintln(env.Stdout)
	return err
}

// dataLines writes structured data for a terminal.
func dataLines(d form.Data) (lines []string) {
	for _, f := range d.Fields {
		switch f.Kind {
		case form.FieldAmount:
			lines = append(lines, textLines("Amount: ", f.Amount.String())...)
		case form.FieldIBAN:
			lines = append(lines, textLines("IBAN: ", f.IBAN+prefixed(", BIC ", f.BIC))...)
		case form.FieldAccount:
			lines = append(lines, textLines("Account: ", f.Account)...)
		case form.FieldDate:
			lines = append(lines, textLines("Date: ", f.Date)...)
		case form.FieldReference:
			lines = append(lines, textLines("Reference: ", f.Text)...)
		case form.FieldNote:
			lines = append(lines, textLines("Note: ", f.Text)...)
		case form.FieldText:
			lines = append(lines, textLines("Text: ", f.Text)...)
		case form.FieldEmpty:
		}
	}
	return lines
}
