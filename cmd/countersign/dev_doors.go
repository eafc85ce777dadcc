package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// besideTimeout is how long a client of the sites beside the server may take for
// the head of its request.
const besideTimeout = 5 * time.Second

// A door is a place where dev listens, and the flag that names it.
type door struct {
	flag, address string
	listener      net.Listener
}

// addFlags adds the flags of dev.
func (d *development) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	for _, f := range []struct {
		door                 *door
		flag, address, usage string
	}{
		{&d.public, "listen", devListen, "where to listen, `HOST:PORT`; port 0: any; with --lan its address and port 8443"},
		{&d.bank, "bank-listen", "127.0.0.1:3000", "where the demo bank listens, `HOST:PORT`; empty: no bank; with --lan its address and port 3443"},
		{&d.inspector, "inspector-listen", "127.0.0.1:9091", "where the inspector listens, `HOST:PORT`; empty: no inspector"},
		{&d.ops, "ops-listen", "127.0.0.1:9090", "where health and metrics listen, `HOST:PORT`; empty: nowhere"},
		{&d.trust, "trust-listen", "", "with --lan, where the page listens that shows how to trust its certificates, `HOST:PORT`; default: its address and port 8081"},
	} {
		f.door.flag = f.flag
		flags.StringVar(&f.door.address, f.flag, f.address, f.usage)
	}
	flags.String("lan", "", "let phones of the same network in, at this `ADDRESS` of this machine")
	flags.Lookup("lan").NoOptDefVal = lanAuto
	flags.SortFlags = false
}

// settle decides where to listen from what the flags say and leave open. With
// --listen, the other ports are any, because whoever moves one runs a second dev.
func (d *development) settle(cmd *cobra.Command) error {
	flags := cmd.Flags()
	if flags.Changed("lan") {
		var err error
		if d.lan, err = d.env.newLAN(flags.Lookup("lan").Value.String()); err != nil {
			return err
		}
		host := d.lan.address.String()
		for to, port := range map[*door]string{&d.public: "8443", &d.bank: "3443", &d.trust: "8081"} {
			if !flags.Changed(to.flag) {
				to.address = net.JoinHostPort(host, port)
			}
		}
	} else if flags.Changed("trust-listen") {
		return hint(failf("--trust-listen is for --lan"), "add --lan, or remove it")
	}
	for _, other := range []*door{&d.bank, &d.inspector, &d.ops, &d.trust} {
		host, _, err := net.SplitHostPort(other.address)
		if err == nil && flags.Changed("listen") && !flags.Changed(other.flag) {
			other.address = net.JoinHostPort(host, "0")
		}
	}
	return nil
}

// doors are all the doors, the public one first.
func (d *development) doors() []*door {
	return []*door{&d.public, &d.bank, &d.inspector, &d.ops, &d.trust}
}

// openDoors listens everywhere, and so learns the ports.
func (d *development) openDoors(ctx context.Context) error {
	for _, x := range d.doors() {
		if x.address == "" && x != &d.public {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", x.address)
		if err != nil {
			return x.trouble(err)
		}
		x.listener = l
	}
	d.issuer = baseURL("http", "localhost", d.public.port())
	if d.bank.listener != nil {
		d.bankOrigin = baseURL("http", "localhost", d.bank.port())
	}
	if d.lan == nil {
		return nil
	}
	for _, x := range []*door{&d.public, &d.bank} {
		if x.listener != nil {
			// HTTP/1.1 alone: a web socket begins as a request of it.
			x.listener = tls.NewListener(x.listener, d.lan.tlsConfig())
		}
	}
	host := d.lan.address.String()
	d.issuer = baseURL("https", host, d.public.port())
	if d.bank.listener != nil {
		d.bankOrigin = baseURL("https", host, d.bank.port())
	}
	return nil
}

// closeDoors closes what was never served; closing twice does no harm.
func (d *development) closeDoors() {
	for _, x := range d.doors() {
		if x.listener != nil {
			x.listener.Close()
		}
	}
}

// port is the port that was got.
func (x *door) port() int {
	if tcp, ok := x.listener.Addr().(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0 // every listener here is one of TCP
}

// trouble says which flag chooses another place.
func (x *door) trouble(err error) error {
	host, port, splitErr := net.SplitHostPort(x.address)
	switch {
	case splitErr != nil:
		return hint(failf("--%s %s is not HOST:PORT", x.flag, x.address), "such as --%s 127.0.0.1:0", x.flag)
	case errors.Is(err, syscall.EADDRINUSE) && x.flag == "listen":
		return hint(err, "another port is chosen with --listen %s, and all the others with it", net.JoinHostPort(host, "0"))
	case errors.Is(err, syscall.EADDRINUSE):
		return hint(err, "another port is chosen with --%s %s, none at all with --%[1]s ''", x.flag, net.JoinHostPort(host, "0"))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return hint(err, "this machine has no address %s; if it is forwarded here, --%s 0.0.0.0:%s listens on all that there are", host, x.flag, port)
	}
	return hint(err, "another place is chosen with --%s HOST:PORT", x.flag)
}

// baseURL is the origin of a site as browsers write it.
func baseURL(scheme, host string, port int) string {
	usual := map[string]int{"http": 80, "https": 443}
	if port == usual[scheme] {
		if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
			host = "[" + host + "]"
		}
		return scheme + "://" + host
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(cmp.Or(host, "localhost"), strconv.Itoa(port)))
}
