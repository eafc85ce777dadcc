package main

import (
	"github.com/spf13/cobra"
)

func newPhoneDevices(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "devices", Short: "list the phones of this phone's identity", Args: cobra.NoArgs}
	f := newPhoneFlags(env, cmd)
	jsonFlag(cmd, &asJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		phone, err := f.open()
		if err != nil {
			return err
		}
		list, err := phone.ListDevices(cmd.Context())
		if err != nil {
			return phoneHint(err)
		}
		if asJSON {
			return writeJSON(env.Stdout, list)
		}
		var rows [][]string
		for _, d := range list.Devices {
			this := ""
			if d.Current {
				this = "this one"
			}
			rows = append(rows, []string{plain(d.DeviceID), plain(d.DeviceName), plain(d.Platform), plain(d.CreatedAt), this})
		}
		return writeTable(env.Stdout, []string{"DEVICEID", "NAME", "PLATFORM", "CREATED", ""}, rows)
	}
	return cmd
}
