package p256

import "sync"

// Cache keeps parsed keys by their 65 bytes. Parsing proves that a point is on
// the curve, and a server that reads a device's key from its record would prove
// it again at every request; the cache does it once for each key in use. That
// spares under a hundredth of a Verify, and the garbage. It holds public points
// alone, only good ones, and never more than it was told.
//
// A Cache may be used by many goroutines at once.
type Cache struct {
	half int

	mu sync.Mutex
	// Two generations: when the young one is full it becomes the old one, and
	// what was not asked for since then is gone. Both hold at most half.
	young, old map[[pointSize]byte]PublicKey
}

// NewCache returns an empty cache that holds at most limit keys, about 0.5 KiB
// each; a limit below 2 counts as 2.
func NewCache(limit int) *Cache {
	return &Cache{half: max(limit/2, 1), young: make(map[[pointSize]byte]PublicKey)}
}

// ParsePoint is [ParsePoint], quicker for a key seen lately. Errors are not
// kept, so bytes from strangers push nothing out.
func (c *Cache) ParsePoint(b []byte) (PublicKey, error) {
	if len(b) == pointSize {
		if k, ok := c.get([pointSize]byte(b)); ok {
			return k, nil
		}
	}
	k, err := ParsePoint(b)
	if err != nil {
		return PublicKey{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(k)
	return k, nil
}

func (c *Cache) get(point [pointSize]byte) (PublicKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.young[point]
	if ok {
		return k, true
	}
	if k, ok = c.old[point]; ok {
		c.put(k)
	}
	return k, ok
}

// put adds k to the young generation. c.mu is held.
func (c *Cache) put(k PublicKey) {
	if len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[[pointSize]byte]PublicKey)
	}
	c.young[k.point] = k
}
