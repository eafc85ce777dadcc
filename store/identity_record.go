package store

import (
	"encoding/json"
	"maps"
	"slices"

	"countersign/crypto/p256"
	"countersign/device"
)

// The versions of the layout below. What has no lock, nothing switched off and no
// phone that works without a network or can be woken is written as the first, so that
// nodes of before read it.
const (
	identitySchema       = 1
	identitySchemaLocked = 2 // goes on with LockedUntil
	identitySchemaPages  = 3 // and then Off, and Offline of each device
	identitySchemaPush   = 4 // and then Push of each device
)

func encodeIdentity(i device.Identity) []byte {
	schema := uint64(identitySchema)
	if !i.LockedUntil.IsZero() {
		schema = identitySchemaLocked
	}
	if len(i.Off) > 0 || slices.ContainsFunc(i.Devices, func(d device.Device) bool { return d.Offline != nil }) {
		schema = identitySchemaPages
	}
	if slices.ContainsFunc(i.Devices, func(d device.Device) bool { return d.Push != (device.Subscription{}) }) {
		schema = identitySchemaPush
	}
	w := &writer{}
	w.uint(schema)
	w.uint(uint64(i.Status))
	w.time(i.CreatedAt)
	encodeClaims(w, i.Claims)
	w.count(len(i.Devices))
	for _, d := range i.Devices {
		w.string(string(d.ID))
		w.bytes(d.Key.Point())
		w.string(d.Name)
		w.string(d.Platform)
		w.time(d.CreatedAt)
		w.bool(d.Revoked)
		w.bool(d.UsedV1)
	}
	if schema >= identitySchemaLocked {
		w.time(i.LockedUntil)
	}
	if schema >= identitySchemaPages {
		w.strings(i.Off)
		for _, d := range i.Devices {
			w.bytes(d.Offline)
		}
	}
	if schema >= identitySchemaPush {
		for _, d := range i.Devices {
			w.string(d.Push.Endpoint)
			w.string(d.Push.P256DH)
			w.string(d.Push.Auth)
		}
	}
	return w.b
}

// decodeIdentity is the inverse of encodeIdentity. Keys come from the cache of
// those parsed before.
func decodeIdentity(b []byte, points *p256.Cache) (i device.Identity, err error) {
	r := &reader{b: b}
	schema := r.uint()
	if schema < identitySchema || schema > identitySchemaPush {
		return i, errRecord
	}
	i.Status = device.Status(r.uint())
	i.CreatedAt = r.time()
	i.Claims = decodeClaims(r)
	for range r.count() {
		d := device.Device{ID: device.ID(r.string())}
		if d.Key, err = points.ParsePoint(r.bytes()); err != nil {
			return i, errRecord
		}
		d.Name, d.Platform, d.CreatedAt = r.string(), r.string(), r.time()
		d.Revoked, d.UsedV1 = r.bool(), r.bool()
		i.Devices = append(i.Devices, d)
	}
	if schema >= identitySchemaLocked {
		i.LockedUntil = r.time()
	}
	if schema >= identitySchemaPages {
		i.Off = readStrings[string](r)
		for k := range i.Devices {
			if b := r.bytes(); len(b) > 0 {
				i.Devices[k].Offline = b
			}
		}
	}
	if schema >= identitySchemaPush {
		for k := range i.Devices {
			i.Devices[k].Push = device.Subscription{Endpoint: r.string(), P256DH: r.string(), Auth: r.string()}
		}
	}
	return i, r.end()
}

func encodeClaims(w *writer, c device.Claims) {
	w.count(len(c))
	for _, name := range slices.Sorted(maps.Keys(c)) {
		w.string(name)
		w.bytes(c[name])
	}
}

func decodeClaims(r *reader) device.Claims {
	n := r.count()
	if n == 0 {
		return nil
	}
	c := make(device.Claims, n)
	for range n {
		name := r.string()
		c[name] = json.RawMessage(r.bytes())
	}
	return c
}
