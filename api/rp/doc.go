// Package rp is for relying parties: back ends that let Countersign approve a
// login or a payment and then have to be sure of what they were told. It needs
// nothing but the standard library and the server's base URL.
//
// A back end starts the session, keeps its random, and passes the rest to the
// page, whose SDK does what the user sees:
//
//	client := &rp.Client{Issuer: issuer, ServiceID: "bank", Secret: secret}
//	started, err := client.Start(ctx, rp.Start{Challenge: challengeOfThePage})
//	keep(browser, started.SessionID, started.Random) // by the browser's own cookie
//	write(w, started.ForPage())                      // everything but random
//
// When the session is approved the page sends back what it got: jwt, hash and
// expiresAt. None of it is worth anything before all of this holds:
//
//	kept := take(browser, sessionID)                       // this browser started it, once
//	rp.VerifyHash(key, sessionID, kept.Random, jwt, …)     // the server said so
//	token, err := verifier.Verify(ctx, jwt)                // signature, issuer, audience, times
//	token.Nonce == kept.Random && token.Session == sessionID
//	token.Operation.DataHash == rp.DataHash(kept.Data)     // a payment: this one and no other
//
// A back end that wants no page of its own orders an operation instead, sends the
// browser to the server's page, and asks. Nothing comes by way of the browser:
//
//	o, err := client.Order(ctx, order)                     // its number in Data and as IdempotencyKey
//	keep(order, o.ID); redirect(w, o.URL)
//	o, err = client.Operation(ctx, kept.ID)                // when the browser is back, or later
//	approval, err := client.VerifyProof(o, order)          // Done: the phone signed just this
//
// A back end whose page starts sessions by itself has no random: it sets the
// page's clientNonce and compares [Token.ClientNonce] instead.
//
// An API whose callers bring a token in each request needs only
// [Verifier.Require] and [From].
//
// A site whose users log in by OpenID Connect, with whatever library, can be told
// when one of them logs out elsewhere: [Verifier.LogoutHandler].
//
// A back end that is told how its sessions and operations end, by a webhook, reads that
// with [Webhook.Handler]. It is a reason to ask, and no proof.
package rp
