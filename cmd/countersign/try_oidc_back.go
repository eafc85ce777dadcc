package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// A codeListener is the loopback address that a browser comes back to (RFC 8252
// §7.3). It takes one answer, and only one that knows the state.
type codeListener struct {
	redirectURI string
	answers     <-chan url.Values // one
	server      *http.Server
}

// listenForCode listens where the redirect URI says, on a free port unless it
// names one.
func listenForCode(ctx context.Context, redirect, state string) (*codeListener, error) {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || !isLoopback(u.Hostname()) || u.Fragment != "" || u.User != nil {
		return nil, hint(failf("--redirect-uri must be http on a loopback host"), "such as http://127.0.0.1/callback")
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "0"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	u.Host = net.JoinHostPort(host, port)
	answers := make(chan url.Values, 1)
	server := &http.Server{Handler: takeAnswer(u.EscapedPath(), state, answers), ReadHeaderTimeout: httpTimeout}
	// It ends with close, and how it ended is nobody's concern then.
	go func() { _ = server.Serve(l) }()
	return &codeListener{redirectURI: u.String(), answers: answers, server: server}, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// close lets the browser have its page, and ends.
func (l *codeListener) close() {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	_ = l.server.Shutdown(ctx) // what is still under way ends with the program
}

// takeAnswer gives the first good answer to the channel. Whatever else comes, as
// from a page that guesses ports, changes nothing.
func takeAnswer(path, state string, answers chan<- url.Values) http.Handler {
	if path == "" {
		path = "/"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Type", "text/plain; charset=utf-8")
		head.Set("Content-Security-Policy", "default-src 'none'")
		head.Set("Cache-Control", "no-store")
		head.Set("Referrer-Policy", "no-referrer")
		switch q := r.URL.Query(); {
		case r.URL.EscapedPath() != path || r.Method != http.MethodGet:
			http.Error(w, "nothing is here", http.StatusNotFound)
		case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1:
			http.Error(w, "this is not the answer that is waited for", http.StatusBadRequest)
		default:
			select {
			case answers <- q:
				fmt.Fprintln(w, "You can close this tab. The terminal shows what became of the login.")
			default:
				http.Error(w, "the answer came already", http.StatusConflict)
			}
		}
	})
}
