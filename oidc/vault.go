package oidc

import (
	"context"
	"errors"
	"time"
)

// What a [Vault] answers.
var (
	// ErrNotFound: nothing is kept under that id or name, or no longer.
	ErrNotFound = errors.New("oidc: not found")
	// ErrConflict: changed by another since it was read.
	ErrConflict = errors.New("oidc: changed meanwhile")
)

// A Kind is a sort of record. Records of different kinds share no ids.
type Kind string

// The kinds.
const (
	RequestKind Kind = "request" // an authorization request under way, also a pushed one
	GrantKind   Kind = "grant"   // what a user granted a client: its code, its refresh token
	LoginKind   Kind = "login"   // a browser login
)

// A Record is something kept until its end.
type Record struct {
	Kind    Kind
	ID      string
	Version uint64 // 1 is the first
	Value   []byte
	// Names are what it is found by, besides its id: codes, refresh tokens,
	// request ids. They are secrets of their own and never kept in clear. A
	// name stays until the record's end, also when a later version has it no
	// more: that is how a refresh token that was used before is recognised.
	Names []string
	Until time.Time
}

// A Vault keeps records, sealed, for every node alike.
type Vault interface {
	// Save writes a record if the stored version is r.Version-1 (1: none is
	// stored), in one atomic step. ErrConflict.
	Save(ctx context.Context, r Record) error
	// Load reads one; its Names are empty. ErrNotFound.
	Load(ctx context.Context, kind Kind, id string) (Record, error)
	// Find reads the record that a name stands for. ErrNotFound.
	Find(ctx context.Context, kind Kind, name string) (Record, error)
	// Once is true for the first caller with that name, and false for every
	// other until the time given.
	Once(ctx context.Context, name string, until time.Time) (bool, error)
}
