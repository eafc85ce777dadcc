// Package passkey keeps the passkeys of identities, and checks what authenticators
// sign with them (Web Authentication, level 3). It is the only importer of the
// WebAuthn library.
//
// Each identity has one [Wallet]: a user handle, which tells nothing of it, and at
// most [Most] passkeys. An assertion is told by no name: its user handle leads to
// the wallet, and only a passkey that lies in there counts. [Service.Check] finds
// whether one is good, and [Service.Use] spends its signature counter by compare
// and swap, so that of two copies of an authenticator one is found out, whichever
// nodes they come to. [Service.Add] takes a new passkey in.
//
// What an assertion is for, who may make one, and that a challenge is good once, is
// the business of the room operation. The package knows neither HTTP nor Redis.
package passkey
