package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// httpTimeout bounds one request of the commands that speak to a server.
const httpTimeout = 10 * time.Second

func httpClient() *http.Client { return &http.Client{Timeout: httpTimeout} }

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
