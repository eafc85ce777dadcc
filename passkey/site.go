package passkey

import (
	"encoding/json"
	"net"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// A Site is what passkeys are made for. Authenticators give them to no other.
type Site struct {
	ID     string // the RP ID, a domain
	Origin string // of the only pages that may ask for them
}

// SiteOf is that of an issuer; ok is false if there can be no passkeys for it, as
// its host is an address and not a name.
func SiteOf(issuer string) (s Site, ok bool) {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil {
		return s, false
	}
	return Site{ID: u.Hostname(), Origin: u.Scheme + "://" + u.Host}, true
}

// timeMost is how long an authenticator is given at most; browsers take no more.
const timeMost = 10 * time.Minute

func timeout(left time.Duration) int {
	return int(max(time.Second, min(left, timeMost)).Milliseconds())
}

// assertionWish is PublicKeyCredentialRequestOptions. The list is empty, and told
// so, because a list would say whom it is for.
type assertionWish struct {
	protocol.PublicKeyCredentialRequestOptions
	AllowCredentials []string `json:"allowCredentials"`
}

// Ask is what a browser is asked for an assertion with: any passkey of the site.
func (s Site) Ask(challenge []byte, left time.Duration) ([]byte, error) {
	return json.Marshal(assertionWish{PublicKeyCredentialRequestOptions: protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, Timeout: timeout(left), RelyingPartyID: s.ID, UserVerification: protocol.VerificationRequired,
	}, AllowCredentials: []string{}})
}

// algorithms are those that a passkey may sign by, the best known first.
func algorithms() []protocol.CredentialParameter {
	var list []protocol.CredentialParameter
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		list = append(list, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return list
}

// AskNew is what a browser is asked for a new passkey with, for a wallet. name is
// what the authenticator calls the account, for its user alone.
func (s Site) AskNew(w Wallet, name string, challenge []byte, left time.Duration) ([]byte, error) {
	there := []protocol.CredentialDescriptor{}
	for _, p := range w.Passkeys {
		there = append(there, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: p.ID})
	}
	must := true
	return json.Marshal(protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{CredentialEntity: protocol.CredentialEntity{Name: s.ID}, ID: s.ID},
		User: protocol.UserEntity{CredentialEntity: protocol.CredentialEntity{Name: name}, DisplayName: name,
			ID: protocol.URLEncodedBase64(w.Handle)},
		Challenge: challenge, Parameters: algorithms(), Timeout: timeout(left), CredentialExcludeList: there,
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: &must,
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		Attestation: protocol.PreferNoAttestation,
	})
}
