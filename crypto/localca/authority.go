package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

const (
	// Lifetime is how long an authority lives: long enough to trust it once per
	// phone, short enough to be forgotten.
	Lifetime = 2 * 365 * 24 * time.Hour
	// LeafLifetime is how long a server's certificate lives. Phones refuse more
	// than 825 days.
	LeafLifetime = 90 * 24 * time.Hour
	// margin is how long before its end a certificate is made anew.
	margin = 7 * 24 * time.Hour
	// backdated lets a phone whose clock is slow in.
	backdated = 24 * time.Hour
)

// The errors of this room.
var (
	// ErrLoose says that others than the owner may read or change a file.
	ErrLoose = errors.New("localca: others may read or change it")
	// ErrBroken says that a file is not what Open wrote, or is missing.
	ErrBroken = errors.New("localca: not the files of an authority")
	// ErrAddress says that the authority may not vouch for an address.
	ErrAddress = errors.New("localca: not a private address")
)

// Options say where an authority is kept. Dir is required.
type Options struct {
	// Dir is the folder of the files; it is made if it does not exist.
	Dir string
	// Host is this machine's name, which is told in the authority's name and, in
	// .local, is one of a leaf's; empty: unknown.
	Host string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// An Authority signs the certificates of this machine.
type Authority struct {
	dir, host string
	now       func() time.Time
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	made      bool
}

// Open loads the authority, or makes one where there is none or where it ends
// within a week. Errors: [ErrLoose], [ErrBroken], and those of the file system;
// they name the file.
func Open(o Options) (*Authority, error) {
	a := &Authority{dir: o.Dir, host: hostLabel(o.Host), now: o.Now}
	if a.now == nil {
		a.now = time.Now
	}
	if err := a.folder(); err != nil {
		return nil, err
	}
	err := a.load()
	if errors.Is(err, fs.ErrNotExist) || err == nil && a.now().Add(margin).After(a.cert.NotAfter) {
		err = a.make()
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Made says whether Open made the authority: no device trusts it yet.
func (a *Authority) Made() bool { return a.made }

// DER is the authority's certificate as devices import it.
func (a *Authority) DER() []byte { return a.cert.Raw }

// Expires is when the authority ends.
func (a *Authority) Expires() time.Time { return a.cert.NotAfter }

// Name is the common name, which devices list the authority by.
func (a *Authority) Name() string { return a.cert.Subject.CommonName }

// CertFile is the path of the authority's certificate, in PEM.
func (a *Authority) CertFile() string { return filepath.Join(a.dir, certFile) }

// KeyFile is the path of the authority's key: whoever reads it can be any
// private address to the devices that trust the authority.
func (a *Authority) KeyFile() string { return filepath.Join(a.dir, keyFile) }

// Fingerprint is the SHA-256 of the certificate, as devices show it: 32 bytes in
// upper-case hexadecimal with colons.
func (a *Authority) Fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// Pool trusts this authority and no other.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// make makes a new authority in the place of an older one.
func (a *Authority) make() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := a.now()
	name := "Countersign development CA"
	if a.host != "" {
		name += " (" + a.host + ")"
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, Organization: []string{"Countersign development"}},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(Lifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, // it signs leaves alone
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"localhost", "local"}, PermittedIPRanges: ipNets(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("localca: make: %w", err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("localca: make: %w", err)
	}
	a.key, a.made = key, true
	return a.save()
}

// serial is 127 random bits: positive, and within the 20 octets of RFC 5280
// §4.1.2.2.
func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}

// permitted are the networks whose addresses only mean something inside one
// machine or one local network: RFC 1918, RFC 3927, RFC 4193, RFC 4291 §2.5.6
// and the loopbacks.
func permitted() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
		"fc00::/7", "fe80::/10", "::1/128"} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func ipNets() []*net.IPNet {
	var list []*net.IPNet
	for _, p := range permitted() {
		list = append(list, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	return list
}

// Permits says whether an authority of this package may vouch for an address.
func Permits(addr netip.Addr) bool {
	for _, p := range permitted() {
		if p.Contains(addr.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// hostLabel is the first label of a machine's name if it can be one of DNS
// (RFC 1123 §2.1), in lower case; else empty.
func hostLabel(host string) string {
	label, _, _ := strings.Cut(strings.ToLower(host), ".")
	odd := strings.ContainsFunc(label, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
	if odd || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") || label == "localhost" {
		return ""
	}
	return label
}
