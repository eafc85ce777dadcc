package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"countersign/server"

	"github.com/spf13/cobra"
)

// devListen is where dev listens, and where try and phone look for it.
const (
	devListen = "127.0.0.1:8080"
	devIssuer = "http://localhost:8080"
	devOps    = "127.0.0.1:9090"
)

func newDev(env *environment) *cobra.Command {
	var listen, ops string
	cmd := &cobra.Command{
		Use: "dev", Short: "run a server to try things out", Args: cobra.NoArgs,
		Long: `Runs a server with a Redis inside, on this machine only: anyone may enrol a phone, the service
"demo" may be used by any program that says it is one of its pages, and all is lost at exit.`,
	}
	cmd.Flags().StringVar(&listen, "listen", devListen, "where to listen, `HOST:PORT`; port 0: any")
	cmd.Flags().StringVar(&ops, "ops-listen", devOps, "where health and metrics listen, `HOST:PORT`; any port if --listen is given")
	c := newConfiguration(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("listen") && !cmd.Flags().Changed("ops-listen") {
			ops = "127.0.0.1:0"
		}
		src, err := c.source(cmd, server.ForDev)
		if err != nil {
			return err
		}
		return runDev(cmd, env, src, listen, ops)
	}
	return cmd
}

// runDev listens first, because the issuer has the port in it.
func runDev(cmd *cobra.Command, env *environment, src server.Source, listen, ops string) error {
	public, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", listen)
	if err != nil {
		return hint(err, "another port is chosen with --listen 127.0.0.1:0")
	}
	issuer := fmt.Sprintf("http://localhost:%d", public.Addr().(*net.TCPAddr).Port) //nolint:errcheck // it listens on TCP
	cfg, secrets, err := devConfig(src, issuer, listen, ops)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	node, err := server.New(cfg, secrets, server.Options{
		Log: env.logger(cfg.Log), Version: release(), Listener: public,
		OnReady: func(public, ops net.Addr) { env.welcome(cfg, public, ops) },
	})
	if err != nil {
		return errors.Join(err, public.Close())
	}
	return node.Run(cmd.Context())
}

// devConfig is what the user configured, with what makes it the development
// server put over it.
func devConfig(src server.Source, issuer, listen, ops string) (server.Config, server.Secrets, error) {
	if src.File == "" {
		src.File, src.Content = "dev", []byte(devServices(issuer))
	}
	for key, value := range map[string]string{"issuer": issuer, "listen": listen, "opsListen": ops, "insecureHTTP": "true",
		"redis.mode": "embedded", "enrollment": "open"} {
		src.Flags[key] = value
	}
	cfg, err := server.Load(src)
	if err != nil {
		return cfg, server.Secrets{}, err
	}
	secrets, err := cfg.ReadSecrets()
	return cfg, secrets, err
}

// devServices is the configuration file that dev brings along: one service that
// pages of this machine may use.
func devServices(issuer string) string {
	origins := []string{issuer}
	if page := "http://localhost:3000"; page != issuer {
		origins = append(origins, page)
	}
	return fmt.Sprintf(`services:
  - id: demo
    name: Acme Bank
    origins: [%s]
    scopes:
      allowed: [identity:name, identity:birthdate, identity:age_over_18, identity:email]
      default: [identity:name]
`, strings.Join(origins, ", "))
}

// welcome prints where everything is and what to type next.
func (env *environment) welcome(cfg server.Config, public, ops net.Addr) {
	out := env.Stdout
	fmt.Fprintf(out, "%s\n", cfg.Issuer)
	for _, s := range cfg.Services {
		fmt.Fprintf(out, "├── service %s, %q: pages of %s\n", s.ID, s.Name, strings.Join(s.Origins, " and "))
	}
	fmt.Fprintf(out, `├── browser   POST /auth/initiate, then /ws/session/{id}
├── phone     POST /enroll, /auth/pending, /auth/claim, /auth/verify
└── everybody GET  /.well-known/openid-configuration, /.well-known/jwks.json
`)
	if ops != nil {
		fmt.Fprintf(out, "http://%s\n└── operator  GET  /livez, /readyz, /metrics\n", ops)
	}
	command, at := env.invocation(), ""
	if cfg.Issuer != devIssuer {
		at = " --issuer " + cfg.Issuer
	}
	fmt.Fprintf(out, `
type next, each in a terminal of its own:
  %[1]s phone enroll%[2]s
  %[1]s try%[2]s
  %[1]s phone approve%[2]s

everything is kept in memory and lost at exit (Ctrl-C)
`, command, at)
	if tcp, ok := public.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		env.line("warning", "whoever reaches "+public.String()+" can enrol a phone")
	}
}
