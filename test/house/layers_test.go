package house

import (
	"strconv"
	"strings"
)

const module = "countersign"

// layers puts every room on its floor; a room imports only rooms below it. The rooms 0 to 2 are the domain.
// operation stands half a floor above session, because it opens sessions and is otherwise the same kind of room. A folder
// with a row of its own, such as api/rp, is a room apart from the one it lies in.
var layers = map[string]float64{
	"cmd":        6,
	"server":     5,
	"store":      4,
	"api":        4,
	"oidc":       3.5, // half a floor up: it keeps the cookies that web/cookie knows
	"ws":         3,
	"web":        3,
	"web/cookie": 3,
	"notify":     3,
	"operation":  2.5,
	"session":    2,
	"passkey":    1.5, // beside session: operation puts the two together
	"device":     1,
	"api/rp":     0.5,
	"audit":      0,
	"crypto":     0,
}

// libraryRooms names the rooms that may import a library outside of tests, none meaning tests alone; a library not listed
// is free for all. Leaving a library, or moving to its next major version, is then a change of one room.
var libraryRooms = map[string][]string{
	"github.com/redis/go-redis":             {"store"},
	"github.com/alicebob/miniredis":         {"store"},
	"github.com/labstack/echo":              {"api", "server"},
	"github.com/gorilla/websocket":          {"ws"},
	"github.com/golang-jwt/jwt":             {"crypto/keyring"},
	"golang.org/x/text":                     {"web"},
	"github.com/go-webauthn/webauthn":       {"passkey"},
	"github.com/SherClockHolmes/webpush-go": {"notify/push"},
	"github.com/chromedp":                   {},
	"github.com/rogpeppe/go-internal":       {},
	"pgregory.net/rapid":                    {},
	"go.uber.org/goleak":                    {},
	"github.com/google/go-cmp":              {},
	"github.com/getkin/kin-openapi":         {},
	"github.com/coreos/go-oidc":             {},
	"golang.org/x/oauth2":                   {},
	"github.com/luikyv/go-oidc":             {"oidc"},
	"github.com/go-jose/go-jose":            {"oidc"},
	"testing":                               {},
	"net/http/httptest":                     {},
}

func layerRules() []rule {
	return []rule{{
		name:  "layers",
		check: checkLayers,
		bad: []example{
			{"session/a.go", `package session; import _ "countersign/store"`},
			{"session/a.go", `package session; import _ "countersign/operation"`},
			{"ws/a.go", `package ws; import _ "countersign/web"`},
			{"api/a.go", `package api; import _ "countersign/store"`},
			{"crypto/otp/a.go", `package otp; import _ "countersign/audit"`},
			{"ws/a.go", `package ws; import _ "countersign/test/rig"`},
			{"server/a.go", `package server; import _ "countersign/cmd/countersign"`},
			{"attic/a.go", `package attic`},
			{"session/a.go", `package session; import _ "countersign/web/demo"`},
			{"api/rp/a.go", `package rp; import _ "countersign/api"`},
			{"api/rp/a.go", `package rp; import _ "countersign/device"`},
		},
		good: []example{
			{"operation/a.go", `package operation; import _ "countersign/session"`},
			{"server/a.go", `package server; import (_ "countersign/store"; _ "countersign/api"; _ "countersign/crypto/otp")`},
			{"crypto/keyring/a.go", `package keyring; import _ "countersign/crypto/p256"`},
			{"test/rig/a.go", `package rig; import (_ "countersign/server"; _ "countersign/store")`},
			{"session/a_test.go", `package session_test; import _ "countersign/store"`},
			{"web/demo/a.go", `package demo; import _ "countersign/api/rp"`},
			{"api/a.go", `package api; import _ "countersign/api/rp"`},
		},
	}}
}

// roomIn is the room that a path lies in: the row of the table with the longest path, else the top-level folder.
func roomIn(p string) string {
	parts := strings.Split(p, "/")
	for n := len(parts); n > 1; n-- {
		if _, known := layers[strings.Join(parts[:n], "/")]; known {
			return strings.Join(parts[:n], "/")
		}
	}
	return room(p)
}

// checkLayers lets tests import what they like: an in-package test cannot make a cycle, and what ships is what counts.
func checkLayers(t *tree) (findings []string) {
	for _, f := range t.goes {
		from := roomIn(f.path)
		floor, known := layers[from]
		if !known && !f.isTest() {
			findings = append(findings, f.path+":1: room "+from+" is not in the table of layers")
			continue
		}
		if f.isTest() {
			continue
		}
		for _, spec := range f.ast.Imports {
			to, ours := strings.CutPrefix(importPath(spec.Path.Value), module+"/")
			to = roomIn(to + "/")
			if !ours || to == from {
				continue
			}
			if below, known := layers[to]; !known || below >= floor {
				findings = append(findings, t.at(spec, "%s must not import %s: a room imports only rooms below it", from, to))
			}
		}
	}
	return findings
}

