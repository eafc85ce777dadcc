package system

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/device"
	"countersign/test/rig"
)

// Whether there is somebody of a name a back end learns neither from the answers to its
// request and to each poll, one that comes too soon among them, nor from what they cost:
// Redis is asked as often.
func TestCIBAAnswersAlike(t *testing.T) {
	t.Parallel()
	r := cibaRig(t, "")
	shop, redis := newCaller(t, r, 0, rig.Shop), newInfo(t, r.Redis.Addr)
	gone := r.Phone(0)
	if err := r.Nodes[0].Server.Registry().Revoke(rig.Ctx(t), device.TokenID(gone.Token)); err != nil {
		t.Fatal(err)
	}
	// What the nodes ask by themselves comes on top, so the least of many counts.
	fewest := map[string]int{}
	count := func(what string, f func()) {
		n, _ := redis.during(f)
		if had, ok := fewest[what]; !ok || n < had {
			fewest[what] = n
		}
	}
	seen := map[string][]string{}
	for range 12 {
		for what, user := range map[string]string{"a user": r.Phone(0).Token, "nobody": string(device.NewTokenID()), "a revoked one": gone.Token} {
			var a reply
			count(what+", asked", func() { a = shop.try("login_hint", user, "binding_message", "Desk 4", "requested_expiry", "10") })
			got := map[string]any{}
			if err := json.Unmarshal([]byte(a.body), &got); err != nil {
				t.Fatal(err)
			}
			id, _ := got["auth_req_id"].(string)
			code, _ := got["autoPassword"].(string)
			said := []string{fmt.Sprint(a.status, slices.Sorted(maps.Keys(got)), got["expires_in"], got["interval"], len(id), len(code))}
			for i := range 3 {
				var p reply
				count(fmt.Sprintf("%s, poll %d", what, i), func() { p = shop.poll(id) })
				said = append(said, fmt.Sprint(p.status, p.body))
			}
			if seen[what] == nil {
				seen[what] = append(said, id)
			} else if !slices.Equal(seen[what][:len(said)], said) {
				t.Errorf("%s: %v, then %v", what, seen[what], said)
			}
		}
	}
	for _, what := range []string{"nobody", "a revoked one"} {
		if last := len(seen[what]) - 1; !slices.Equal(seen[what][:last], seen["a user"][:last]) || !strings.Contains(seen[what][2], "slow_down") {
			t.Errorf("%s is told %v, a user %v", what, seen[what], seen["a user"])
		}
		for _, act := range []string{", asked", ", poll 0", ", poll 1", ", poll 2"} {
			if fewest[what+act] != fewest["a user"+act] {
				t.Errorf("%s%s: Redis is asked %d times, of a user %d", what, act, fewest[what+act], fewest["a user"+act])
			}
		}
	}
	endAlike(t, r, shop, seen)
	t.Log(fewest)
}

// endAlike wants requests, whose ids come last in what was said of them, to end by time
// at the same moment.
func endAlike(t *testing.T, r *rig.Rig, shop *caller, seen map[string][]string) {
	t.Helper()
	ends := map[string]time.Time{}
	r.Eventually("all have expired", func() bool {
		for what, said := range seen {
			if _, over := ends[what]; !over && strings.Contains(shop.poll(said[len(said)-1]).body, "expired_token") {
				ends[what] = time.Now()
			}
		}
		return len(ends) == len(seen)
	})
	if apart := ends["a user"].Sub(ends["nobody"]).Abs(); apart > 2*time.Second {
		t.Errorf("they end %v apart", apart)
	}
}
