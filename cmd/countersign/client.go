package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/crypto/localca"

	"github.com/spf13/cobra"
)

// httpTimeout bounds one request of the commands that speak to a server.
const httpTimeout = 10 * time.Second

// trusted is a flag that names a file of certificate authorities to believe
// instead of the system's. The zero value believes the system's.
type trusted struct {
	file string
	pool *x509.CertPool
}

// caFlag adds the flag to a command that speaks to a server.
func caFlag(cmd *cobra.Command, to *trusted) {
	cmd.Flags().Var(to, "ca", "believe the certificate authorities in this `FILE`, as of `countersign dev --lan`, instead of the system's")
}

// Set implements pflag.Value.
func (t *trusted) Set(file string) (err error) {
	t.file = file
	t.pool, err = localca.ReadPool(file)
	return err
}

// String implements pflag.Value.
func (t *trusted) String() string { return t.file }

// Type implements pflag.Value.
func (t *trusted) Type() string { return "FILE" }

// tls is nil for the system's.
func (t *trusted) tls() *tls.Config {
	if t.pool == nil {
		return nil
	}
	return &tls.Config{RootCAs: t.pool, MinVersion: tls.VersionTLS12}
}

func (t *trusted) client() *http.Client {
	c := &http.Client{Timeout: httpTimeout}
	if t.pool != nil {
		// No proxy: an authority of one's own is for what is near, and web sockets use none either.
		c.Transport = &http.Transport{TLSClientConfig: t.tls(), ForceAttemptHTTP2: true}
	}
	return c
}

// An issuerURL is a flag that takes a server's public URL, as phones sign it:
// without a slash at the end, whichever way it is typed.
type issuerURL string

// Set implements pflag.Value.
func (i *issuerURL) Set(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("not a URL such as https://login.example.com")
	}
	*i = issuerURL(strings.TrimRight(text, "/"))
	return nil
}

// String implements pflag.Value.
func (i *issuerURL) String() string { return string(*i) }

// Type implements pflag.Value.
func (i *issuerURL) Type() string { return "URL" }

// origin is the issuer as a browser writes it in Origin.
func origin(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer // the flag was checked
	}
	return u.Scheme + "://" + u.Host
}
