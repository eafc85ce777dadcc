// Package demo is Acme Bank: a small relying party for development, to see and
// to read how a back end uses Countersign. Its customers log in and approve
// payments with their phones; there is no money.
//
// It is a service with a secret and an origin of its own, and of this module it
// imports nothing but package rp. What a browser started lives in the memory of
// one process, bounded and for half an hour, under a cookie.
//
//	GET  /                  what the bank is
//	GET  /login             <countersign-login>; ?id= asks that phone without scanning
//	POST /login/start       {challenge, tokenId?} starts a session for this browser
//	GET  /account           balance, payments, the token of the login
//	GET  /pay, POST /pay    the form of a payment; a good one becomes an order
//	GET  /pay/{order}       <countersign-login> for the order, then its receipt
//	POST /pay/{order}/start {challenge} starts a session whose operation is the payment
//	POST /finish            {sessionId, jwt, hash, expiresAt} as the page was given them
//	POST /logout
//
// The file that matters is finish.go: what a back end checks before it believes
// what a page brings. The service's returnURL is {Origin}/login.
package demo
