package oidc

import (
	"context"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// A Limiter bounds what callers who prove nothing may have stored.
type Limiter interface {
	// CountRequest counts a request of an address. device.LimitedError if it
	// has made too many.
	CountRequest(ctx context.Context, address string) error
	// CountBackchannel counts a CIBA request of a service about a user, whether
	// or not there is one. device.LimitedError if the service has made too many,
	// of all users or of this one.
	CountBackchannel(ctx context.Context, service, user string) error
	// CountGuess counts a wrong secret of a client that came from an address.
	// device.LimitedError if there were too many.
	CountGuess(ctx context.Context, address string) error
	// Guessing is the device.LimitedError of an address that sent too many wrong
	// secrets, as far as this node knows, which it need not ask anybody for.
	Guessing(address string) error
}

type callerKey struct{}

// WithCaller notes the address that a request to Handler comes from, as limits
// count it. Without it nothing is limited.
func WithCaller(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, callerKey{}, address)
}

// caller is the address of [WithCaller].
func caller(ctx context.Context) string {
	address, _ := ctx.Value(callerKey{}).(string)
	return address
}

// count counts a request that is about to be stored.
func (p *Provider) count(ctx context.Context) error { return p.Limiter.CountRequest(ctx, caller(ctx)) }

// pushed keeps the wishes of a pushed request, and counts what clients push that
// anybody can pretend to be. Those that authenticate push for all their users from
// one address.
func (p *Provider) pushed(ctx context.Context, as *goidc.AuthnSession, c *goidc.Client) error {
	if err := exchangeOf(ctx).wishes.put(as); err != nil {
		return err
	}
	if !c.IsPublic() {
		return nil
	}
	return p.count(ctx)
}
