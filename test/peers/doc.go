// Package peers has the server judged by clients that nobody here wrote: the
// OpenID Provider by the libraries openid-client and oauth4webapi, the notices of
// operations by @stomp/stompjs, and the events for back ends by standardwebhooks. They run in Node, against two nodes that share a
// real Redis behind a proxy that sends requests to them in turn.
//
// A judge is a script of Node (judges_test.go lists them) with stories that each
// hold or throw. It makes no request that its library could make. What a library
// cannot do, a person does: it asks the Go side by a line of JSON on its standard
// output, and gets a line on its standard input (protocol.mjs and judge_test.go).
// The user is a browser with cookies and a phone (user_test.go). What the provider
// tells clients goes to a socket that the judge of a story inherits.
//
// The example of docs/examples runs here too: it is a client as anybody's.
//
// The page of the Web Authenticator API has no library, and so its judge is one that
// was written from the contract's words alone, before anybody looked at the server
// (waapi-page.mjs): what it does not know from there is wrong until the contract,
// or docs/protocol.md where that is silent, is found to have it.
//
// What the OpenID Foundation's conformance suite asks of a provider is played module
// by module, by requests that are made by hand, with jose for signatures
// (conformance*.mjs; docs/conformance.md has what is played, and what is not met).
//
// One more judge, oidc-client-ts, needs a browser, and so its stories are in
// test/browser; the file of it that they serve is installed here.
package peers
