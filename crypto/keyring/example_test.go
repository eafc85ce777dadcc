package keyring_test

import (
	"fmt"
	"time"

	"countersign/crypto/keyring"

	"github.com/golang-jwt/jwt/v5"
)

// A master secret is replaced while what the old one made stays good.
func ExampleParseMaster() {
	const first, second = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="
	before, err := keyring.ParseMaster([]byte(first + "\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	token := before.WSToken(before.First(), "sess_AAECAwQFBgcICQoLDA0ODw")

	after, err := keyring.ParseMaster([]byte(second + "\n" + first + "\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	id, ok := after.CheckWSToken("sess_AAECAwQFBgcICQoLDA0ODw", token)
	fmt.Println(after, ok, id == after.First())
	// Output: keyring.Master(2 secrets) true false
}

// A token is signed by a ring and verified by whoever has its key set.
func ExampleRing() {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	key, err := keyring.NewKey(now, now)
	if err != nil {
		fmt.Println(err)
		return
	}
	ring, _, err := keyring.NewRing(key).Rotate(now, 10*time.Minute, 25*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	active, _ := ring.Active(now)
	token, err := active.Sign("countersign+jwt", jwt.MapClaims{
		"iss": "https://login.example.com", "aud": "acme-bank", "sub": "alice",
		"exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	set, err := keyring.ParseJWKS(ring.JWKS(now))
	if err != nil {
		fmt.Println(err)
		return
	}
	claims := jwt.MapClaims{}
	err = set.Verify(token, "countersign+jwt", "https://login.example.com", "acme-bank", now, claims)
	fmt.Println(set.Len(), claims["sub"], err)
	err = set.Verify(token, "at+jwt", "https://login.example.com", "acme-bank", now, jwt.MapClaims{})
	fmt.Println(err)
	// Output:
	// 2 alice <nil>
	// keyring: invalid token: wrong typ
}
