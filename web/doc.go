// Package web serves what people see of the server in a browser: the hosted
// login page, the page behind the QR code, the page a browser comes back to from
// an app on its own device, and the reference authenticator. Everything is
// embedded; nothing is fetched from elsewhere, and the pages run under a
// Content-Security-Policy without inline script or style, but for the one line that
// sends a form of the provider's on.
//
//	/login?service=ID                    the login page of a service
//	/login?operation=ID                  the login page of an operation, which has its service
//	/oidc/end-session                    asks whether to log out, and says that it is done
//	/oidc/authorize                      says why a login goes on no further, or sends it on by a form
//	/s/{sessionId}                       the QR code opened as a link; with #h=… the hand-over to an app
//	/r/{sessionId}#{code}                the way back from that app
//	/authenticator, /authenticator/{…}   the installable app, and its files
//	/assets/…                            scripts, style sheets, the services' logos and colours
//
// It knows nothing of sessions: scripts speak to the server as any page does, and
// what a page must know is in its attributes. The sources are in login,
// authenticator and sdk; `node build.mjs` makes dist and sdk/dist of them, which
// are committed, so that building the server needs no Node.
package web
