// Package store keeps everything that outlives a request, in Redis: sessions,
// identities, operations, the provider's requests, grants and logins, limits,
// signing keys, the audit stream, and the messages between nodes. It is the only
// importer of go-redis.
//
// What it never does is decide: scripts compare versions, write, expire and
// publish, and name no state. What it never does either is trust Redis: every
// record and every hint is sealed under the master secret together with the
// name of its key, its version and the moment of its end (seal.go). Whoever can
// write to Redis can make the server forget and stall, but not approve.
//
// Every key name and lifetime is in keys.go. The keys of one session, and those
// of one identity, share a hash tag, so every script also runs on Redis
// Cluster. Commands are those of Redis 6.2, Valkey and the embedded server.
package store
