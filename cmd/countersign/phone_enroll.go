package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"countersign/crypto/p256"
	"countersign/device"

	"github.com/spf13/cobra"
)

func newPhoneEnroll(env *environment) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "enroll [CODE]", Short: "make a key and enrol it", Args: cobra.MaximumNArgs(1),
		Long: `Makes a key, enrols it with the server and keeps it in a file of yours. CODE is an enrolment code,
as "countersign user code" makes them; without one the server must let everybody enrol, as
"countersign dev" does, and makes a new identity.`,
	}
	f := newPhoneFlags(env, cmd)
	cmd.Flags().StringVar(&name, "name", "terminal", "what the identity's owner shall see this `PHONE` as")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		code := ""
		if len(args) > 0 {
			code = args[0]
		}
		return f.enrol(cmd.Context(), code, name)
	}
	return cmd
}

func (f *phoneFlags) enrol(ctx context.Context, code, name string) error {
	if err := f.mayEnrol(ctx); err != nil {
		return err
	}
	key, err := p256.GenerateKey()
	if err != nil {
		return err
	}
	p := profile{Issuer: f.issuer, key: key}
	phone := f.phone(p)
	if c, ok := device.ParseEnrolmentCode(code); ok {
		code = string(c) // as it is signed: upper case
	}
	answer, err := phone.Enrol(ctx, code, name, runtime.GOOS)
	if err != nil {
		return phoneHint(err)
	}
	p.TokenID, p.DeviceID = answer.TokenID, answer.DeviceID
	path, err := f.env.saveProfile(f.profile, p)
	if err != nil {
		return err
	}
	f.agreeAfter(ctx, p)
	fmt.Fprintln(f.env.Stdout, "enrolled")
	return writePairs(f.env.Stdout, [2]string{"tokenId", p.TokenID}, [2]string{"deviceId", p.DeviceID}, [2]string{"key", path})
}

// mayEnrol keeps an enrolled phone from being thrown away by mistake. One that
// its server has forgotten, as dev does at each exit, is no loss.
func (f *phoneFlags) mayEnrol(ctx context.Context) error {
	p, err := f.env.loadProfile(f.profile, f.issuer)
	if errors.Is(err, errNoProfile) {
		return nil
	}
	if err != nil {
		return err
	}
	known, err := enrolled(ctx, f.phone(p))
	if err != nil {
		return err
	}
	if known {
		return hint(failf("this phone is enrolled already, as %s", p.TokenID), "choose another name with --profile")
	}
	return nil
}
