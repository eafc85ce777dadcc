package peers

import "testing"

// The library that most sites on Node use logs users in, with its own checks.
func TestOpenIDClient(t *testing.T) { hear(t, "openid-client.mjs") }

// A back end asks by it for an approval that no browser has begun (CIBA).
func TestOpenIDClientCIBA(t *testing.T) { hearAtOnce(t, "openid-client-ciba.mjs") }

// A site ends by it what a user began there, and is told where they end it elsewhere.
func TestOpenIDClientLogout(t *testing.T) { hear(t, "openid-client-logout.mjs") }

// Its lower half holds every single answer against its specification.
func TestOAuth4WebAPI(t *testing.T) { hear(t, "oauth4webapi.mjs") }

// The library of Standard Webhooks' own authors verifies what back ends are told.
func TestStandardWebhooks(t *testing.T) { hear(t, "standardwebhooks.mjs") }

// The STOMP library of most pages listens at one node, while the phone is at the
// other.
func TestStompJS(t *testing.T) { hear(t, "stompjs.mjs") }

// The modules that the OpenID Foundation's conformance suite tests a provider with
// (docs/conformance.md).
func TestConformanceBasic(t *testing.T) { hear(t, "conformance-basic.mjs") }

func TestConformanceFAPI2(t *testing.T) { hear(t, "conformance-fapi2.mjs") }

func TestConformanceLogout(t *testing.T) { hear(t, "conformance-logout.mjs") }

func TestConformanceCIBA(t *testing.T) { hear(t, "conformance-ciba.mjs") }
