package system

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/server"
	"countersign/test/rig"
)

// An info asks Redis how much it has read, over a connection of its own.
type info struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func newInfo(t *testing.T, addr string) *info {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &info{t, c, bufio.NewReader(c)}
}

// reads is total_reads_processed: how often Redis was sent something, a
// pipeline or a script counting as one.
func (x *info) reads() int {
	x.t.Helper()
	if _, err := fmt.Fprint(x.c, "INFO stats\r\n"); err != nil {
		x.t.Fatal(err)
	}
	head, err := x.r.ReadString('\n')
	if err != nil {
		x.t.Fatal(err)
	}
	size, err := strconv.Atoi(strings.Trim(head, "$\r\n"))
	if err != nil {
		x.t.Fatal(err)
	}
	text := make([]byte, size+2)
	for n := 0; n < len(text); {
		m, err := x.r.Read(text[n:])
		if err != nil {
			x.t.Fatal(err)
		}
		n += m
	}
	_, rest, _ := strings.Cut(string(text), "total_reads_processed:")
	value, _, _ := strings.Cut(rest, "\r\n")
	count, err := strconv.Atoi(value)
	if err != nil {
		x.t.Fatalf("%v in %s", err, text)
	}
	return count
}

// during counts what Redis is sent while f runs.
func (x *info) during(f func()) (reads int, took time.Duration) {
	begun, before := time.Now(), x.reads()
	f()
	return x.reads() - before, time.Since(begun)
}

// auditEvery is how often at most a node writes its audit events, many in one
// trip: a cost of time, not of a login.
const auditEvery = 100 * time.Millisecond

// A whole login asks Redis six times: initiate 1, watch 1, claim 2, verify 2.
func TestSixTripsALogin(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{Nodes: 1, Configure: func(c *server.Config) {
		c.Limits.Disabled = false
		many := server.Rate{N: 1_000_000, Per: time.Minute}
		c.Limits.InitiatePerIP, c.Limits.EnrollPerIP, c.Limits.VerifyPerIP = many, many, many
	}})
	p := r.Phone(0)
	login(t, r, p, r.Browser(0).Start(p.Token), "identity:name") // the phone's first is remembered as such
	r.Browser(0).Start("").Watch()                               // so that an idle node too looks after somebody
	x := newInfo(t, r.Redis.Addr)
	x.reads()
	const logins = 100
	reads, took := x.during(func() {
		for range logins {
			login(t, r, p, r.Browser(0).Start(p.Token), "identity:name")
		}
	})
	idle, _ := x.during(func() { <-time.After(took) })
	audits := int(took/auditEvery) + 1
	// The idle interval is another one, so a few trips may fall on either side; a
	// seventh trip of a login would be a hundred.
	const astray = logins / 10
	if spent := reads - idle - audits; spent > 6*logins+astray {
		t.Errorf("%d logins took %d trips in %v, besides %d of an idle node and at most %d of the audit stream", logins, spent, took, idle, audits)
	}
}
