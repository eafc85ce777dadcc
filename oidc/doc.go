// Package oidc is the OpenID Provider: it gives the logins that the other rooms
// make to every client that speaks OpenID Connect.
//
//	authorize  a request of a client: answered by the browser login, or by an
//	           operation "login" that the hosted page runs (login.go)
//	resume     the browser is back: what the operation's approval says becomes a
//	           grant and a code (login.go), and a browser login (browser.go)
//	token      a code or refresh token becomes tokens (claims.go, keep.go)
//	bc-authorize  a back end has a user approve without a browser: a session whose
//	           end becomes a grant (ciba.go), and is told by a notice
//	end-session  the browser login ends, and every client hears of it (logout.go)
//
// What a client asks for is shaped before the library reads it (door.go,
// request.go, hint.go), and what goes wrong is said anew for who writes the client
// (reason.go). Moments are Redis', and are given to the library as this machine's
// (clock.go).
//
// The protocol itself is the work of github.com/luikyv/go-oidc, which no other
// room knows. What it leaves to its user is here: that everything single-use is
// spent by one atomic step (keep.go), that errors have the form and code the
// RFCs say (answer.go), that mistakes about a redirect are shown and never
// redirected (page.go). It compares client secrets in clear, knows no hashed
// ones, no replayed jti and no reuse of refresh tokens unless told how.
//
// Nothing is kept in a node's memory: all state is a [Record] of the [Vault].
package oidc
