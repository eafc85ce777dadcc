package localca

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

var lan = netip.MustParseAddr("192.168.1.7")

// open opens the authority in dir at a time.
func open(t *testing.T, dir string, at time.Time) *Authority {
	t.Helper()
	a, err := Open(Options{Dir: dir, Host: "Alices-Laptop.example.com", Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func leaf(t *testing.T, a *Authority, addr netip.Addr) tls.Certificate {
	t.Helper()
	pair, err := a.Leaf(addr)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "config", "ca") }

func TestLeafIsGoodForThisMachineAlone(t *testing.T) {
	now := time.Now()
	a := open(t, newDir(t), now)
	pair := leaf(t, a, lan)
	for name, want := range map[string]bool{
		"192.168.1.7": true, "127.0.0.1": true, "localhost": true, "alices-laptop.local": true,
		"192.168.1.8": false, "example.com": false, "alices-laptop.example.com": false,
	} {
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.Pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
			if good := err == nil; good != (want && usage == x509.ExtKeyUsageServerAuth) {
				t.Errorf("%s for usage %d: %v", name, usage, err)
			}
		}
	}
	if life := pair.Leaf.NotAfter.Sub(now); life > 397*24*time.Hour || life < margin {
		t.Errorf("the leaf lives for %s", life)
	}
	if a.Name() != "Countersign development CA (alices-laptop)" {
		t.Error(a.Name())
	}
	if !regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(a.Fingerprint()) {
		t.Error(a.Fingerprint())
	}
}

// A stolen key must not make certificates for other places that a device that
// honours name constraints takes.
func TestNameConstraints(t *testing.T) {
	now := time.Now()
	a := open(t, newDir(t), now)
	for _, name := range []string{"example.com", "localhost.example.com", "8.8.8.8", "192.0.2.1", "2001:db8::1"} {
		text, err := a.issue(lan, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(text, text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.Pool(), CurrentTime: now})
		var invalid x509.CertificateInvalidError
		if !errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, addr := range []string{"8.8.8.8", "192.0.2.1", "2001:db8::1", "0.0.0.0"} {
		if _, err := a.Leaf(netip.MustParseAddr(addr)); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{"10.1.2.3", "172.16.0.1", "169.254.1.1", "127.0.0.1", "::ffff:192.168.1.7", "fd00::2", "fe80::1%eth0", "::1"} {
		pair := leaf(t, a, netip.MustParseAddr(addr))
		if !a.good(pair.Leaf, []string{netip.MustParseAddr(addr).Unmap().WithZone("").String()}) {
			t.Errorf("%s is not in its own certificate", addr)
		}
	}
}

func TestAuthorityIsKept(t *testing.T) {
	dir, now := newDir(t), time.Now()
	first := open(t, dir, now)
	if !first.Made() {
		t.Error("a new authority is not said to be new")
	}
	pair := leaf(t, first, lan)
	later := open(t, dir, now.Add(LeafLifetime-2*margin))
	if later.Made() || !bytes.Equal(later.DER(), first.DER()) {
		t.Error("the authority was not kept")
	}
	if again := leaf(t, later, lan); !bytes.Equal(again.Certificate[0], pair.Certificate[0]) {
		t.Error("the leaf was not kept")
	}
	other := leaf(t, later, netip.MustParseAddr("10.0.0.9"))
	if bytes.Equal(other.Certificate[0], pair.Certificate[0]) || other.Leaf.VerifyHostname("10.0.0.9") != nil {
		t.Error("another address did not get a leaf of its own")
	}
}

func TestRenewal(t *testing.T) {
	dir, now := newDir(t), time.Now()
	first := open(t, dir, now)
	pair := leaf(t, first, lan)
	soon := now.Add(LeafLifetime - margin + time.Hour)
	renewed := leaf(t, open(t, dir, soon), lan)
	if bytes.Equal(renewed.Certificate[0], pair.Certificate[0]) || renewed.Leaf.NotAfter.Before(soon.Add(margin)) {
		t.Error("a leaf near its end was not made anew")
	}
	// Near the authority's end a leaf ends with it.
	last := now.Add(Lifetime - 2*margin)
	if l := leaf(t, open(t, dir, last), lan).Leaf; l.NotAfter.After(first.Expires()) {
		t.Errorf("a leaf until %s of an authority until %s", l.NotAfter, first.Expires())
	}
	over := now.Add(Lifetime - margin + time.Hour)
	next := open(t, dir, over)
	if !next.Made() || bytes.Equal(next.DER(), first.DER()) {
		t.Fatal("an authority near its end was not made anew")
	}
	if !next.good(leaf(t, next, lan).Leaf, []string{"192.168.1.7"}) {
		t.Error("the leaf of an authority that is no more was kept")
	}
}

func TestFilesOfTheOwnerAlone(t *testing.T) {
	dir, now := newDir(t), time.Now()
	leaf(t, open(t, dir, now), lan)
	for name, want := range map[string]os.FileMode{"": 0o700, keyFile: 0o600, leafFile: 0o600, certFile: 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
	for _, name := range []string{"", keyFile, leafFile} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, info.Mode().Perm()|0o040); err != nil {
			t.Fatal(err)
		}
		a, err := Open(Options{Dir: dir})
		if err == nil {
			_, err = a.Leaf(lan)
		}
		if !errors.Is(err, ErrLoose) {
			t.Errorf("%q that others may read: %v", name, err)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir, now)
}

func TestBrokenFilesAreNotReplaced(t *testing.T) {
	for name, breakIt := range map[string]func(dir string) error{
		"no key":        func(dir string) error { return os.Remove(filepath.Join(dir, keyFile)) },
		"garbled key":   func(dir string) error { return os.WriteFile(filepath.Join(dir, keyFile), []byte("key"), 0o600) },
		"garbled cert":  func(dir string) error { return os.WriteFile(filepath.Join(dir, certFile), []byte("cert"), 0o600) },
		"another's key": func(dir string) error { return anotherKey(t, dir) },
	} {
		dir := newDir(t)
		open(t, dir, time.Now())
		if err := breakIt(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A key without a certificate is what an interrupted first run leaves.
	dir := newDir(t)
	open(t, dir, time.Now())
	if err := os.Remove(filepath.Join(dir, certFile)); err != nil {
		t.Fatal(err)
	}
	if !open(t, dir, time.Now()).Made() {
		t.Error("no new authority was made")
	}
	// A garbled leaf is nothing that anybody trusts.
	if err := os.WriteFile(filepath.Join(dir, leafFile), []byte("leaf"), 0o600); err != nil {
		t.Fatal(err)
	}
	leaf(t, open(t, dir, time.Now()), lan)
}

func anotherKey(t *testing.T, dir string) error {
	other := newDir(t)
	open(t, other, time.Now())
	text, err := os.ReadFile(filepath.Join(other, keyFile))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, keyFile), text, 0o600)
}

// The pool of the file and the leaf work over a real connection.
func TestHandshake(t *testing.T) {
	a := open(t, newDir(t), time.Now())
	pool, err := ReadPool(a.CertFile())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPool(a.KeyFile()); !errors.Is(err, ErrBroken) {
		t.Errorf("a pool of a key: %v", err)
	}
	near, far := net.Pipe()
	server := tls.Server(near, &tls.Config{Certificates: []tls.Certificate{leaf(t, a, lan)}})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	client := tls.Client(far, &tls.Config{RootCAs: pool, ServerName: "192.168.1.7"})
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
}

func TestHostLabel(t *testing.T) {
	for host, want := range map[string]string{
		"alice": "alice", "Alice.local": "alice", "bob-2.example.com": "bob-2", "": "", "localhost": "", "büro": "", "a b": "", "-a": "", "a_b": "",
	} {
		if got := hostLabel(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
