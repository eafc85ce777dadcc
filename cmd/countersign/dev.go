package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"countersign/server"

	"github.com/spf13/cobra"
)

// devListen is where dev listens, and where try and phone look for it.
const (
	devListen = "127.0.0.1:8080"
	devIssuer = "http://localhost:8080"
)

func newDev(env *environment) *cobra.Command {
	d := &development{env: env}
	cmd := &cobra.Command{
		Use: "dev", Short: "run a server to try things out", Args: noDevArgument,
		Long: `Runs a server with a Redis inside, a demo bank that uses it and an inspector that shows all that
passes, on this machine only: anyone may enrol a phone, the service "demo" may be used by any
program that says it is one of its pages, and all is lost at exit. Codes that are sent by message
are printed here, unless the configuration has a gateway.

With --lan, phones of the same network can be the authenticator: everything is then https at this
machine's address, by a certificate authority that is made for it, and a page shows how to trust that.`,
	}
	d.addFlags(cmd)
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := d.settle(cmd); err != nil {
			return err
		}
		src, err := c.source(cmd, server.ForDev)
		if err != nil {
			return err
		}
		return d.run(cmd.Context(), src)
	}
	return cmd
}

// noDevArgument refuses arguments; `--lan ADDR` is the mistake to expect.
func noDevArgument(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.Flags().Changed("lan") {
		return hint(failf("unexpected argument %q", args[0]), "the address is written --lan=%s", args[0])
	}
	return cobra.NoArgs(cmd, args)
}

// A development is one run of dev.
type development struct {
	env *environment

	public, ops, bank, inspector, trust door
	lan                                 *lan // nil: this machine only

	issuer     string
	bankOrigin string
	bankSays   string // why there is no bank; empty: there is one
	cfg        server.Config
	log        *slog.Logger
}

// run listens first, because the issuer has the port in it, and serves until ctx
// ends.
func (d *development) run(ctx context.Context, src server.Source) (err error) {
	defer d.closeDoors()
	if err := d.openDoors(ctx); err != nil {
		return err
	}
	var secrets server.Secrets
	if secrets, err = d.configure(src); err != nil {
		return err
	}
	d.log = d.env.logger(d.cfg.Log)
	beside := besides{log: d.log}
	defer beside.stop()
	inspector := d.startInspector(&beside)
	d.startBank(&beside, secrets)
	if err := d.startMessages(ctx, &beside, &secrets); err != nil {
		return err
	}
	if err := d.startTrust(&beside); err != nil {
		return err
	}
	node, err := server.New(d.cfg, secrets, d.options(inspector))
	if err != nil {
		return err
	}
	return node.Run(ctx)
}

// besides are the sites that run beside the server and end with it.
type besides struct {
	log     *slog.Logger
	servers []*http.Server
	ended   []chan struct{}
}

// serve serves a site until stop.
func (b *besides) serve(name string, l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: besideTimeout, ErrorLog: slog.NewLogLogger(b.log.Handler(), slog.LevelWarn)}
	done := make(chan struct{})
	b.servers, b.ended = append(b.servers, s), append(b.ended, done)
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			b.log.Error("a site of dev has ended", "site", name, "error", err)
		}
	}()
}

// stop ends every site at once: what they show is lost anyway.
func (b *besides) stop() {
	for i, s := range b.servers {
		s.Close()
		<-b.ended[i]
	}
}
