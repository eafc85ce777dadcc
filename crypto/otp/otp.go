// Package otp makes and compares the six-digit codes that a user carries from
// the browser to the phone.
//
// A code is never drawn at random and never stored: it is derived by HMAC from
// a 32-byte key, the id of the session and the number of the period, in the
// manner of RFC 4226 (HOTP) and RFC 6238 (TOTP). So every node that holds the
// key knows every code, and nothing that has to be kept holds one.
//
// The package knows neither sessions nor clocks. How many wrong codes are
// allowed, and which periods are still right, is its caller's business.
//
// A [Code] is a secret for as long as its session is pending: it belongs in no
// log and no error.
package otp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strconv"
)

// digits is the length of a code: RFC 4226 §4 R4 asks for six or more.
const digits = 6

// Code is a one-time code, exactly six ASCII digits. [Derive] and [Parse] make
// good ones; the zero value is no code and equals only itself.
type Code string

// Derive returns the code that key gives to id in the given period.
//
// It is HMAC-SHA256(key, "countersign-otp-v1\n" + id + "\n" + period in decimal),
// its first 64 bits taken modulo one million. No code is likelier than another
// by more than one part in 10¹³, because 2⁶⁴ is so much larger than 10⁶; the 31
// bits of RFC 4226 §5.3 would show a bias of one part in two thousand. The
// period is the text's last line and holds no newline, so two different pairs of
// id and period never give the same text.
func Derive(key []byte, id string, period int64) Code {
	mac := hmac.New(sha256.New, key)
	text := make([]byte, 0, 128)
	text = append(text, "countersign-otp-v1\n"...)
	text = append(text, id...)
	text = append(text, '\n')
	text = strconv.AppendInt(text, period, 10)
	mac.Write(text)
	var sum [sha256.Size]byte
	n := binary.BigEndian.Uint64(mac.Sum(sum[:0])) % 1_000_000
	return Code(fmt.Sprintf("%06d", n))
}

// Parse takes s as a code and reports whether it is one: exactly six ASCII
// digits. White space, signs and the digits of other scripts are refused.
func Parse(s string) (Code, bool) {
	if len(s) != digits {
		return "", false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return Code(s), true
}

// Equal reports whether c and o are the same code, in a time that does not
// depend on their digits.
func (c Code) Equal(o Code) bool {
	return subtle.ConstantTimeCompare([]byte(c), []byte(o)) == 1
}

// MaskLast2 returns the code with its last two digits starred, "482913" as
// "4829**", for pages that show only part of it. What is no code is starred
// whole.
func (c Code) MaskLast2() string {
	if len(c) != digits {
		return "******"
	}
	return string(c[:digits-2]) + "**"
}
