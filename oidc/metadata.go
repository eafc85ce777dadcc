package oidc

import (
	"strings"

	"countersign/device"
	"countersign/operation"
	"countersign/session"
	"countersign/web"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Metadata is /.well-known/openid-configuration: OpenID Connect Discovery 1.0 §3
// and RFC 8414 §2.
type Metadata struct {
	Issuer                                     string   `json:"issuer"`
	JWKSURI                                    string   `json:"jwks_uri"`
	AuthorizationEndpoint                      string   `json:"authorization_endpoint"`
	TokenEndpoint                              string   `json:"token_endpoint"`
	UserinfoEndpoint                           string   `json:"userinfo_endpoint"`
	IntrospectionEndpoint                      string   `json:"introspection_endpoint"`
	RevocationEndpoint                         string   `json:"revocation_endpoint"`
	PushedAuthorizationRequestEndpoint         string   `json:"pushed_authorization_request_endpoint"`
	BackchannelAuthenticationEndpoint          string   `json:"backchannel_authentication_endpoint"`
	BackchannelTokenDeliveryModesSupported     []string `json:"backchannel_token_delivery_modes_supported"`
	EndSessionEndpoint                         string   `json:"end_session_endpoint"`
	BackchannelLogoutSupported                 bool     `json:"backchannel_logout_supported"`
	BackchannelLogoutSessionSupported          bool     `json:"backchannel_logout_session_supported"`
	BackchannelUserCodeParameterSupported      bool     `json:"backchannel_user_code_parameter_supported"`
	ResponseTypesSupported                     []string `json:"response_types_supported"`
	ResponseModesSupported                     []string `json:"response_modes_supported"`
	GrantTypesSupported                        []string `json:"grant_types_supported"`
	SubjectTypesSupported                      []string `json:"subject_types_supported"`
	IDTokenSigningAlgValuesSupported           []string `json:"id_token_signing_alg_values_supported"`
	TokenEndpointAuthMethodsSupported          []string `json:"token_endpoint_auth_methods_supported"`
	TokenEndpointAuthSigningAlgValuesSupported []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionEndpointAuthMethodsSupported  []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationEndpointAuthMethodsSupported     []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionEndpointAuthSigningAlgs       []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationEndpointAuthSigningAlgs          []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	DPoPSigningAlgValuesSupported              []string `json:"dpop_signing_alg_values_supported"`
	CodeChallengeMethodsSupported              []string `json:"code_challenge_methods_supported"`
	ScopesSupported                            []string `json:"scopes_supported"`
	ClaimsSupported                            []string `json:"claims_supported"`
	ACRValuesSupported                         []string `json:"acr_values_supported"`
	DisplayValuesSupported                     []string `json:"display_values_supported"`
	UILocalesSupported                         []string `json:"ui_locales_supported"`
	PromptValuesSupported                      []string `json:"prompt_values_supported"`
	ClaimsParameterSupported                   bool     `json:"claims_parameter_supported"`
	RequestParameterSupported                  bool     `json:"request_parameter_supported"`
	RequestURIParameterSupported               bool     `json:"request_uri_parameter_supported"`
	AuthorizationResponseIssParameterSupported bool     `json:"authorization_response_iss_parameter_supported"`
}

// acrs are the ways in which a login may have been approved.
func acrs() []string {
	return []string{session.Typed, session.Scanned, session.Compared, session.SameDevice, operation.MessageACR, operation.Offline, operation.PasskeyACR}
}

// displays are those that clients may name: there is one page, which fits each.
func displays() []string { return []string{"page", "popup", "touch", "wap"} }

// Metadata tells clients what there is.
func (p *Provider) Metadata() Metadata {
	algs := []string{"ES256", "RS256", "PS256"}
	methods := []string{"client_secret_basic", "private_key_jwt"}
	m := Metadata{
		Issuer: p.Issuer, JWKSURI: p.Issuer + "/.well-known/jwks.json",
		AuthorizationEndpoint: p.Issuer + pathAuthorize, TokenEndpoint: p.Issuer + pathToken, UserinfoEndpoint: p.Issuer + pathUserinfo,
		IntrospectionEndpoint: p.Issuer + pathIntrospect, RevocationEndpoint: p.Issuer + pathRevoke, PushedAuthorizationRequestEndpoint: p.Issuer + pathPAR,
		BackchannelAuthenticationEndpoint: p.Issuer + pathBackchannel, BackchannelTokenDeliveryModesSupported: []string{string(Poll), string(Ping)},
		EndSessionEndpoint: p.Issuer + pathEndSession, BackchannelLogoutSupported: true, BackchannelLogoutSessionSupported: true,
		ResponseTypesSupported: []string{"code"}, ResponseModesSupported: []string{"query", "form_post"},
		GrantTypesSupported: []string{"authorization_code", "refresh_token", string(goidc.GrantCIBA)}, SubjectTypesSupported: []string{"public"},
		IDTokenSigningAlgValuesSupported: []string{"ES256"}, TokenEndpointAuthMethodsSupported: append([]string{"none"}, methods...),
		TokenEndpointAuthSigningAlgValuesSupported: algs, IntrospectionEndpointAuthMethodsSupported: methods,
		IntrospectionEndpointAuthSigningAlgs: algs, RevocationEndpointAuthSigningAlgs: algs, // RFC 8414 §2: a must beside private_key_jwt
		RevocationEndpointAuthMethodsSupported: append([]string{"none"}, methods...), DPoPSigningAlgValuesSupported: []string{"ES256"},
		CodeChallengeMethodsSupported: []string{"S256"}, ScopesSupported: scopesSupported(),
		ClaimsSupported:        append(strings.Fields("iss sub aud iat exp jti sid nonce auth_time amr acr phone_number"), device.ClaimNames()...),
		ACRValuesSupported:     acrs(),
		DisplayValuesSupported: displays(), UILocalesSupported: web.Languages(),
		PromptValuesSupported: []string{"none", "login", "consent", "select_account"}, AuthorizationResponseIssParameterSupported: true,
	}
	if p.Pairwise {
		m.SubjectTypesSupported = []string{"public", "pairwise"}
	}
	return m
}
