package store

import (
	"encoding/binary"
	"time"

	"countersign/crypto/keyring"
)

// A sealed record begins with the moment of its end, which is authenticated
// with it; 0 is none.
const endSize = 8

// seal makes bytes that only count under this key name, as this version, until
// end. Redis and whoever writes to it can neither read nor alter them, nor give
// them to another key.
func seal(m *keyring.Master, key string, version uint64, end time.Time, plain []byte) []byte {
	sealed := m.Seal(keyring.Record, additional(key, version, millis(end)), plain)
	out := binary.BigEndian.AppendUint64(make([]byte, 0, endSize+len(sealed)), uint64(millis(end)))
	return append(out, sealed...)
}

// open takes sealed bytes apart again. What does not authenticate, or whose end
// has passed, is [keyring.ErrOpen]; id is the master secret it was sealed under.
func open(m *keyring.Master, key string, version uint64, now time.Time, b []byte) (plain []byte, id keyring.SecretID, err error) {
	if len(b) < endSize {
		return nil, 0, keyring.ErrOpen
	}
	end := int64(binary.BigEndian.Uint64(b))
	plain, id, err = m.Open(keyring.Record, additional(key, version, end), b[endSize:])
	if err != nil {
		return nil, 0, err
	}
	if end != 0 && now.UnixMilli() >= end {
		return nil, 0, errEnded
	}
	return plain, id, nil
}

func additional(key string, version uint64, end int64) []byte {
	b := make([]byte, 0, len(key)+1+2*endSize)
	b = append(append(b, key...), 0)
	b = binary.BigEndian.AppendUint64(b, version)
	return binary.BigEndian.AppendUint64(b, uint64(end))
}
