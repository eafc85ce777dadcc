package server

import (
	"context"
	"crypto/sha256"
	"fmt"

	"countersign/device"
	"countersign/notify/webhook"
	"countersign/oidc"
	"countersign/operation"
	"countersign/session"
	"countersign/store"
)

// parties are the configured services as the session room knows them. It
// implements session.Parties, and does not change once loaded.
type parties struct {
	byID     map[string]session.RelyingParty
	byOrigin map[string][]string
}

func newParties(cfg Config, secrets Secrets) *parties {
	p := &parties{byID: map[string]session.RelyingParty{}, byOrigin: map[string][]string{}}
	for _, s := range cfg.Services {
		x := party(s, secrets.Services[s.ID])
		x.Operators = s.Admin && len(cfg.Admin.Identities) > 0
		p.byID[s.ID] = x
		for _, o := range s.Origins {
			p.byOrigin[o] = append(p.byOrigin[o], s.ID)
		}
	}
	return p
}

func party(s ServiceConfig, secret ServiceSecrets) session.RelyingParty {
	p := session.RelyingParty{
		ID: s.ID, Name: s.Name, Origins: s.Origins, Allowed: scopes(s.Scopes.Allowed), Default: scopes(s.Scopes.Default),
		Required: scopes(s.Scopes.Required), MaskLast2: s.Mask == "last2", Pairwise: s.Subject == "pairwise", TokenTTL: s.TokenTTL,
		RevealUnknown: s.RevealUnknown, RequireBinding: s.RequireBinding, AcceptV0: s.AcceptV0, ResponseKey: secret.ResponseKey,
		ReturnURL: s.ReturnURL, LegacyAuthResult: s.LegacyAuthResult, Webhook: s.Webhook.URL != "",
	}
	for _, m := range s.Modes {
		p.Modes = append(p.Modes, session.Mode(m))
	}
	if secret.Secret != nil {
		sum := sha256.Sum256(secret.Secret)
		p.SecretHash = sum[:]
	}
	return p
}

// terms are what the services ask their users to agree to.
func terms(cfg Config) map[string]operation.Terms {
	out := map[string]operation.Terms{}
	for _, s := range cfg.Services {
		if s.Consent.Version == "" {
			continue
		}
		t := operation.Terms{Version: s.Consent.Version, Validity: s.Consent.Validity}
		for _, o := range s.Consent.Options {
			t.Options = append(t.Options, operation.Term(o))
		}
		for _, x := range s.Consent.Texts {
			t.Texts = append(t.Texts, operation.TermsText{Language: x.Language, Text: string(x.Text), Options: x.Options})
		}
		out[s.ID] = t
	}
	return out
}

// usesOIDC says whether a service is a client of the OpenID Provider.
func (s ServiceConfig) usesOIDC() bool { return len(s.RedirectURIs) > 0 || s.CIBA.Delivery != "" }

// clients are the services that use OpenID Connect.
func clients(cfg Config, secrets Secrets) (out []oidc.Client) {
	for _, s := range cfg.Services {
		if s.usesOIDC() {
			out = append(out, oidc.Client{ID: s.ID, RedirectURIs: s.RedirectURIs, Keys: secrets.Services[s.ID].ClientKeys,
				RequirePAR: s.RequirePAR, RequireDPoP: s.RequireDPoP, Delivery: oidc.Delivery(s.CIBA.Delivery), NotificationURI: s.CIBA.NotificationURI,
				PostLogoutRedirectURIs: s.PostLogoutRedirectURIs, BackchannelLogoutURI: s.BackchannelLogoutURI})
		}
	}
	return out
}

// hooks are the webhooks of the services that have one.
func hooks(cfg Config, secrets Secrets) map[string]webhook.Hook {
	out := map[string]webhook.Hook{}
	for _, s := range cfg.Services {
		if s.Webhook.URL != "" {
			out[s.ID] = webhook.Hook{URL: s.Webhook.URL, Secrets: secrets.Services[s.ID].WebhookSecrets}
		}
	}
	return out
}

func scopes(names []string) []device.Scope {
	var out []device.Scope
	for _, n := range names {
		out = append(out, device.Scope(n))
	}
	return out
}

// load fetches or makes the keys that a service was not given in a file.
func (p *parties) load(ctx context.Context, st *store.Store) error {
	for id, s := range p.byID {
		response, subject, err := st.ServiceKeys(ctx, id, random32)
		if err != nil {
			return fmt.Errorf("server: keys of service %s: %w", id, err)
		}
		if s.ResponseKey == nil {
			s.ResponseKey = response
		}
		s.SubjectKey = subject
		p.byID[id] = s
	}
	return nil
}

// Party implements session.Parties.
func (p *parties) Party(id string) (session.RelyingParty, bool) {
	s, ok := p.byID[id]
	return s, ok
}

// ByOrigin implements session.Parties.
func (p *parties) ByOrigin(origin string) []string { return p.byOrigin[origin] }

func (p *parties) pairwise() bool {
	for _, s := range p.byID {
		if s.Pairwise {
			return true
		}
	}
	return false
}
