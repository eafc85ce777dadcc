package store

import (
	"encoding/json"
	"maps"
	"slices"

	"countersign/crypto/p256"
	"countersign/device"
)

// The versions of the layout below. What has no lock is written as the first, so
// that nodes of before read it.
const (
	identitySchema       = 1
	identitySchemaLocked = 2 // ends with LockedUntil
)

func encodeIdentity(i device.Identity) []byte {
	schema := uint64(identitySchema)
	if !i.LockedUntil.IsZero() {
		schema = identitySchemaLocked
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
	if schema == identitySchemaLocked {
		w.time(i.LockedUntil)
	}
	return w.b
}

// decodeIdentity is the inverse of encodeIdentity. Keys come from the cache of
// those parsed before.
func decodeIdentity(b []byte, points *p256.Cache) (i device.Identity, err error) {
	r := &reader{b: b}
	schema := r.uint()
	if schema != identitySchema && schema != identitySchemaLocked {
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
	if schema == identitySchemaLocked {
		i.LockedUntil = r.time()
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
