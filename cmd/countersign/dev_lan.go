package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"countersign/crypto/localca"
)

// lanAuto is --lan without an address.
const lanAuto = "auto"

// lan is what dev needs to serve the phones of a local network.
type lan struct {
	address netip.Addr
	others  []netip.Addr // that this machine has too
	ca      *localca.Authority
	leaf    tls.Certificate
}

// newLAN chooses the address, and loads or makes the certificates.
func (env *environment) newLAN(text string) (*lan, error) {
	l := &lan{}
	var err error
	if l.address, l.others, err = chooseAddress(text); err != nil {
		return nil, err
	}
	dir, err := env.ConfigDir()
	if err != nil {
		return nil, hint(err, "set XDG_CONFIG_HOME or HOME")
	}
	host, err := os.Hostname()
	if err != nil {
		host = "" // it is only shown
	}
	dir = filepath.Join(dir, "countersign", "ca")
	if l.ca, err = localca.Open(localca.Options{Dir: dir, Host: host}); err != nil {
		return nil, authorityHint(err, dir)
	}
	if l.leaf, err = l.ca.Leaf(l.address); err != nil {
		return nil, authorityHint(err, dir)
	}
	return l, nil
}

// chooseAddress gives the address that text names or, for auto, the likeliest
// one of this machine, and the others.
func chooseAddress(text string) (netip.Addr, []netip.Addr, error) {
	if text != lanAuto {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return address, nil, hint(failf("--lan=%s is no IP address", text), "such as --lan=192.168.1.7; --lan alone finds one")
		}
		return address.Unmap(), nil, nil
	}
	all, err := machineAddresses()
	if err != nil {
		return netip.Addr{}, nil, err
	}
	if found := lanAddresses(all); len(found) > 0 {
		return found[0], found[1:], nil
	}
	return netip.Addr{}, nil, hint(failf("this machine has no address in a private network"), "connect it, or name its address with --lan=ADDRESS")
}

// machineAddresses are the addresses of the network interfaces that are up and
// lead to more than one other machine, in the system's order.
func machineAddresses() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, p.Addr().Unmap())
			}
		}
	}
	return all, nil
}

// lanAddresses are those of the given addresses that a phone can be sent to, the
// likeliest first: private IPv4, private IPv6, and what a network without a
// router has. Link-local IPv6 is left out, because no URL can name it.
func lanAddresses(all []netip.Addr) []netip.Addr {
	rank := func(a netip.Addr) int {
		switch {
		case a.Is4() && a.IsPrivate():
			return 0
		case a.IsPrivate():
			return 1
		}
		return 2
	}
	found := slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool {
		return a.IsLoopback() || !localca.Permits(a) || a.Is6() && a.IsLinkLocalUnicast()
	})
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return found
}

func authorityHint(err error, dir string) error {
	switch {
	case errors.Is(err, localca.ErrLoose):
		return hint(err, "chmod go= it; if somebody may have read the key, remove %s, and the authority from every device", dir)
	case errors.Is(err, localca.ErrBroken):
		return hint(err, "remove %s to have a new authority made, and the old one from every device", dir)
	case errors.Is(err, localca.ErrAddress):
		return hint(err, "the authority is for private networks (10/8, 172.16/12, 192.168/16, fc00::/7) and this machine")
	}
	return err
}

func (l *lan) tlsConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{l.leaf}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// client is how the demo bank's back end reaches the issuer: it believes this
// authority and no other.
func (l *lan) client() *http.Client { return (&trusted{pool: l.ca.Pool()}).client() }
