package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// noon is the time all tests start from.
func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

const (
	lead = 10 * time.Minute
	keep = 24*time.Hour + lead
)

func mustKey(t testing.TB, activeFrom time.Time) Key {
	t.Helper()
	k, err := NewKey(noon(), activeFrom)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRotation(t *testing.T) {
	first := mustKey(t, noon())
	r := NewRing(first)
	at := noon().Add(time.Hour)
	r2, second, err := r.Rotate(at, lead, keep)
	if err != nil {
		t.Fatal(err)
	}
	if !second.Created.Equal(at) || !second.ActiveFrom.Equal(at.Add(lead)) || !second.RetireAt.IsZero() {
		t.Errorf("the new key's times: %v %v %v", second.Created, second.ActiveFrom, second.RetireAt)
	}
	old, _ := r2.Find(first.ID)
	end := at.Add(lead).Add(keep)
	if !old.RetireAt.Equal(end) {
		t.Errorf("the old key retires at %v, want %v", old.RetireAt, end)
	}
	if k, _ := r.Find(first.ID); !k.RetireAt.IsZero() || len(r.Keys()) != 1 {
		t.Error("Rotate changed the ring it was called on")
	}
	for _, c := range []struct {
		at        time.Time
		signs     Key
		published int
	}{
		{at, first, 2},
		{at.Add(lead - 1), first, 2},
		{at.Add(lead), second, 2},
		{end.Add(-1), second, 2},
		{end, second, 1},
		{end.Add(1000 * time.Hour), second, 1},
	} {
		if k, ok := r2.Active(c.at); !ok || k.ID != c.signs.ID {
			t.Errorf("at %v signs %v", c.at, k)
		}
		if n := r2.Public(c.at).Len(); n != c.published {
			t.Errorf("at %v %d keys are published, want %d", c.at, n, c.published)
		}
	}
	if _, ok := r.Active(noon().Add(-1)); ok {
		t.Error("a key signs before its time")
	}
}

func TestRotationWhilePending(t *testing.T) {
	r, _, err := NewRing(mustKey(t, noon())).Rotate(noon(), lead, keep)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Rotate(noon().Add(lead-1), lead, keep); !errors.Is(err, ErrPending) {
		t.Errorf("err = %v, want ErrPending", err)
	}
	if _, _, err := r.Rotate(noon().Add(lead), lead, keep); err != nil {
		t.Errorf("after the lead: %v", err)
	}
}

func TestRotationKeepsEarlierRetirements(t *testing.T) {
	first := mustKey(t, noon())
	r, second, err := NewRing(first).Rotate(noon(), lead, keep)
	if err != nil {
		t.Fatal(err)
	}
	was, _ := r.Find(first.ID)
	r, third, err := r.Rotate(noon().Add(time.Hour), lead, keep)
	if err != nil {
		t.Fatal(err)
	}
	if k, _ := r.Find(first.ID); !k.RetireAt.Equal(was.RetireAt) {
		t.Error("a second rotation moves the first key's end")
	}
	r, fourth, err := r.Rotate(was.RetireAt, lead, keep)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range r.Keys() {
		ids = append(ids, k.ID)
	}
	if want := []string{second.ID, third.ID, fourth.ID}; !slices.Equal(ids, want) {
		t.Errorf("keys %v, want %v: the retired one dropped, in the order of their turns", ids, want)
	}
}

func TestRotationOfAnEmptyRing(t *testing.T) {
	r, k, err := Ring{}.Rotate(noon(), lead, keep)
	if err != nil || !k.ActiveFrom.Equal(noon()) {
		t.Fatalf("active from %v, %v", k.ActiveFrom, err)
	}
	if got, ok := r.Active(noon()); !ok || got.ID != k.ID {
		t.Error("nothing signs")
	}
}

// A key that is known to others must go at once.
func TestRotationWithoutDelay(t *testing.T) {
	first := mustKey(t, noon())
	r, second, err := NewRing(first).Rotate(noon(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := r.Active(noon()); !ok || k.ID != second.ID || r.Public(noon()).Len() != 1 {
		t.Error("the old key is still there")
	}
}

func TestNewRing(t *testing.T) {
	a, b := mustKey(t, noon()), mustKey(t, noon().Add(time.Hour))
	again := a
	again.ActiveFrom = noon().Add(2 * time.Hour)
	in := []Key{b, a, a, again}
	r := NewRing(in...)
	in[0] = Key{}
	got := r.Keys()
	if len(got) != 2 || got[0].ID != a.ID || got[1].ID != b.ID || !got[0].ActiveFrom.Equal(noon()) {
		t.Errorf("keys %v", got)
	}
	got[0] = Key{}
	if _, ok := r.Find(a.ID); !ok {
		t.Error("the caller can change the ring")
	}
	if _, ok := r.Find(""); ok {
		t.Error("found a key without a name")
	}
}

func TestJWKS(t *testing.T) {
	r, _, err := NewRing(mustKey(t, noon())).Rotate(noon(), lead, keep)
	if err != nil {
		t.Fatal(err)
	}
	b := r.JWKS(noon())
	var doc map[string][]map[string]string
	if err := json.Unmarshal(b, &doc); err != nil || len(doc) != 1 {
		t.Fatalf("%v: %s", err, b)
	}
	for i, k := range r.Keys() {
		x, y := k.Public().JWK()
		want := map[string]string{"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": k.ID, "alg": "ES256", "use": "sig"}
		if fmt.Sprint(doc["keys"][i]) != fmt.Sprint(want) {
			t.Errorf("key %d is %v, want %v", i, doc["keys"][i], want)
		}
	}
	if string(b) != string(r.JWKS(noon().Add(time.Second))) {
		t.Error("the document changes though the keys do not")
	}
	if got := string(Ring{}.JWKS(noon())); got != `{"keys":[]}` {
		t.Errorf("empty ring: %s", got)
	}
}

func TestKeyTimesAreWholeSeconds(t *testing.T) {
	zone := time.FixedZone("", 3600)
	k, err := NewKey(noon().Add(900*time.Millisecond).In(zone), noon().Add(1900*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	//nolint:revive // their zone counts too
	if k.Created != noon() || k.ActiveFrom != noon().Add(time.Second) || !k.RetireAt.IsZero() {
		t.Errorf("%v %v %v", k.Created, k.ActiveFrom, k.RetireAt)
	}
}

func TestKeySealAndOpen(t *testing.T) {
	m := mustMaster(t, secretOf(1))
	k := mustKey(t, noon().Add(lead))
	sealed := k.Seal(m)
	got, id, err := OpenKey(m, sealed, k.Created, k.ActiveFrom.Add(time.Millisecond), k.RetireAt)
	if err != nil || id != m.First() || got.ID != k.ID || !got.ActiveFrom.Equal(k.ActiveFrom) || !got.RetireAt.IsZero() {
		t.Fatalf("%v, %v", got, err)
	}
	if !got.Public().Equal(k.Public()) || len(sealed) != 32+44 {
		t.Error("another key comes back")
	}
	second := time.Second
	for name, times := range map[string][3]time.Time{
		"created":     {k.Created.Add(second), k.ActiveFrom, k.RetireAt},
		"active from": {k.Created, k.ActiveFrom.Add(-second), k.RetireAt},
		"retire at":   {k.Created, k.ActiveFrom, noon()},
		"exchanged":   {k.ActiveFrom, k.Created, k.RetireAt},
	} {
		if _, _, err := OpenKey(m, sealed, times[0], times[1], times[2]); !errors.Is(err, ErrOpen) {
			t.Errorf("other %s: err = %v, want ErrOpen", name, err)
		}
	}
	odd := m.Seal(SigningKey, keyAAD(noon(), noon(), noon()), make([]byte, 32))
	if _, _, err := OpenKey(m, odd, noon(), noon(), noon()); !errors.Is(err, ErrOpen) {
		t.Errorf("scalar zero: err = %v, want ErrOpen", err)
	}
}

func TestKeyDoesNotPrint(t *testing.T) {
	k := mustKey(t, noon())
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		if got := fmt.Sprintf(verb, k); got != "keyring.Key("+k.ID+")" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	b, err := json.Marshal(k)
	if err != nil || strings.Contains(strings.ToLower(string(b)), "private") {
		t.Errorf("as JSON %s, %v", b, err)
	}
}
