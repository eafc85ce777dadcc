package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func newPhonePush(env *environment) *cobra.Command {
	var off bool
	cmd := &cobra.Command{
		Use: "push [FILE]", Short: "show or say where this phone is woken, for trying out a push service", Args: cobra.MaximumNArgs(1),
		Long: `Has the server wake this phone by Web Push at the subscription in FILE, "-" being standard input: what a
browser's JSON.stringify(subscription) gives, or the same of UnifiedPush. A terminal is not woken by it; whoever has the
keys of the subscription is. Without FILE it shows whether the phone is woken, and the key to subscribe with.`,
	}
	f := newPhoneFlags(env, cmd)
	cmd.Flags().BoolVar(&off, "off", false, "have the phone woken no more")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if off && len(args) > 0 {
			return failf("FILE and --off exclude each other")
		}
		phone, err := f.open()
		if err != nil {
			return err
		}
		if !off && len(args) == 0 {
			list, err := phone.ListDevices(cmd.Context())
			if err != nil {
				return phoneHint(err)
			}
			for _, d := range list.Devices {
				if d.Current {
					fmt.Fprintln(env.Stdout, "woken:", d.Push)
				}
			}
			fmt.Fprintln(env.Stdout, "key:  ", plain(list.PushKey))
			return nil
		}
		text := ""
		if !off {
			if text, err = readSubscription(env, args[0]); err != nil {
				return err
			}
		}
		answer, err := phone.Push(cmd.Context(), text)
		if err != nil {
			return phoneHint(err)
		}
		fmt.Fprintln(env.Stdout, "woken:", answer.Push)
		return nil
	}
	return cmd
}

// readSubscription reads what is hashed and signed: the text without the newline that
// ends a file.
func readSubscription(env *environment, name string) (string, error) {
	const most = 16 << 10 // of any request
	in := env.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", failf("%v", err)
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", failf("%s cannot be read", name)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", hint(failf("%s has no subscription", name), "--off has the phone woken no more")
	}
	return text, nil
}
