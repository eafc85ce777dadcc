package localca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"
)

// Leaf gives the certificate of a server at addr, which is good for localhost,
// 127.0.0.1 and this machine's name in .local too. The one of an earlier call is
// given again, so that a page stays at the certificate it knows, unless it lacks
// one of these names or ends within a week. Errors: [ErrAddress], [ErrLoose] and
// those of the file system.
func (a *Authority) Leaf(addr netip.Addr) (tls.Certificate, error) {
	addr = addr.Unmap().WithZone("")
	if !Permits(addr) {
		return tls.Certificate{}, fmt.Errorf("%w: %s", ErrAddress, addr)
	}
	names := a.names(addr)
	text, err := a.readPrivate(leafFile)
	if err == nil {
		if pair, err := tls.X509KeyPair(text, text); err == nil && a.good(pair.Leaf, names) {
			return pair, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, err
	}
	if text, err = a.issue(addr, names); err != nil {
		return tls.Certificate{}, err
	}
	if err := a.write(leafFile, text, 0o600); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(text, text)
}

// names are what a server at addr is called.
func (a *Authority) names(addr netip.Addr) []string {
	names := []string{"localhost", "127.0.0.1"}
	if text := addr.String(); text != "127.0.0.1" {
		names = append(names, text)
	}
	if a.host != "" {
		names = append(names, a.host+".local")
	}
	return names
}

// good says whether a certificate is this authority's, good for a week more and
// for every name.
func (a *Authority) good(leaf *x509.Certificate, names []string) bool {
	for _, at := range []time.Time{a.now(), a.now().Add(margin)} {
		for _, name := range names {
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.Pool(), CurrentTime: at}); err != nil {
				return false
			}
		}
	}
	return true
}

// issue makes a certificate and its key, both in PEM.
func (a *Authority) issue(addr netip.Addr, names []string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now, end := a.now(), a.now().Add(LeafLifetime)
	if end.After(a.cert.NotAfter) {
		end = a.cert.NotAfter
	}
	template := &x509.Certificate{
		// No common name: it would be one more name to look at, and none does since RFC 9525.
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{"Countersign development"}},
		NotBefore: now.Add(-backdated), NotAfter: end, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("localca: certificate of %s: %w", addr, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("localca: certificate of %s: %w", addr, err)
	}
	return bytes.Join([][]byte{
		pem.EncodeToMemory(&pem.Block{Type: certType, Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: secret}),
	}, nil), nil
}

// ReadPool gives the authorities of a PEM file, such as [Authority.CertFile],
// for a client that shall trust these and no other. A file without any is
// [ErrBroken].
func ReadPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: no certificate in %s", ErrBroken, file)
	}
	return pool, nil
}
