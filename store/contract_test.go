package store

import "testing"

// A clause is one promise of the store, kept by every kind of Redis.
type clause struct {
	name  string
	check func(t *testing.T, b backend)
}

// TestContract runs every clause on the embedded server, on a real Redis and on
// a real Redis Cluster, so that what development shows is what production does.
func TestContract(t *testing.T) {
	t.Parallel()
	var clauses []clause
	for _, list := range [][]clause{sessionClauses(), watchClauses(), phoneClauses(), enrolmentClauses(), limitClauses(),
		keyClauses(), streamClauses(), lifeClauses(), tamperClauses(), deviceClauses(),
		vaultClauses(), tamperVaultClauses(), operationClauses(), noticeClauses(), outcomeClauses(), registrationClauses(), consentClauses(), passkeyClauses(), adminClauses()} {
		clauses = append(clauses, list...)
	}
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			for _, c := range clauses {
				t.Run(c.name, func(t *testing.T) { c.check(t, b) })
			}
		})
	}
}
