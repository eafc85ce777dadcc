package p256_test

import (
	"fmt"

	"countersign/crypto/p256"
)

// A phone signs a text, the server checks it.
func Example() {
	phone, err := p256.GenerateKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	text := []byte("countersign-device-list-v1\nhttps://login.example.com\n…")
	overTheWire := phone.Sign(text).String()

	key, err := p256.ParsePEM(phone.Public().PEM())
	if err != nil {
		fmt.Println(err)
		return
	}
	sig, err := p256.DecodeSignature(overTheWire)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.Verify(text, sig), key.Verify([]byte("another text"), sig))
	// Output: true false
}

func ExamplePublicKey_Thumbprint() {
	key, err := p256.ParseJWK("EC", "P-256",
		"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
		"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM")
	fmt.Println(key.Thumbprint(), err)
	// Output: cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s <nil>
}
