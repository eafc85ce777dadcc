package session

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
	"time"

	"countersign/crypto/keyring"
	"countersign/crypto/p256"
	"countersign/device"
)

// The vectors in testdata were made by another implementation.
func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFormulas(t *testing.T) {
	var file struct {
		Hash []struct {
			ResponseKey, Random, JWT, ExpiresAt, Hash string
			SessionID                                 ID
		}
		QR []struct {
			QRKey, C  string
			SessionID ID
			T         int64
		}
		Handover []struct {
			QRKey, H  string
			SessionID ID
		}
	}
	readVectors(t, "formulas.json", &file)
	if len(file.Hash) == 0 || len(file.QR) == 0 || len(file.Handover) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Hash {
		if got := Hash(unbase64(t, v.ResponseKey), v.SessionID, v.Random, v.JWT, v.ExpiresAt); got != v.Hash {
			t.Errorf("hash %s, want %s", got, v.Hash)
		}
	}
	for _, v := range file.Handover {
		if got := Handover(unbase64(t, v.QRKey), v.SessionID); got != v.H {
			t.Errorf("h is %s, want %s", got, v.H)
		}
	}
	for _, v := range file.QR {
		if got := QRCode(unbase64(t, v.QRKey), v.SessionID, v.T); got != v.C {
			t.Errorf("c of t=%d is %s, want %s", v.T, got, v.C)
		}
	}
}

// signatureVectors are the texts a phone signs, with good and bad signatures.
type signatureVectors struct {
	PublicKeyJWK struct{ Kty, Crv, X, Y string }
	Display      string
	DisplayHash  string
	Cases        []struct {
		Name, Text     string
		Valid, Invalid []struct{ Form, Why, Signature string }
	}
}

// ourTexts are the texts as this package makes them, by the vectors' names.
func ourTexts(display string) map[string]string {
	const (
		issuer  = "https://login.example.com"
		session = ID("sess_AAECAwQFBgcICQoLDA0ODw")
	)
	signed := Signed{Token: "tok_EBESExQVFhcYGRobHB0eHw", Device: "dev_ICEiIyQlJicoKSorLC0uLw", Timestamp: 1767225600, Nonce: "BwcHBwcHBwcHBwcHBwcHBw"}
	approve := Verification{Signed: signed, Session: session, Decision: Approve, OTP: "048291", Display: DisplayHash(display),
		Scopes: []string{"identity:name", "identity:age_over_18"}}
	deny := approve
	deny.Decision, deny.OTP, deny.Scopes = Deny, "", nil
	plain := approve
	plain.Scopes = nil
	return map[string]string{
		"pending":               string(PendingRequest{signed}.text(issuer)),
		"claim, typed":          string(ClaimRequest{Signed: signed, Session: session}.text(issuer)),
		"claim, scanned":        string(ClaimRequest{Signed: signed, Session: session, Scan: "7:AAAAAAAAAAAAAAAA"}.text(issuer)),
		"verify approve":        string(approve.text(issuer, "demo")),
		"verify deny":           string(deny.text(issuer, "demo")),
		"device rename":         string(device.VerbText(device.RenameVerb, issuer, signed.Token, signed.Device, "Alice’s phone ✓", signed.Timestamp, signed.Nonce)),
		"device ws":             string(device.VerbText(device.ListenVerb, issuer, signed.Token, signed.Device, "", signed.Timestamp, signed.Nonce)),
		"legacy v0":             plain.textsV0()[0],
		"legacy v0 with scopes": approve.textsV0()[0],
	}
}

