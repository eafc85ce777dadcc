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
//	POST /finish            {sessionId, jwt, hash, expiresAt} as the page was given them
//	GET  /pay, POST /pay    the form of a payment; a good one becomes an order, and the
//	                        browser is sent to the server's page that has it approved
//	GET  /pay/{order}       how the order stands, where the browser comes back to; its receipt
//	POST /pay/{order}       begins the approval anew
//	GET  /pay/{order}/approval
//	                        leads to the server's page, as long as the order waits
//	GET  /pay/{order}/proof what the server answered about a payment that was made
//	POST /logout
//
// The files that matter say what a back end checks: finish.go before it believes what
// a page brings of a login, approve.go before it believes that a payment was approved,
// of which no page brings anything. The service's returnURL is {Origin}/login.
package demo
