package peers

import "testing"

// The library that most sites on Node use logs users in, with its own checks.
func TestOpenIDClient(t *testing.T) { hear(t, "openid-client.mjs") }

// Its lower half holds every single answer against its specification.
func TestOAuth4WebAPI(t *testing.T) { hear(t, "oauth4webapi.mjs") }