// The texts are the vectors' byte for byte, every valid signature of them is
// accepted in every form, every invalid one refused.
func TestSignedTexts(t *testing.T) {
	var file signatureVectors
	readVectors(t, "signatures.json", &file)
	if got := DisplayHash(file.Display); got != file.DisplayHash {
		t.Errorf("displayHash %s, want %s", got, file.DisplayHash)
	}
	k := file.PublicKeyJWK
	key, err := p256.ParseJWK(k.Kty, k.Crv, k.X, k.Y)
	if err != nil {
		t.Fatal(err)
	}
	const id = device.ID("dev_ICEiIyQlJicoKSorLC0uLw")
	identity := device.Identity{Devices: []device.Device{{ID: id, Key: key}}}
	texts, seen := ourTexts(file.Display), 0
	for _, c := range file.Cases {
		text, ours := texts[c.Name]
		if !ours {
			continue // the device room's, or not spoken here yet
		}
		seen++
		if text != c.Text {
			t.Errorf("%s:\n got %q\nwant %q", c.Name, text, c.Text)
		}
		for _, v := range c.Valid {
			if _, err := new(Service).signature(Signed{Device: id, Signature: v.Signature}, identity, []byte(text)); err != nil {
				t.Errorf("%s, %s: %v", c.Name, v.Form, err)
			}
		}
		for _, v := range c.Invalid {
			if _, err := new(Service).signature(Signed{Device: id, Signature: v.Signature}, identity, []byte(text)); err == nil {
				t.Errorf("%s, %s: accepted", c.Name, v.Why)
			}
		}
	}
	if seen != len(texts) {
		t.Errorf("%d of %d texts have a vector", seen, len(texts))
	}
}

// The display text of the vectors is what this package writes.
func TestDisplayVector(t *testing.T) {
	var file signatureVectors
	readVectors(t, "signatures.json", &file)
	s := Session{Origin: "https://bank.example", Scopes: []device.Scope{device.AgeOver18, device.Name}, Mode: Enter,
		Requester: &Requester{IP: "203.0.113.9", UserAgent: "Firefox on Linux"}}
	got, err := s.display("https://login.example.com", RelyingParty{ID: "demo", Name: "Acme Bank"}, false)
	if err != nil || got != file.Display {
		t.Errorf("got  %s, %v\nwant %s", got, err, file.Display)
	}
}

// The text's order of scopes is not the request's, and making it leaves the
// request as it was.
func TestTextSortsACopy(t *testing.T) {
	v := Verification{Scopes: []string{"b", "a"}}
	v.text("i", "s")
	if v.Scopes[0] != "b" {
		t.Error("making the text sorted the request's own scopes")
	}
}

// Each secret of a session is its own, and of one master secret.
func TestSecretsAreApart(t *testing.T) {
	newSecrets := func(secret string) Secrets {
		m, err := keyring.NewMaster([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return Secrets{Master: m}
	}
	a, b := newSecrets("0123456789abcdef0123456789abcdef"), newSecrets("fedcba9876543210fedcba9876543210")
	seen := map[string]string{}
	for name, x := range map[string]Secrets{"a": a, "b": b} {
		for _, id := range []ID{"sess_AAECAwQFBgcICQoLDA0ODw", "sess_AQECAwQFBgcICQoLDA0ODw"} {
			s := Session{ID: id, Secret: x.Master.First()}
			qr := base64.RawURLEncoding.EncodeToString(x.QRKey(s))
			for what, v := range map[string]string{"wsToken": x.WSToken(s), "qrKey": qr, "random": x.Random(s)} {
				key := name + " " + string(id) + " " + what
				if seen[v] != "" {
					t.Errorf("%s is %s", key, seen[v])
				}
				seen[v] = key
			}
			if len(x.WSToken(s)) != 43 || len(x.QRKey(s)) != 32 || len(x.Random(s)) != 32 {
				t.Errorf("lengths %d, %d, %d", len(x.WSToken(s)), len(x.QRKey(s)), len(x.Random(s)))
			}
			if !x.CheckWSToken(id, x.WSToken(s)) || x.CheckWSToken(id+"A", x.WSToken(s)) || x.CheckWSToken(id, "") {
				t.Error("wsToken is checked wrongly")
			}
		}
	}
}

// A verifier opens a session with a challenge, and none opens one without.
func TestBound(t *testing.T) {
	const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
	s := Session{Challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}
	if !s.Bound(verifier) || s.Bound("") || s.Bound(verifier[1:]) || s.Bound(s.Challenge) {
		t.Error("with a challenge")
	}
	if open := (Session{}); !open.Bound("") || !open.Bound("anything") {
		t.Error("without a challenge")
	}
}

// Elapsed is whole seconds, and never negative.
func TestElapsed(t *testing.T) {
	s := Session{CreatedAt: tableStart()}
	for pass, want := range map[time.Duration]int64{-time.Second: 0, 0: 0, 999 * time.Millisecond: 0, time.Second: 1, 90 * time.Second: 90} {
		if got := s.Elapsed(tableStart().Add(pass)); got != want {
			t.Errorf("after %s: %d, want %d", pass, got, want)
		}
	}
}
