package localca

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	keyFile  = "ca.key"   // PKCS #8, PEM
	certFile = "ca.crt"   // PEM
	leafFile = "leaf.pem" // certificate and key, PEM

	keyType, certType = "PRIVATE KEY", "CERTIFICATE"

	// maxFile bounds what is read of a file; ours have about 1 KiB.
	maxFile = 64 << 10
)

// folder makes the folder, or sees that it is the owner's alone.
func (a *Authority) folder() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(a.dir)
	if err != nil {
		return err
	}
	return tight(a.dir, info)
}

// tight refuses what others than the owner may read or change.
func tight(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: %s (mode %04o)", ErrLoose, path, info.Mode().Perm())
	}
	return nil
}

// load reads the authority. Without a certificate there is none, whatever else
// is left of an attempt to make one: nobody can trust it yet.
func (a *Authority) load() error {
	text, err := os.ReadFile(a.CertFile())
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != certType {
		return fmt.Errorf("%w: %s", ErrBroken, a.CertFile())
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !cert.IsCA {
		return fmt.Errorf("%w: %s", ErrBroken, a.CertFile())
	}
	if text, err = a.readPrivate(keyFile); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: no %s", ErrBroken, a.KeyFile())
	} else if err != nil {
		return err
	}
	key, err := parseKey(text)
	if err != nil || !key.PublicKey.Equal(cert.PublicKey) {
		return fmt.Errorf("%w: %s is not the key of %s", ErrBroken, a.KeyFile(), a.CertFile())
	}
	a.cert, a.key = cert, key
	return nil
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyType {
		return nil, ErrBroken
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, ErrBroken
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, ErrBroken
	}
	return key, nil
}

// save writes the authority, the certificate last: see load.
func (a *Authority) save() error {
	secret, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("localca: save: %w", err)
	}
	if err := os.Remove(a.CertFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := a.write(keyFile, pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: secret}), 0o600); err != nil {
		return err
	}
	return a.write(certFile, pem.EncodeToMemory(&pem.Block{Type: certType, Bytes: a.cert.Raw}), 0o644)
}

// readPrivate reads a file that holds a key. One that others may read is
// refused: its key may be somebody else's by now.
func (a *Authority) readPrivate(name string) ([]byte, error) {
	path := filepath.Join(a.dir, name)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := tight(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// write puts a file in the place of an older one in one step, as a new file, so
// that one that others hold open is not written to.
func (a *Authority) write(name string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(a.dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(a.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
