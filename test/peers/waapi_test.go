package peers

import (
	"testing"
	"time"

	"countersign/server"
)

// flows are those of the stories about the Web Authenticator API, besides the ones
// that there are without any configuration.
func flows() map[string]any {
	again := map[string]any{"CANCELED": "again", "AUTH_METHOD_FAILED": "second"}
	return map[string]any{
		// A phone is asked twice, and the first time it has two tries.
		"sign_twice": map[string]any{"steps": []any{"identify",
			map[string]any{"name": "first", "methods": []any{map[string]any{"method": "device", "attempts": 2}}, "on": again},
			map[string]any{"name": "look", "methods": []any{"review"}},
			map[string]any{"name": "second", "methods": []any{"device"}}}},

		"by_message":        map[string]any{"steps": []any{"identify", "review", []any{"device", "message"}}},
		"told":              map[string]any{"steps": []any{"identify", "message"}},
		"by_offline":        map[string]any{"steps": []any{"identify", "review", []any{"device", "offline"}}},
		"sign_offline":      map[string]any{"steps": []any{"identify", "offline"}},
		"every_way":         map[string]any{"steps": []any{"identify", "review", []any{"device", "message", "offline"}, "consent"}},
		"agree":             map[string]any{"steps": []any{"identify", "device", "consent"}},
		"phone_and_message": map[string]any{"factors": 2, "steps": []any{"identify", "device", "message"}},
	}
}

// terms are what the users of a client agree to, by its name among the clients.
func terms(of string) server.ConsentConfig {
	c := server.ConsentConfig{Version: "2026-01", Validity: 90 * 24 * time.Hour,
		Texts: []server.ConsentText{{Language: "en", Text: "The shop keeps\nyour data."}}}
	switch of {
	case "secret":
		c.Options = []server.ConsentOption{{ID: "terms", Required: true}, {ID: "news"}}
		c.Texts[0].Options = map[string]string{"terms": "I have read the terms.", "news": "Send me news."}
	case "tenant": // has no options
	default:
		return server.ConsentConfig{}
	}
	return c
}

// A page that was written from the contract's words alone takes operations through
// their steps, and holds every answer against them.
func TestWebAuthenticatorAPI(t *testing.T) { hear(t, "waapi.mjs") }

// So it does where a method is answered in the page.
func TestWebAuthenticatorAPIMethods(t *testing.T) { hear(t, "waapi-methods.mjs") }

// Whatever it may not have, it does not get.
func TestWebAuthenticatorAPIRefusals(t *testing.T) { hear(t, "waapi-refusals.mjs") }

// Under an https issuer, as there is in earnest, it has the cookies of that.
func TestWebAuthenticatorAPIOverHTTPS(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, "https://login.example.com", nil)
	for _, story := range list(t, "waapi-refusals.mjs") {
		t.Run(story, func(t *testing.T) { w.tell(t, "waapi-refusals.mjs", story) })
	}
}
