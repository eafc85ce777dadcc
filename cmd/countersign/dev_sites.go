package main

import (
	"net"
	"net/http"

	"countersign/device"
	"countersign/server"
	"countersign/web/demo"
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
func (d *development) startBank(beside *besides, secrets server.Secrets) {
	if d.bankSays != "" {
		return
	}
	client := &http.Client{Timeout: httpTimeout}
	if d.lan != nil {
		client = d.lan.client()
	}
	secret := secrets.Services[bankService]
	beside.serve("bank", d.bank.listener, demo.New(demo.Options{Issuer: d.issuer, ServiceID: bankService, Secret: string(secret.Secret),
		ResponseKey: secret.ResponseKey, Origin: d.bankOrigin, HTTP: client, Log: d.log.With("site", "bank")}))
}

// options are what the server is given besides its configuration.
func (d *development) options(in server.Inspector) server.Options {
	return server.Options{
		Log: d.log, Version: release(), Listener: d.public.listener, OpsListener: d.ops.listener, Inspector: in, Demo: true,
		Newcomers: device.Claims{"phone": []byte(`"` + devNumber + `"`)},
		OnReady:   func(public, _ net.Addr) { d.welcome(public) },
	}
}
