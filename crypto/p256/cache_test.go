package p256

import (
	"errors"
	"sync"
	"testing"
)

func points(t testing.TB, n int) [][]byte {
	t.Helper()
	out := make([][]byte, n)
	for i := range out {
		scalar := make([]byte, 32)
		scalar[30], scalar[31] = byte((i+1)>>8), byte(i+1)
		k, err := NewPrivateKey(scalar)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = k.Public().Point()
	}
	return out
}

func TestCacheIsBounded(t *testing.T) {
	for _, limit := range []int{-1, 0, 1, 2, 3, 10} {
		c := NewCache(limit)
		for range 2 {
			for _, p := range points(t, 40) {
				k, err := c.ParsePoint(p)
				if err != nil || string(k.Point()) != string(p) {
					t.Fatalf("another key comes back (%v)", err)
				}
				if n := len(c.young) + len(c.old); n > max(limit, 2) {
					t.Fatalf("limit %d, holds %d", limit, n)
				}
			}
		}
	}
}

func TestCacheKeepsWhatIsInUse(t *testing.T) {
	c := NewCache(4)
	all := points(t, 40)
	first, err := c.ParsePoint(all[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all[1:] {
		if _, err := c.ParsePoint(p); err != nil {
			t.Fatal(err)
		}
		again, err := c.ParsePoint(all[0])
		if err != nil || again.key != first.key {
			t.Fatal("a key in use was parsed again")
		}
	}
	if k, _ := c.get([pointSize]byte(all[1])); !k.IsZero() {
		t.Error("a key long unused is still there")
	}
}

func TestCacheKeepsNoErrors(t *testing.T) {
	c := NewCache(4)
	bad := points(t, 1)[0]
	bad[64] ^= 1
	for _, b := range [][]byte{bad, nil, bad[:64]} {
		if k, err := c.ParsePoint(b); !errors.Is(err, ErrKey) || !k.IsZero() {
			t.Errorf("err = %v, want ErrKey", err)
		}
	}
	if len(c.young)+len(c.old) != 0 {
		t.Error("the cache keeps a bad point")
	}
}

func TestCacheConcurrently(t *testing.T) {
	c, all := NewCache(6), points(t, 20)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				p := all[(i*7+j)%len(all)]
				if k, err := c.ParsePoint(p); err != nil || string(k.Point()) != string(p) {
					t.Errorf("another key comes back (%v)", err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkParsePoint(b *testing.B) {
	p := points(b, 1)[0]
	b.Run("parsed", func(b *testing.B) {
		for b.Loop() {
			if _, err := ParsePoint(p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		c := NewCache(10)
		for b.Loop() {
			if _, err := c.ParsePoint(p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key, text := mustKey(b), []byte("sample")
	sig, public := key.Sign(text), key.Public()
	b.ReportAllocs()
	for b.Loop() {
		public.Verify(text, sig)
	}
}
