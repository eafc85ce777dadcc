package main

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"countersign/api/rp"
	"countersign/crypto/p256"
	"countersign/session"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	paidData     = "A1*A100EUR*NRent"
	shownPayment = `{"issuer":"https://login.example.com","service":{"id":"shop","name":"Acme Shop"},"origin":"https://login.example.com","scopes":[],"mode":"enter","operation":{"name":"pay","data":"` + paidData + `","form":{"title":"Payment"}}}`
)

// The key of the example operation, which is that of RFC 7517 A.2.
const exampleKey = "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"

// The lines of the text that a phone signs when it decides (docs/protocol.md).
const (
	linePurpose  = 0
	lineIssuer   = 1
	linePhone    = 4
	lineService  = 5
	lineDecision = 6
	lineDisplay  = 9
	lineTime     = 10
	lineNonce    = 11
)

// A forger makes operations that were approved, and changes them before or after
// the phone signs.
type forger struct {
	key     p256.PrivateKey
	lines   []string
	display string
}

func newForger(t *testing.T) *forger {
	t.Helper()
	key, err := p256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &forger{key, []string{"countersign-verify-v1", "https://login.example.com", "sess_AAECAwQFBgcICQoLDA0ODw", "tok_EBESExQVFhcYGRobHB0eHw", "dev_ICEiIyQlJicoKSorLC0uLw",
		"shop", "approve", "048291", "", "", "1767225630", "BwcHBwcHBwcHBwcHBwcHBw"}, shownPayment}
}

// sign gives the operation with its proof; the hash of the display is signed unless
// another is there already.
func (f *forger) sign() map[string]any {
	lines := slices.Clone(f.lines)
	if len(lines) > lineDisplay && lines[lineDisplay] == "" {
		lines[lineDisplay] = session.DisplayHash(f.display)
	}
	text := strings.Join(lines, "\n")
	x, y := f.key.Public().JWK()
	return map[string]any{"operationId": "op_AAECAwQFBgcICQoLDA0ODw", "name": "pay", "data": paidData, "form": map[string]any{"title": "Payment"}, "tokenId": f.lines[3], "result": "DONE",
		"proof": map[string]any{"text": text, "signature": f.key.Sign([]byte(text)).String(), "display": f.display, "deviceId": "dev_ICEiIyQlJicoKSorLC0uLw", "approvedAt": "2026-01-01T00:00:30Z",
			"publicKeyJwk": map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y}}}
}

