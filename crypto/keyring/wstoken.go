package keyring

import (
	"crypto/subtle"
	"encoding/base64"
)

// wsTokenSize is the length of a wsToken: 32 bytes in base64url without padding.
const wsTokenSize = 43

// WSToken returns the token that gives the right to watch a session: the
// [Master.MAC] of the session's id for purpose WSToken, 43 base64url characters.
// Every node can make it, and tell it from a wrong one without a look into the
// store. An unknown secret gives "", which no check accepts.
func (m *Master) WSToken(id SecretID, sessionID string) string {
	s := m.find(id)
	if s == nil {
		return ""
	}
	token := s.wsToken(sessionID)
	return string(token[:])
}

// CheckWSToken reports whether token is the session's under any of the secrets,
// and which. It always tries all of them, each in constant time.
func (m *Master) CheckWSToken(sessionID, token string) (SecretID, bool) {
	if len(token) != wsTokenSize {
		return 0, false
	}
	given := [wsTokenSize]byte([]byte(token))
	var found SecretID
	for _, s := range m.secrets {
		want := s.wsToken(sessionID)
		if subtle.ConstantTimeCompare(want[:], given[:]) == 1 {
			found = s.id
		}
	}
	return found, found != 0
}

func (s *secret) wsToken(sessionID string) (token [wsTokenSize]byte) {
	sum := s.mac(WSToken, []byte(sessionID))
	base64.RawURLEncoding.Encode(token[:], sum[:])
	return token
}
