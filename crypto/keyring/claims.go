package keyring

import "github.com/golang-jwt/jwt/v5"

// Claims are the claims of a token by name, as [Key.Sign] takes them. They are
// written in the order of their names, so the same claims are the same bytes.
type Claims = jwt.MapClaims
