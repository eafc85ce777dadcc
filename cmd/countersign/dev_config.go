package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign/server"
)

// demoService is the service that pages of this machine may use.
const demoService = "demo"

// bankService is the service that the demo bank is.
const bankService = "bank"

// configure is what the user configured, with what makes it the development
// server put over it, and with the demo bank's secrets, which are made here and
// never leave this process.
func (d *development) configure(src server.Source) (server.Secrets, error) {
	own := src.File != ""
	if !own {
		src.File, src.Content = "dev", []byte(d.services())
	}
	insecure := "true"
	if d.lan != nil {
		insecure = "false"
	}
	for key, value := range map[string]string{"issuer": d.issuer, "listen": d.public.address, "opsListen": d.ops.address,
		"insecureHTTP": insecure, "redis.mode": "embedded", "enrollment": "open"} {
		src.Flags[key] = value
	}
	var err error
	if d.cfg, err = server.Load(src); err != nil {
		return server.Secrets{}, err
	}
	secrets, err := d.cfg.ReadSecrets()
	if err != nil {
		return secrets, err
	}
	d.bankSays = d.whyNoBank(own, secrets)
	if d.bankSays != "" {
		return secrets, nil
	}
	bank := secrets.Services[bankService]
	if !own {
		bank.Secret = []byte(base64.RawURLEncoding.EncodeToString(random32()))
	}
	if bank.ResponseKey == nil {
		bank.ResponseKey = random32()
	}
	secrets.Services[bankService] = bank
	return secrets, nil
}

func random32() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// whyNoBank says why the demo bank cannot run; empty: it can. It is a back end,
// which the user's own configuration must know as one.
func (d *development) whyNoBank(own bool, secrets server.Secrets) string {
	if d.bank.listener == nil {
		return "--bank-listen is empty"
	}
	if !own {
		return ""
	}
	i := slices.IndexFunc(d.cfg.Services, func(s server.ServiceConfig) bool { return s.ID == bankService })
	switch {
	case i < 0:
		return "the configuration has no service " + bankService
	case secrets.Services[bankService].Secret == nil:
		return "the configuration's service " + bankService + " has no secretFile"
	case !slices.Contains(d.cfg.Services[i].Origins, d.bankOrigin):
		return "the configuration's service " + bankService + " does not list " + d.bankOrigin + " in its origins"
	}
	return ""
}

// services is the configuration file that dev brings along: a service that pages
// of this machine may use, and the demo bank, a service with a back end, whose
// secret configure adds.
func (d *development) services() string {
	origins := []string{d.issuer}
	for _, page := range []string{"http://localhost:3000", "http://localhost:5173"} {
		if page != d.issuer {
			origins = append(origins, page)
		}
	}
	const scopes = `    scopes:
      allowed: [identity:name, identity:birthdate, identity:age_over_18, identity:email]
      default: [identity:name]
`
	text := fmt.Sprintf("services:\n  - id: demo\n    name: Acme Bank\n    origins: [%s]\n    redirectURIs: [\"http://127.0.0.1/callback\"]\n", quoted(origins)) + scopes
	if d.bankOrigin != "" {
		text += fmt.Sprintf("  - id: %s\n    name: Acme Bank\n    origins: [%q]\n    returnURL: %q\n    modes: [enter, scan]\n",
			bankService, d.bankOrigin, d.bankOrigin+"/login") + scopes
	}
	return text
}

// quoted writes texts as YAML's flow sequences have them: an address of IPv6 has
// brackets of its own.
func quoted(texts []string) string {
	var list []string
	for _, t := range texts {
		list = append(list, strconv.Quote(t))
	}
	return strings.Join(list, ", ")
}
