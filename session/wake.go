package session

import (
	"context"
	"slices"

	"countersign/device"
)

// Wakes gives the phones that are to be woken for a session: those that can be, and
// that POST /auth/pending would tell of it at this moment. So nobody is woken for a
// decoy, by a lock, or once the session is decided.
func (svc *Service) Wakes(ctx context.Context, s Session) ([]device.Device, error) {
	token := s.Asked.Canonical()
	i, err := svc.Devices.Store.Identity(ctx, token)
	if err != nil {
		return nil, err
	}
	devices := i.Subscribers()
	if len(devices) == 0 {
		return nil, nil
	}
	phones := make([]Phone, len(devices))
	for k, d := range devices {
		phones[k] = Phone{Token: token, Device: d.ID}
	}
	called, err := svc.Calls(ctx, phones)
	if err != nil {
		return nil, err
	}
	var out []device.Device
	for k, d := range devices {
		waits := slices.ContainsFunc(called[k].Waiting, func(w Waiting) bool { return w.Session.ID == s.ID })
		if called[k].Err == nil && waits {
			out = append(out, d)
		}
	}
	return out, nil
}
