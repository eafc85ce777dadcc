package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"countersign/api"
	"countersign/device"
)

// operatorTokenPrefix begins every static token that is made here, so that one which
// has got out can be recognised.
const operatorTokenPrefix = "countersign_"

// NewOperatorToken makes a static token of 256 random bits for an operator, and the
// line of admin.tokensFile that lets it in. ok is false if the name is not good.
func NewOperatorToken(name string, changes bool) (token, line string, ok bool) {
	if !isOperatorName(name) {
		return "", "", false
	}
	var b [32]byte
	rand.Read(b[:])
	token = operatorTokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	scope := api.AuditScope
	if changes {
		scope = api.AdminScope
	}
	sum := sha256.Sum256([]byte(token))
	return token, name + " " + scope + " " + hex.EncodeToString(sum[:]), true
}

// isOperatorName says whether a static token may have a name. In the audit stream it
// must not pass for an identity's id.
func isOperatorName(name string) bool {
	return isVisibleASCII(name, 64) && !strings.HasPrefix(name, "tok_") && !strings.HasPrefix(name, "#")
}

// ParseOperatorTokens reads what admin.tokensFile holds. Complaints show no more of a
// line than its number.
func ParseOperatorTokens(text string) (tokens []api.AdminToken, err error) {
	names, hashes := map[string]bool{}, map[[sha256.Size]byte]bool{}
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		t, good := operatorToken(fields)
		switch {
		case !good:
			return nil, fmt.Errorf("line %d is not good", i+1)
		case names[t.Name] || hashes[t.Hash]:
			return nil, fmt.Errorf("line %d has the name or the token of another", i+1)
		}
		names[t.Name], hashes[t.Hash] = true, true
		tokens = append(tokens, t)
	}
	return tokens, nil
}

func (r *secretReader) operatorTokens(path, file string) []api.AdminToken {
	tokens, err := ParseOperatorTokens(string(r.read(path, file)))
	if err != nil {
		r.fail(path, "of the file it names, "+err.Error(), "name, countersign:admin or countersign:audit, and the SHA-256 of the token in hex, as `countersign admin token NAME` prints them")
	}
	return tokens
}

func operatorToken(fields []string) (t api.AdminToken, good bool) {
	if len(fields) != 3 || !isOperatorName(fields[0]) || fields[1] != api.AdminScope && fields[1] != api.AuditScope {
		return t, false
	}
	sum, err := hex.DecodeString(fields[2])
	if err != nil || len(sum) != sha256.Size {
		return t, false
	}
	return api.AdminToken{Name: fields[0], Changes: fields[1] == api.AdminScope, Hash: [sha256.Size]byte(sum)}, true
}

// ViewService is a service as operators see it, by the command line and by the
// operators' API.
func ViewService(s ServiceConfig) api.ServiceView {
	kind := "public"
	if s.SecretFile != "" || s.ClientKeysFile != "" {
		kind = "confidential"
	}
	return api.ServiceView{ServiceID: s.ID, Name: s.Name, Kind: kind, Modes: s.Modes,
		Scopes: append([]string{}, s.Scopes.Allowed...), Origins: append([]string{}, s.Origins...)}
}

// operatorIdentities may be granted the scopes of operators.
func operatorIdentities(cfg Config) (out []device.TokenID) {
	for _, id := range cfg.Admin.Identities {
		out = append(out, device.TokenID(id))
	}
	return out
}

// admin is the operators' API, if anybody may use it.
func (n *Node) admin() *api.Admin {
	client := slices.ContainsFunc(n.cfg.Services, func(s ServiceConfig) bool { return n.parties.byID[s.ID].Operators })
	if len(n.secrets.Operators) == 0 && !client {
		return nil
	}
	a := &api.Admin{Tokens: n.secrets.Operators, Services: []api.ServiceView{}, Passkeys: n.passkeys, Records: n.store,
		Identities: Operators{Store: n.store, Registry: n.devices, Passkeys: n.passkeys}}
	for _, s := range n.cfg.Services {
		a.Services = append(a.Services, ViewService(s))
	}
	return a
}
