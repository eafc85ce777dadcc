package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"countersign/server"
	"countersign/session"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// A keeper is an authenticator of a tab, which asks its user nothing.
type keeper struct {
	*tab
	id webauthn.AuthenticatorID
}

// keeps gives a tab an authenticator.
func (b *tab) keeps() *keeper {
	b.t.Helper()
	k := &keeper{tab: b}
	b.call("authenticator", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		made, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, AutomaticPresenceSimulation: true, IsUserVerified: true}})
		k.id = made.AuthenticatorID
		return err
	})
	return k
}

// knowsUser says whether the authenticator recognises its user.
func (k *keeper) knowsUser(is bool) {
	k.t.Helper()
	k.call("user", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: k.id, IsUserVerified: is})
		return err
	})
}

// lies says whether the authenticator's signatures are none.
func (k *keeper) lies(is bool) {
	k.t.Helper()
	k.call("signatures", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: k.id, IsBogusSignature: &is})
		return err
	})
}

// keyFlows are a login that a passkey may take, and the way to one.
func keyFlows(c *server.Config) {
	c.Flows = map[string]any{
		"login":       map[string]any{"steps": []any{"identify", []any{"device", "passkey"}}},
		"add_passkey": map[string]any{"steps": []any{"identify", "device", "passkey_add"}},
	}
}

// The shop sends Alice to make a passkey, which her phone approves; from then on she
// logs in at a client by it, with neither her id nor her phone, and the client is told
// so.
func TestPasskey(t *testing.T) {
	s, listed := openShop(t)
	c := newParty(t, listed, keyFlows)
	s.World = c.World
	alice := c.Phone(0)
	add := s.order("name", "add_passkey", "tokenId", alice.Token, "data", "Create a passkey", "form", json.RawMessage(`{"title":"Create a passkey at Acme Shop"}`))
	l := s.visit(newProfile(t), add)
	keys := l.keeps()
	c.decide(alice, session.Approve, l.code())
	l.see("A passkey logs you in on this device without your phone.")
	l.audit("a passkey to be made")
	l.click(action("use"))
	s.back(l)

	l.visit(c.address())
	l.see("Log in to Acme Bank")
	l.seeElement(action("passkey"))
	l.audit("who logs in, or which passkey")
	// What is given is seen before anything is signed.
	l.click(action("passkey"))
	l.see("What Acme Bank will learn")
	l.see("Your name")
	l.audit("what is given by a passkey")
	l.click(action("use"))
	o := c.loggedIn(l)
	c.has(o, map[string]any{"sub": alice.Token, "aud": hostedID, "acr": "urn:countersign:passkey"})
	if fmt.Sprint(o.IDToken["amr"]) != "[swk user]" {
		t.Errorf("logged in by %v", o.IDToken["amr"])
	}
	if waiting, err := alice.Pending(t.Context()); err != nil || len(waiting.Sessions) != 0 {
		t.Errorf("the phone was asked: %+v, %v", waiting, err)
	}

	// Where the user is not recognised nothing is sent; the way stays, and the others.
	keys.knowsUser(false)
	l.visit(c.address("prompt", "login"))
	l.click(action("passkey"))
	l.click(action("use"))
	l.see("No passkey was used. Try again, or choose another way.")
	l.audit("no passkey was used")
	keys.knowsUser(true)
	// What is no signature is refused, at most three times.
	keys.lies(true)
	for range 3 {
		l.click(action("use"))
		l.see("That passkey did not work. Try again, or choose another way.")
	}
	l.gone(action("use"))
	keys.lies(false)
	l.click(action("notYou"))
	l.seeElement("#user")
	l.identify(alice.Token)
	l.code()
	c.decide(alice, session.Approve, l.code(), "identity:name")
	c.has(c.loggedIn(l), map[string]any{"acr": session.Typed})

	// A passkey that is there already is not made again.
	l.visit(s.order("name", "add_passkey", "tokenId", alice.Token, "data", "Create a passkey", "form", json.RawMessage(`{"title":"Create a passkey"}`)).URL)
	c.decide(alice, session.Approve, l.code())
	l.click(action("use"))
	l.see("This device already has a passkey for you.")
	l.click(action("cancel"))
	s.back(l)
}

// A browser without passkeys is offered none; and beside the login by a phone a
// passkey is one click away, and the way back from it.
func TestPasskeyBesideThePhone(t *testing.T) {
	c := newParty(t, keyFlows)
	alice := c.Phone(0)
	l := c.visit(newProfile(t), "login_hint", alice.Token)
	l.code()
	l.click(action("take-passkey"))
	l.see("Your device asks for your fingerprint, your face or its PIN.")
	l.click(action("take-device"))
	c.decide(alice, session.Approve, l.code(), "identity:name")
	c.has(c.loggedIn(l), map[string]any{"sub": alice.Token, "acr": session.Typed})

	old := newProfile(t).open("about:blank")
	old.call("an old browser", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: "delete window.PublicKeyCredential"})
		return err
	})
	l = &loginPage{old.visit(c.address())}
	l.seeElement(action("scan"))
	if eval[bool](l.tab, fmt.Sprintf("look.find(%s) !== null && look.find(%[1]s) !== undefined", quote(action("passkey")))) {
		t.Error("an old browser is offered a passkey")
	}
	l.identify(alice.Token)
	l.code()
	l.gone(action("take-passkey"))
}
