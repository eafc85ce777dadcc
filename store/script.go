package store

import (
	"context"
	"crypto/sha1" //nolint:gosec // EVALSHA names scripts by SHA-1; it protects nothing here
	"embed"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// A script is one of the Lua files, with the name EVALSHA knows it by.
type script struct{ source, sha string }

// scripts are all of them.
type scripts struct {
	swap, take, put, identity, limit, enlist, pending, wrong, guess, remember, reserve, once, heads, record, name, claim, hasten, register script
}

func loadScripts() scripts {
	return scripts{
		swap: loadScript("swap"), take: loadScript("take"), put: loadScript("put"), identity: loadScript("identity"), limit: loadScript("limit"),
		enlist: loadScript("enlist"), pending: loadScript("pending"), wrong: loadScript("wrong"), guess: loadScript("guess"),
		remember: loadScript("remember"), reserve: loadScript("reserve"), once: loadScript("once"), heads: loadScript("heads"),
		record: loadScript("record"), name: loadScript("name"), claim: loadScript("claim"), hasten: loadScript("hasten"), register: loadScript("register"),
	}
}

func (x scripts) all() []script {
	return []script{x.swap, x.take, x.put, x.identity, x.limit, x.enlist, x.pending, x.wrong, x.guess, x.remember, x.reserve, x.once, x.heads,
		x.record, x.name, x.claim, x.hasten, x.register}
}

func loadScript(name string) script {
	b, err := scriptFiles.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic("store: script " + name + " is not embedded")
	}
	source := strings.TrimSpace(string(b))
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return script{source: source, sha: hex.EncodeToString(sum[:])}
}

// queue puts a script into a pipeline.
func (x script) queue(ctx context.Context, pipe redis.Pipeliner, key string, args ...any) *call {
	return x.queueKeys(ctx, pipe, []string{key}, args...)
}

// queueKeys is queue for a script of several keys, which share a hash tag.
func (x script) queueKeys(ctx context.Context, pipe redis.Pipeliner, keys []string, args ...any) *call {
	c := &call{script: x, keys: keys, args: args}
	c.Cmd = pipe.EvalSha(ctx, x.sha, c.keys, args...)
	return c
}

// A call is a script in a pipeline.
type call struct {
	*redis.Cmd
	script script
	keys   []string
	args   []any
}

// again runs the script with its source if the server did not know it, as
// after a restart or a failover: go-redis does not do so inside pipelines.
func (c *call) again(ctx context.Context, db redis.Cmdable) {
	if redis.HasErrorPrefix(c.Err(), "NOSCRIPT") {
		c.Cmd = db.Eval(ctx, c.script.source, c.keys, c.args...)
	}
}

// run runs a script by itself, in a trip of its own.
func (x script) run(ctx context.Context, db redis.Cmdable, keys []string, args ...any) *redis.Cmd {
	cmd := db.EvalSha(ctx, x.sha, keys, args...)
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		cmd = db.Eval(ctx, x.source, keys, args...)
	}
	return cmd
}

// settle sends a pipeline along with those of other requests, waits for its
// answers, and repeats the scripts that the server did not know. It fails if any
// command did; an answer of nil is none.
func (st *Store) settle(ctx context.Context, pipe redis.Pipeliner, calls ...*call) error {
	if st.batch == nil {
		return st.settleAlone(ctx, pipe, calls...)
	}
	cmds := pipe.Cmds()
	if err := st.batch.do(ctx, cmds); err != nil {
		return err
	}
	return st.settled(ctx, cmds, calls)
}

// settleAlone is settle in a trip of its own; for what is long, or nobody waits
// for.
func (st *Store) settleAlone(ctx context.Context, pipe redis.Pipeliner, calls ...*call) error {
	cmds, err := pipe.Exec(ctx)
	if len(cmds) == 0 {
		return err
	}
	return st.settled(ctx, cmds, calls)
}

func (st *Store) settled(ctx context.Context, cmds []redis.Cmder, calls []*call) error {
	for _, cmd := range cmds {
		if e := cmd.Err(); failed(e) && !redis.HasErrorPrefix(e, "NOSCRIPT") {
			return e
		}
	}
	for _, c := range calls {
		c.again(ctx, st.db)
		if failed(c.Err()) {
			return c.Err()
		}
	}
	return nil
}

func failed(err error) bool { return err != nil && !errors.Is(err, redis.Nil) }