func importRules() []rule {
	return []rule{
		{
			name:  "libraries stay in their rooms",
			check: checkLibraries,
			bad: []example{
				{"session/a.go", `package session; import _ "github.com/redis/go-redis/v9"`},
				{"cmd/countersign/a.go", `package main; import _ "github.com/alicebob/miniredis/v2"`},
				{"ws/a.go", `package ws; import _ "github.com/labstack/echo/v4/middleware"`},
				{"cmd/countersign/a.go", `package main; import _ "github.com/gorilla/websocket"`},
				{"crypto/p256/a.go", `package p256; import _ "github.com/golang-jwt/jwt/v5"`},
				{"server/a.go", `package server; import _ "pgregory.net/rapid"`},
			},
			good: []example{
				{"store/a.go", `package store; import (_ "github.com/redis/go-redis/v9"; _ "github.com/alicebob/miniredis/v2")`},
				{"crypto/keyring/a.go", `package keyring; import _ "github.com/golang-jwt/jwt/v5"`},
				{"test/rig/a.go", `package rig; import (_ "github.com/redis/go-redis/v9"; _ "pgregory.net/rapid")`},
				{"api/a_test.go", `package api; import _ "github.com/gorilla/websocket"`},
			},
		},
		{
			name:  "the domain knows no HTTP",
			check: checkDomain,
			bad: []example{
				{"session/a.go", `package session; import _ "net/http"`},
				{"crypto/otp/a.go", `package otp; import _ "net/http/cookiejar"`},
			},
			good: []example{
				{"ws/a.go", `package ws; import _ "net/http"`},
				{"session/a_test.go", `package session; import _ "net/http"`},
				{"api/rp/a.go", `package rp; import _ "net/http"`},
			},
		},
		{
			name:  "relying parties take no more than they need",
			check: checkRelyingParties,
			bad: []example{
				{"api/rp/a.go", `package rp; import _ "github.com/google/uuid"`},
				{"api/rp/a.go", `package rp; import _ "countersign/crypto/keyring"`},
				{"web/demo/a.go", `package demo; import _ "countersign/session"`},
				{"web/demo/a.go", `package demo; import _ "countersign/crypto/otp"`},
				{"web/demo/a.go", `package demo; import _ "countersign/web"`},
			},
			good: []example{
				{"api/rp/a.go", `package rp; import (_ "crypto/ecdsa"; _ "net/http")`, "api/rp/a_test.go", `package rp; import _ "countersign/crypto/keyring"`},
				{"web/demo/a.go", `package demo; import (_ "countersign/api/rp"; _ "net/http")`},
				{"web/demo/a_test.go", `package demo_test; import _ "countersign/test/rig"`},
				{"web/a.go", `package web; import _ "countersign/session"`},
			},
		},
	}
}

// checkRelyingParties: who imports api/rp gets the standard library and nothing else with it; and the demo bank shows
// what a relying party can do with that alone, so of ours it may import nothing else.
func checkRelyingParties(t *tree) (findings []string) {
	for _, f := range t.goes {
		if f.isTest() {
			continue
		}
		for _, spec := range f.ast.Imports {
			imported := importPath(spec.Path.Value)
			ours := within(imported, module)
			switch first, _, _ := strings.Cut(imported, "/"); {
			case within(f.path, "api/rp") && (ours || strings.Contains(first, ".")):
				findings = append(findings, t.at(spec, "api/rp is for everybody: the standard library alone, not %s", imported))
			case within(f.path, "web/demo") && ours && imported != module+"/api/rp" && !within(imported, module+"/web/demo"):
				findings = append(findings, t.at(spec, "the demo is a relying party: of ours it imports api/rp alone, not %s", imported))
			}
		}
	}
	return findings
}

func checkLibraries(t *tree) (findings []string) {
	for _, f := range t.goes {
		if f.isTest() {
			continue
		}
		for _, spec := range f.ast.Imports {
			imported := importPath(spec.Path.Value)
			for library, rooms := range libraryRooms {
				if within(imported, library) && !withinAny(f.path, rooms) {
					findings = append(findings, t.at(spec, "%s belongs to %s and to tests", imported, orNobody(rooms)))
				}
			}
		}
	}
	return findings
}

// checkDomain leaves out api/rp, which is low so that everyone may import it, and is none of the domain.
func checkDomain(t *tree) (findings []string) {
	for _, f := range t.goes {
		floor, known := layers[roomIn(f.path)]
		if !known || floor >= 3 || within(f.path, "api/rp") || f.isTest() {
			continue
		}
		for _, spec := range f.ast.Imports {
			if within(importPath(spec.Path.Value), "net/http") {
				findings = append(findings, t.at(spec, "%s is a room of the domain: no %s", room(f.path), spec.Path.Value))
			}
		}
	}
	return findings
}

// importPath unquotes the literal of an import.
func importPath(literal string) string {
	p, err := strconv.Unquote(literal)
	if err != nil {
		return literal // the parser let it through, so it cannot be; an odd path breaks no rule silently
	}
	return p
}

// within says whether p is folder or lies in it.
func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func withinAny(p string, folders []string) bool {
	for _, folder := range folders {
		if within(p, folder) {
			return true
		}
	}
	return false
}

func orNobody(rooms []string) string {
	if len(rooms) == 0 {
		return "nobody"
	}
	return strings.Join(rooms, ", ")
}
