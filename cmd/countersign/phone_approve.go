package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign/api"
	"countersign/session"

	"github.com/spf13/cobra"
)

func newPhoneApprove(env *environment) *cobra.Command {
	a := &approval{env: env, asker: env.asker()}
	var auto bool
	cmd := &cobra.Command{
		Use: "approve [SESSION|QRTEXT]", Short: "approve a session", Args: cobra.MaximumNArgs(1),
		Long: `Opens a session on this phone, shows what is asked, and approves it with the code that the browser
shows. Without an argument it is the session that waits; a login that names nobody is opened with
the text of its QR code, which is good for a few seconds. The link that a page shows to hand over
on the same device works too; the browser has to come back with what is then printed.`,
		Example: "  countersign phone approve\n  countersign phone approve --code 482913 --yes\n  countersign phone approve --auto < codes",
	}
	f := newPhoneFlags(env, cmd)
	cmd.Flags().StringVar(&a.code, "code", "", "the `CODE` that the browser shows; - reads it from the input without asking")
	cmd.Flags().StringVar(&a.scan, "scan", "", "the `TEXT` of the QR code")
	cmd.Flags().StringSliceVar(&a.scopes, "scopes", nil, "release only these `SCOPES` of those asked for")
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask whether to approve")
	cmd.Flags().BoolVar(&auto, "auto", false, "approve whatever comes, until stopped; each code is a line of the input")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		a.narrow = cmd.Flags().Changed("scopes")
		if a.phone, err = f.open(); err != nil {
			return err
		}
		if auto {
			return a.auto(cmd.Context())
		}
		text := a.scan
		if len(args) > 0 {
			text = args[0]
		}
		t, err := chooseTarget(cmd.Context(), a.phone, a.asker, text)
		if err != nil {
			return err
		}
		return a.one(cmd.Context(), t)
	}
	return cmd
}

// An approval is one run of phone approve.
type approval struct {
	env    *environment
	asker  *asker
	phone  *api.Phone
	code   string
	scan   string
	scopes []string
	narrow bool // scopes were given, be it none
	yes    bool
}

// errNotApproved: the user did not go on. The session waits for another answer.
var errNotApproved = errors.New("not approved: the session still waits")

// one opens a session, shows it and approves it.
func (a *approval) one(ctx context.Context, t target) error {
	if t.mode == string(session.Scan) && t.scan == "" {
		return hint(failf("this session is opened by its QR code alone"), "countersign phone approve --scan 'TEXT OF THE CODE'")
	}
	claimed, d, err := a.env.claim(ctx, a.phone, t)
	if err != nil {
		return err
	}
	scopes := d.Scopes
	if a.narrow {
		scopes = a.scopes
		if i := slices.IndexFunc(scopes, func(s string) bool { return !slices.Contains(d.Scopes, s) }); i >= 0 {
			return hint(failf("scope %s is not asked for", scopes[i]), "of %s", strings.Join(d.Scopes, ", "))
		}
	}
	for {
		code, err := a.consent(ctx, t)
		if err != nil {
			return err
		}
		answer, err := a.phone.Verify(ctx, claimed, session.Approve, code, scopes)
		if err == nil {
			a.say(answer)
			return nil
		}
		if err = wrongCode(err); !errors.Is(err, errWrongCode) || !a.asks(t) {
			return phoneHint(err)
		}
		fmt.Fprintln(a.env.Stdout, err)
	}
}

// say tells the end, and what is still to be done when browser and phone are
// one device.
func (a *approval) say(answer api.VerifyResponse) {
	fmt.Fprintln(a.env.Stdout, "approved")
	if strings.HasPrefix(answer.ReturnURL, a.phone.Client.Issuer+"/r/") {
		fmt.Fprintf(a.env.Stdout, "now open this in the browser that began:\n%s\n", plain(answer.ReturnURL))
	}
}

// asks says whether the user types the code of t in answer to a question, and
// so may do it again.
func (a *approval) asks(t target) bool {
	return t.scan == "" && t.code == "" && (a.code == "" || a.code == "-")
}

// consent is the code to approve with, once the user wants to.
func (a *approval) consent(ctx context.Context, t target) (string, error) {
	if a.asks(t) {
		return a.typed(ctx)
	}
	code, question := strings.ReplaceAll(a.code, " ", ""), "approve?"
	switch {
	case t.scan != "":
		code = "qr:" + t.scan
	case t.code != "":
		code, question = t.code, "does the browser show "+grouped(plain(t.code))+", and shall it be approved?"
	}
	if a.yes {
		return code, nil
	}
	agreed, err := a.asker.agree(ctx, question)
	if err == nil && !agreed {
		err = errNotApproved
	}
	return code, err
}

// typed asks for the code: typing it is the consent.
func (a *approval) typed(ctx context.Context) (string, error) {
	question := "the code that the browser shows (nothing: stop): "
	if a.code == "-" {
		question = ""
	}
	code, err := a.asker.ask(ctx, question)
	if errors.Is(err, errNoAnswer) || err == nil && code == "" {
		return "", errNotApproved
	}
	return strings.ReplaceAll(code, " ", ""), err
}

// errWrongCode: the session can be approved with another code.
var errWrongCode = errors.New("wrong code")

// wrongCode puts the server's answer to a wrong code in words.
func wrongCode(err error) error {
	var p *api.Problem
	if !errors.As(err, &p) {
		return err
	}
	switch {
	case p.Code == "invalid_otp" && p.AttemptsRemaining != nil:
		return fmt.Errorf("%w, %s left", errWrongCode, tries(*p.AttemptsRemaining))
	case p.Code == "too_many_attempts":
		return failf("wrong code for the third time: the session has ended")
	}
	return err
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}
