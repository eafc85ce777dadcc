// Package system has the tests of the whole: several nodes, a real Redis, and
// browsers and phones that speak the protocol. What they expect is the
// protocol's word, not the code's.
package system
