package oidc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Whoever writes a client is told what is wrong, and nothing of what is behind it.
func TestReason(t *testing.T) {
	t.Parallel()
	leaf := errors.New("code is required")
	for what, x := range map[string]struct {
		err        error
		text, want string
	}{
		"a cause":               {goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", leaf), "invalid request", "code is required"},
		"a cause of a redirect": {fmt.Errorf("x: %w", goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", leaf)), "invalid request", "code is required"},
		"a cause with a cause":  {goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", fmt.Errorf("dial 10.0.0.5: %w", leaf)), "invalid request", "invalid request"},
		"a cause with two":      {goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", fmt.Errorf("%w: %w", leaf, errors.New("dial 10.0.0.5"))), "invalid request", "invalid request"},
		"causes joined":         {goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", errors.Join(errors.New("dial 10.0.0.5"))), "invalid request", "invalid request"},
		"none":                  {goidc.NewError(goidc.ErrorCodeInvalidRequest, "invalid request"), "invalid request", "invalid request"},
		"not of the library":    {leaf, "invalid request", "invalid request"},
		"not found":             {goidc.WrapError(goidc.ErrorCodeInvalidGrant, "invalid grant", goidc.ErrNotFound), "invalid grant", "invalid grant: it is unknown, spent or over"},
		"a client":              {goidc.WrapError(goidc.ErrorCodeInvalidClient, "invalid client", leaf), "invalid client", notKnown},
		"a text of ours":        {goidc.WrapError(errServer, "the server's fault", leaf), "the server's fault", "the server's fault"},
		"what a caller sent":    {goidc.WrapError(goidc.ErrorCodeInvalidScope, "invalid scope", errors.New("scope \"<\n\u00e1> is not")), "invalid scope", "scope ?<?\u003f> is not"},
		"plain":                 {goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", errors.New("code_challenge_method is not supported")), "invalid request", "code_challenge_method must be S256"},
		"much":                  {goidc.WrapError(goidc.ErrorCodeInvalidScope, "invalid scope", errors.New(strings.Repeat("x", 1000))), "invalid scope", strings.Repeat("x", mostReason)},
	} {
		if got := (&exchange{err: x.err}).reason(x.text); got != x.want {
			t.Errorf("%s: %q, want %q", what, got, x.want)
		}
	}
}
