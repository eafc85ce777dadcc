package main

import (
	"net"
	"net/http"

	"countersign/server"
	"countersign/web/inspector"
)

// startInspector serves the inspector, if it is wanted; nil: it is not.
func (d *development) startInspector(beside *besides) server.Inspector {
	if d.inspector.listener == nil {
		return nil
	}
	in := inspector.New()
	beside.serve("inspector", d.inspector.listener, in.Handler())
	return in
}

// startBank serves the demo bank, if it can run.
func (d *development) startBank(beside *besides, secrets server.Secrets) error {
	if d.bankSays != "" {
		return nil
	}
	beside.serve("bank", d.bank.listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }))
	return nil
}

// options are what the server is given besides its configuration.
func (d *development) options(in server.Inspector) server.Options {
	return server.Options{
		Log: d.log, Version: release(), Listener: d.public.listener, OpsListener: d.ops.listener, Inspector: in,
		OnReady: func(public, _ net.Addr) { d.welcome(public) },
	}
}
