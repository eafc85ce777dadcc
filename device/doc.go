// Package device owns identities and the phones that act for them: enrolment
// codes, the enrolment itself, the life of a device key, the claims known of
// an identity and which of them a scope releases.
//
// An [Identity] (its id is the protocol's tokenId) has one or more [Device]s,
// each with one P-256 key whose private half never leaves the phone. Both are
// values; a change is a new value that the [Store] swaps in when nobody else
// changed the identity meanwhile.
//
// The package decides nothing about sessions and knows neither HTTP nor Redis.
package device