func written(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wrongIn runs the command and gives the checks that do not hold.
func wrongIn(t *testing.T, text string, args ...string) (wrong []string, out string) {
	t.Helper()
	out, errs, code := command(t, text, append([]string{"proof", "verify", "--json"}, args...)...)
	var j proofJudgement
	if err := json.Unmarshal([]byte(out), &j); err != nil {
		t.Fatalf("%v in %s, %s", err, out, errs)
	}
	for _, f := range j.Checks {
		if !f.Good {
			wrong = append(wrong, f.Check)
		}
	}
	if good := len(wrong) == 0; good != (code == 0) || good != j.Good || good != (j.Approved != nil) || !good && !strings.Contains(errs, "does not hold: "+strings.Join(wrong, ", ")+"\n") {
		t.Errorf("exit %d, good %v, approved %v, %s", code, j.Good, j.Approved, errs)
	}
	return wrong, out
}

// A proofTry is a proof that is made differently, or changed after it was signed.
type proofTry struct {
	before func(f *forger)
	after  func(v map[string]any)
	args   []string
	wrong  []string
}

// part is a member of an operation that is a group.
func part(v map[string]any, name string) map[string]any {
	m, _ := v[name].(map[string]any)
	return m
}

// line signs another line of the text.
func line(i int, value string) func(f *forger) { return func(f *forger) { f.lines[i] = value } }

// shows signs another display.
func shows(before, after string) func(f *forger) {
	return func(f *forger) { f.display = strings.Replace(shownPayment, before, after, 1) }
}

// ofLogin is a display of a login.
func ofLogin(f *forger) {
	f.display = shownPayment[:strings.Index(shownPayment, `,"operation"`)] + "}"
}

// member changes a member of the proof.
func member(name string, change func(string) string) func(v map[string]any) {
	return func(v map[string]any) {
		p := part(v, "proof")
		text, _ := p[name].(string)
		p[name] = change(text)
	}
}

// says changes a member of the operation beside the proof; nil takes it away.
func says(name string, value any) func(v map[string]any) {
	return func(v map[string]any) {
		if v[name] = value; value == nil {
			delete(v, name)
		}
	}
}

// bare says a login: no data and no form.
func bare(v map[string]any) {
	v["name"] = "login"
	delete(v, "data")
	delete(v, "form")
}

func notAsWanted(thumbprint string) map[string]proofTry {
	return map[string]proofTry{
		"good":            {},
		"as it should be": {args: []string{"--issuer", "https://login.example.com/", "--service", "shop", "--data", paidData, "--jwk-thumbprint", thumbprint}},
		"another issuer":  {args: []string{"--issuer", "https://login.example.org"}, wrong: []string{"issuer"}},
		"another service": {args: []string{"--service", "bank"}, wrong: []string{"service"}},
		"other data":      {args: []string{"--data", paidData + " "}, wrong: []string{"operation"}},
		"no data":         {args: []string{"--data", ""}, wrong: []string{"operation"}},
		"another key":     {args: []string{"--jwk-thumbprint", exampleKey}, wrong: []string{"key"}},
		"not done":        {after: says("result", "FAILED"), wrong: []string{"operation"}},
		"another name":    {after: says("name", "gift"), wrong: []string{"operation"}},
		"said other data": {after: says("data", "A1*A900EUR*NRent"), wrong: []string{"operation"}},
		"another form":    {after: says("form", map[string]any{"title": "Gift"}), wrong: []string{"operation"}},
		"no form":         {after: says("form", nil), wrong: []string{"operation"}},
		"another user":    {after: says("tokenId", "tok_other"), wrong: []string{"user"}},
		"no user":         {after: says("tokenId", nil), wrong: []string{"user"}},
		"another phone":   {after: member("deviceId", func(string) string { return "dev_other" }), wrong: []string{"user"}},
		"the proof alone": {after: func(v map[string]any) {
			p := part(v, "proof")
			clear(v)
			maps.Copy(v, p)
		}},
		"a login":            {before: ofLogin, wrong: []string{"operation"}},
		"a login by itself":  {before: ofLogin, after: bare},
		"a login for a name": {before: ofLogin, after: func(v map[string]any) { bare(v); v["name"] = "pay" }, wrong: []string{"operation"}},
		"a login for a form": {before: ofLogin, after: func(v map[string]any) { bare(v); v["form"] = map[string]any{"title": "Payment"} }, wrong: []string{"operation"}},
		"a login not done":   {before: ofLogin, after: func(v map[string]any) { bare(v); v["result"] = "FAILED" }, wrong: []string{"operation"}},
		"a login, and data":  {before: ofLogin, after: bare, args: []string{"--data", paidData}, wrong: []string{"operation"}},
	}
}

func signedWrong() map[string]proofTry {
	lines := []string{"text", "time", "issuer", "service", "user", "display"}
	return map[string]proofTry{
		"declined":           {before: line(lineDecision, "deny"), wrong: []string{"text"}},
		"a claim":            {before: line(linePurpose, "countersign-claim-v1"), wrong: []string{"text"}},
		"a later version":    {before: line(linePurpose, "countersign-verify-v2"), wrong: []string{"text"}},
		"a line more":        {before: func(f *forger) { f.lines = append(f.lines, "") }, wrong: lines},
		"a line less":        {before: func(f *forger) { f.lines = f.lines[:lineNonce] }, wrong: lines},
		"no time":            {before: line(lineTime, "now"), wrong: []string{"time"}},
		"time with a sign":   {before: line(lineTime, "+1767225630"), wrong: []string{"time"}},
		"time without end":   {before: line(lineTime, "99999999999999"), wrong: []string{"time"}},
		"another's issuer":   {before: line(lineIssuer, "https://login.example.org"), wrong: []string{"issuer"}},
		"another's service":  {before: line(lineService, "bank"), wrong: []string{"service"}},
		"another phone":      {before: line(linePhone, "dev_other"), wrong: []string{"user"}},
		"another hash":       {before: line(lineDisplay, exampleKey), wrong: []string{"display"}},
		"no display":         {before: func(f *forger) { f.display = "hello" }, wrong: []string{"issuer", "service", "display", "operation"}},
		"two data":           {before: shows(`"data":`, `"data":"A1*A900EUR","data":`), wrong: []string{"display", "operation"}},
		"data in upper case": {before: shows(`"data":`, `"DATA":`), wrong: []string{"operation"}},
	}
}

func changedAfter(t *testing.T) map[string]proofTry {
	return map[string]proofTry{
		"another display": {after: member("display", func(s string) string { return strings.Replace(s, "Rent", "Gift", 1) }), wrong: []string{"display", "operation"}},
		"a space more":    {after: member("display", func(s string) string { return s + " " }), wrong: []string{"display"}},
		"another text":    {after: member("text", func(s string) string { return strings.Replace(s, "048291", "048292", 1) }), wrong: []string{"signature"}},
		"an emptied key":  {after: func(v map[string]any) { part(v, "proof")["publicKeyJwk"] = map[string]any{} }, wrong: []string{"key", "signature"}},
		"another's key": {after: func(v map[string]any) {
			part(v, "proof")["publicKeyJwk"] = part(newForger(t).sign(), "proof")["publicKeyJwk"]
		}, wrong: []string{"signature"}},
		"a key off the curve": {after: func(v map[string]any) { k := part(part(v, "proof"), "publicKeyJwk"); k["x"], k["y"] = k["y"], k["x"] }, wrong: []string{"key", "signature"}},
		"an RSA key":          {after: func(v map[string]any) { part(part(v, "proof"), "publicKeyJwk")["kty"] = "RSA" }, wrong: []string{"key", "signature"}},
		"no signature":        {after: member("signature", func(string) string { return "" }), wrong: []string{"signature"}},
		"zeros":               {after: member("signature", func(string) string { return strings.Repeat("A", 86) }), wrong: []string{"signature"}},
		"padded":              {after: member("signature", func(s string) string { return s + "==" }), wrong: []string{"signature"}},
		"broken in two":       {after: member("signature", func(s string) string { return s[:40] + "\n" + s[40:] }), wrong: []string{"signature"}},
		"DER": {after: member("signature", func(text string) string {
			s, err := p256.DecodeSignature(text)
			if err != nil {
				t.Fatal(err)
			}
			return base64.RawURLEncoding.EncodeToString(s.DER())
		}), wrong: []string{"signature"}},
	}
}

// TestProofVerify: of every proof it is said what is wrong with it.
func TestProofVerify(t *testing.T) {
	f := newForger(t)
	for _, list := range []map[string]proofTry{notAsWanted(f.key.Public().Thumbprint()), signedWrong(), changedAfter(t)} {
		for what, x := range list {
			g := &forger{f.key, slices.Clone(f.lines), f.display}
			if x.before != nil {
				x.before(g)
			}
			v := g.sign()
			if x.after != nil {
				x.after(v)
			}
			if wrong, out := wrongIn(t, written(t, v), x.args...); !slices.Equal(wrong, x.wrong) {
				t.Errorf("%s: wrong %v, want %v\n%s", what, wrong, x.wrong, out)
			}
		}
	}
}

// TestProofFromAFile: however it is written, it is the same, and it is said what was
// approved.
func TestProofFromAFile(t *testing.T) {
	f := newForger(t)
	pretty, err := json.MarshalIndent(f.sign(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "done.json")
	if err := os.WriteFile(file, pretty, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := command(t, "", "proof", "verify", file)
	for _, want := range []string{paidData, "2026-01-01T00:00:30Z", f.key.Public().Thumbprint(), "tok_EBESExQVFhcYGRobHB0eHw", "Acme Shop (shop)", "Payment"} {
		if !strings.Contains(out, want) || code != 0 || errs != "" {
			t.Errorf("%q is not in %s (%d %s)", want, out, code, errs)
		}
	}
}

// TestProofOfAnyByte: whichever byte of what was signed, shown or of the signature
// is another, the proof does not hold.
func TestProofOfAnyByte(t *testing.T) {
	fine, _ := newForger(t).sign()["proof"].(map[string]any)
	b := []byte(written(t, fine))
	p, err := parseProof(b)
	if err != nil || !judgeProof(rp.Judge{}, p).Good {
		t.Fatalf("%+v, %v", judgeProof(rp.Judge{}, p), err)
	}
	for what, member := range map[string]*string{"text": &p.proof.Text, "signature": &p.proof.Signature, "display": &p.proof.Display} {
		kept := *member
		for i := range kept {
			for _, bit := range []byte{1, 2, 64} {
				changed := []byte(kept)
				changed[i] ^= bit
				*member = string(changed)
				if judgeProof(rp.Judge{}, p).Good {
					t.Errorf("byte %d of the %s is another: %q", i, what, changed)
				}
			}
		}
		*member = kept
	}
}

// TestNoProof: what is no proof is not taken for one, and nothing of it is repeated.
func TestNoProof(t *testing.T) {
	fine := written(t, newForger(t).sign())
	for what, x := range map[string]struct{ text, want string }{
		"nothing":            {"", "not one JSON object"},
		"a word":             {"secret", "not one JSON object"},
		"a list":             {"[" + fine + "]", "not one JSON object"},
		"null":               {"null", "neither a text nor a proof"},
		"something behind":   {fine + " x", "not one JSON object"},
		"two":                {fine + fine, "not one JSON object"},
		"a member twice":     {`{"proof":{},` + fine[1:], "not one JSON object"},
		"within it":          {strings.Replace(fine, `"text":`, `"text":"secret","text":`, 1), "not one JSON object"},
		"another type":       {`{"text":{"secret":1}}`, "not of its type: /text"},
		"a proof of a type":  {`{"operationId":"op_1","result":"DONE","proof":"secret"}`, "not of its type: /proof"},
		"no operation":       {`{"sub":"secret"}`, "neither a text nor a proof"},
		"one that goes on":   {`{"operationId":"op_1","result":"CONTINUE"}`, `has no proof: its result is "CONTINUE"`},
		"one that failed":    {`{"operationId":"op_1","result":"FAILED\u001b[2J"}`, "has no proof: its result is"},
		"a pairwise service": {`{"operationId":"op_1","result":"DONE"}`, "users by ids of their own"},
		"too long":           {strings.Repeat(" ", maxProof) + fine, "longer than"},
	} {
		out, errs, code := command(t, x.text, "proof", "verify")
		if code != 1 || out != "" || !strings.Contains(errs, x.want) || strings.Contains(errs, "secret") || strings.Contains(errs, "\x1b") {
			t.Errorf("%s: %d %q %q", what, code, out, errs)
		}
	}
}

// TestProofPrintsHarmless: a proof may be a stranger's.
func TestProofPrintsHarmless(t *testing.T) {
	f := newForger(t)
	f.display = strings.ReplaceAll(strings.Replace(shownPayment, "Acme Shop", `\u001b[2J\u202e`, 1), "Payment", `\u001b]0;x\u0007`)
	v := f.sign()
	delete(v, "form")
	proof, _ := v["proof"].(map[string]any)
	for _, args := range [][]string{{"proof", "verify"}, {"proof", "verify", "--json"}} {
		if out, errs, code := command(t, written(t, proof), args...); code != 0 || strings.ContainsAny(out+errs, "\x1b\u202e\a") {
			t.Errorf("%d %q %q", code, out, errs)
		}
	}
}

// TestProofsOfTheDocuments: the examples in api/openapi.yaml and docs/protocol.md are
// one, and it is real.
func TestProofsOfTheDocuments(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n### The proof\n")
	_, block, _ := strings.Cut(section, "```json\n")
	block, _, found := strings.Cut(block, "```\n")
	if !found {
		t.Fatal("docs/protocol.md has no example of a proof")
	}
	contract := written(t, doc.Components.Examples["operation_done"].Value.Value)
	var one, other any
	if json.Unmarshal([]byte(contract), &one) != nil || json.Unmarshal([]byte(block), &other) != nil || !reflect.DeepEqual(one, other) {
		t.Errorf("the examples are two: %s and %s", contract, block)
	}
	for _, text := range []string{contract, block} {
		if wrong, out := wrongIn(t, text, "--issuer", "https://login.example.com", "--service", "demo", "--data", "A1*A100EUR*IDE89370400440532013000*NRent", "--jwk-thumbprint", exampleKey); len(wrong) > 0 {
			t.Error(out)
		}
	}
}
