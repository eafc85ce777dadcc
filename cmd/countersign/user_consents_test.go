package main

import (
	"testing"
	"time"

	"countersign/operation"
	"countersign/server"
)

// What a user has agreed to is in force, of another version, over, or revoked.
func TestConsentStates(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	good := operation.Consent{Service: "demo", Version: "2", GrantedAt: now.Add(-time.Hour), Until: now.Add(time.Hour)}
	outdated, over, revoked := good, good, good
	outdated.Version, over.Until, revoked.RevokedAt = "1", now, now.Add(-time.Minute)
	for want, c := range map[string]operation.Consent{"in force": good, "outdated": outdated, "over": over, "revoked": revoked} {
		v := viewConsent(c, server.ServiceConfig{ID: "demo", Consent: server.ConsentConfig{Version: "2"}}, now)
		if v.State != want || v.Service != "demo" || v.Options == nil || (v.RevokedAt != "") != (want == "revoked") {
			t.Errorf("%s: %+v", want, v)
		}
	}
}
