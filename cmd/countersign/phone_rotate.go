package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"countersign/api"
	"countersign/crypto/p256"

	"github.com/spf13/cobra"
)

func newPhoneRotate(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: "give this phone another key", Args: cobra.NoArgs,
		Long: `Makes another key and puts it in the place of the phone's present one, which can never be enrolled
again. Run it again if it was cut off: both keys are kept until the server has said which counts.`,
	}
	f := newPhoneFlags(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.rotate(cmd.Context()) }
	return cmd
}

func (f *phoneFlags) rotate(ctx context.Context) error {
	p, err := f.env.loadProfile(f.profile, f.issuer)
	if err != nil {
		return err
	}
	taken, err := f.finishRotation(ctx, &p)
	if err != nil {
		return err
	}
	if !taken {
		if err := f.beginRotation(ctx, &p); err != nil {
			return err
		}
	}
	p.OfflineSecret, p.OfflineSigning = "", "" // it ended with the old key
	path, err := f.env.saveProfile(f.profile, p)
	if err != nil {
		return err
	}
	f.agreeAfter(ctx, p)
	fmt.Fprintln(f.env.Stdout, "rotated")
	return writePairs(f.env.Stdout, [2]string{"deviceId", p.DeviceID}, [2]string{"thumbprint", p.key.Public().Thumbprint()}, [2]string{"key", path})
}

// finishRotation looks whether the server took the new key of a rotation that was
// cut off.
func (f *phoneFlags) finishRotation(ctx context.Context, p *profile) (taken bool, err error) {
	if p.NewKey == "" {
		return false, nil
	}
	next, err := p256.ParsePrivatePEM(p.NewKey)
	if err != nil {
		return false, failf("the phone's file has a new key that is none")
	}
	with := f.phone(*p)
	with.Key = next
	switch _, err := with.Pending(ctx); api.CodeOf(err) {
	case "", "locked":
		if err != nil && api.CodeOf(err) == "" {
			return false, err
		}
		p.key, p.NewKey = next, ""
		return true, nil
	case "invalid_signature": // it did not
		return false, nil
	default:
		return false, phoneHint(err)
	}
}

// beginRotation asks for another key, which is in the phone's file before the
// server hears of it: whatever happens, one of the two is the phone's.
func (f *phoneFlags) beginRotation(ctx context.Context, p *profile) error {
	next, err := p256.GenerateKey()
	if err != nil {
		return err
	}
	p.NewKey = next.MarshalPEM()
	if _, err := f.env.saveProfile(f.profile, *p); err != nil {
		return err
	}
	_, err = f.phone(*p).Rotate(ctx, next)
	var problem *api.Problem
	switch {
	case err == nil:
		p.key, p.NewKey = next, ""
		return nil
	case errors.As(err, &problem) && problem.Status < http.StatusInternalServerError:
		p.NewKey = ""
		_, saved := f.env.saveProfile(f.profile, *p)
		return errors.Join(phoneHint(err), saved)
	}
	return hint(err, "whether the key was changed is not known: run countersign phone rotate again")
}
