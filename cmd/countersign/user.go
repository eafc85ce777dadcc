package main

import (
	"encoding/json"

	"countersign/device"

	"github.com/spf13/cobra"
)

func newUser(env *environment) *cobra.Command {
	return group("user", "add, show and revoke identities",
		newUserAdd(env), newUserList(env), newUserShow(env), newUserCode(env), newUserLock(env), newUserUnlock(env), newUserPasskeys(env), newUserRevoke(env), newUserMethods(env), newUserConsents(env))
}

// A userView is an identity as the commands print it. Claims are personal: only
// `user show` fills them in.
type userView struct {
	TokenID   string        `json:"tokenId"`
	Status    string        `json:"status"`
	Locked    string        `json:"lockedUntil,omitempty"` // by one of the identity's phones
	CreatedAt string        `json:"createdAt"`
	Claims    device.Claims `json:"claims,omitempty"`
	Devices   []deviceView  `json:"devices"`
}

// A deviceView is a device as the commands print it.
type deviceView struct {
	DeviceID   string `json:"deviceId"`
	Name       string `json:"name"`
	Platform   string `json:"platform"`
	Status     string `json:"status"` // active, revoked
	CreatedAt  string `json:"createdAt"`
	Thumbprint string `json:"thumbprint"` // RFC 7638, of its key
}

func viewUser(i device.Identity) userView {
	v := userView{TokenID: string(i.ID), Status: i.Status.String(), Locked: timestamp(i.LockedUntil), CreatedAt: timestamp(i.CreatedAt), Devices: []deviceView{}}
	for _, d := range i.Devices {
		status := device.Active
		if d.Revoked {
			status = device.Revoked
		}
		v.Devices = append(v.Devices, deviceView{DeviceID: string(d.ID), Name: d.Name, Platform: d.Platform,
			Status: status.String(), CreatedAt: timestamp(d.CreatedAt), Thumbprint: d.Key.Thumbprint()})
	}
	return v
}

// claimText is a claim's value for people: a text without its quotes.
func claimText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
