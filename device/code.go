package device

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// CodeLifetime is how long an enrolment code can be used, once.
const CodeLifetime = 10 * time.Minute

// An EnrolmentCode is 80 random bits and their CRC-16/ARC, as people type it:
// Base32 in four groups of five, W65WE-3T7VI-7FBS2-A4OYA.
type EnrolmentCode string

const (
	codeRandom = 10             // bytes of randomness
	codeBytes  = codeRandom + 2 // with the CRC, big-endian
	codeGroup  = 5              // characters between dashes
	codeChars  = 4 * codeGroup  // 100 bits: 96 and 4 zero pad bits
	codeLength = codeChars + 3  // with the dashes
)

// NewEnrolmentCode makes a code.
func NewEnrolmentCode() EnrolmentCode {
	var b [codeRandom]byte
	rand.Read(b[:])
	return formatCode(b)
}

func formatCode(b [codeRandom]byte) EnrolmentCode {
	full := binary.BigEndian.AppendUint16(b[:], crc16(b[:]))
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(full)
	groups := make([]string, 0, codeChars/codeGroup)
	for i := 0; i < codeChars; i += codeGroup {
		groups = append(groups, text[i:i+codeGroup])
	}
	return EnrolmentCode(strings.Join(groups, "-"))
}

// ParseEnrolmentCode takes a code typed in any case and gives it as it is sent
// and signed, upper case with dashes; ok is false when it is no code: a wrong
// check sum, another length or alphabet, pad bits that are not zero.
func ParseEnrolmentCode(s string) (code EnrolmentCode, ok bool) {
	if len(s) != codeLength {
		return "", false
	}
	s = strings.ToUpper(s)
	text := strings.ReplaceAll(s, "-", "")
	if len(text) != codeChars {
		return "", false
	}
	full, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(full) != codeBytes {
		return "", false
	}
	b := [codeRandom]byte(full[:codeRandom])
	// Formatting again catches dashes in odd places, a wrong check sum and pad
	// bits in one comparison.
	if code = formatCode(b); string(code) != s {
		return "", false
	}
	return code, true
}

// crc16 is CRC-16/ARC: polynomial 0x8005 reflected, initial value 0.
func crc16(b []byte) uint16 {
	var crc uint16
	for _, x := range b {
		crc ^= uint16(x)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xA001
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}
