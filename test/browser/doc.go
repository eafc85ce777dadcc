// Package browser tests what a person sees: the login page, the authenticator
// and the demo bank in Debian's Chromium, over two nodes that share a real Redis
// behind a proxy that can be told to misbehave.
//
// A World is the whole system with a proxy before it. A profile is a browser of
// its own, with its own storage; a tab is what a person looks at and presses in.
// Tabs wait for what they look for, and every tab fails its test when the page
// writes an error to the console or breaks its Content-Security-Policy.
//
// With -update, TestScreens takes the pictures of docs/screens anew.
package browser
