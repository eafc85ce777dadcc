// Package api is the HTTP face of the login: JSON in and out, problem documents
// (RFC 9457) for all that goes wrong, CORS, callers' addresses; and the Go
// client of the same. openapi.yaml beside it is the contract.
//
//	POST /auth/initiate              start.go    start a session
//	GET  /ws/session/{id}            watch.go    watch it: WebSocket,
//	GET  /auth/session/{id}/events               server-sent events,
//	GET  /auth/session/{id}                      long poll
//	POST /auth/session/{id}/cancel               give it up
//	POST /enroll                     enrol.go    a phone joins an identity
//	POST /auth/{pending,claim,verify} phone.go   what a phone does
//	GET  /.well-known/…              wellknown.go keys and discovery
//	POST /device/{verb}              device.go   the phones of an identity; push.go where one is woken
//	GET, POST /operations            operations.go what back ends have approved
//	GET, POST /consents              consents.go what users have agreed to
//	PUT  /authn/{id}                 authn.go    the page of an operation
//	GET  /s/{id}                     pages.go    the QR code opened as a link
//
// A handler decodes, calls one service, and renders; what a request means is
// decided in the rooms below. Only this package and package server know echo.
package api
