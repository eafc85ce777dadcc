package demo

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

const (
	visitLife   = 30 * time.Minute // since the browser was last seen
	maxVisits   = 1000
	maxStarted  = 8 // a few tabs, each having asked for more time
	startedLife = 15 * time.Minute
	maxOrders   = 20
)

// started is what the back end keeps of a session: the browser must have started
// it, and only the back end knows its random.
type started struct {
	session, random string
	asked           string // the tokenId that was asked; empty: whoever scans
	at              time.Time
}

// visit is what the bank remembers of one browser.
type visit struct {
	seen     time.Time
	started  []started // oldest first
	customer *customer // nil: nobody is logged in
}

// customer is who is logged in.
type customer struct {
	Subject, Name string
	Login         proof
	Accounts      []account
	Orders        []order // oldest first
}

// visits is the memory of a bank of one process.
type visits struct {
	now func() time.Time

	mu   sync.Mutex
	byID map[string]*visit
}

func newVisits(now func() time.Time) *visits { return &visits{now: now, byID: map[string]*visit{}} }

// find gives a visit that is not too old; v.mu is held.
func (v *visits) find(id string) *visit {
	one := v.byID[id]
	if one == nil || v.now().Sub(one.seen) > visitLife {
		delete(v.byID, id)
		return nil
	}
	one.seen = v.now()
	return one
}

// add makes room and puts a visit under a new name; v.mu is held.
func (v *visits) add(one *visit) string {
	one.seen = v.now()
	oldest := ""
	for id, other := range v.byID {
		switch {
		case v.now().Sub(other.seen) > visitLife:
			delete(v.byID, id)
		case oldest == "" || other.seen.Before(v.byID[oldest].seen):
			oldest = id
		}
	}
	if len(v.byID) >= maxVisits {
		delete(v.byID, oldest)
	}
	id := rand.Text() + rand.Text()
	v.byID[id] = one
	return id
}

// remember notes a session that this browser started, and gives the browser's
// name, a new one if it had none.
func (v *visits) remember(id string, s started) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.find(id)
	if one == nil {
		one = &visit{}
		id = v.add(one)
	}
	s.at = v.now()
	one.started = slices.DeleteFunc(one.started, func(old started) bool { return s.at.Sub(old.at) > startedLife })
	if one.started = append(one.started, s); len(one.started) > maxStarted {
		one.started = one.started[1:]
	}
	return id
}

// take gives what was kept of a session if this browser started it, once.
func (v *visits) take(id, session string) (started, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.find(id)
	if one == nil {
		return started{}, false
	}
	i := slices.IndexFunc(one.started, func(s started) bool { return s.session == session })
	if i < 0 || v.now().Sub(one.started[i].at) > startedLife {
		return started{}, false
	}
	s := one.started[i]
	one.started = slices.Delete(one.started, i, i+1)
	return s, true
}

// enter logs a customer in. The browser gets a new name, so that one that
// somebody put there before is worth nothing.
func (v *visits) enter(id string, c customer) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.find(id)
	if one == nil {
		one = &visit{}
	}
	delete(v.byID, id)
	one.customer = &c
	return v.add(one)
}

// leave forgets a browser.
func (v *visits) leave(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byID, id)
}

// customer gives a copy of who is logged in.
func (v *visits) customer(id string) (customer, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.find(id)
	if one == nil || one.customer == nil {
		return customer{}, false
	}
	c := *one.customer
	c.Accounts, c.Orders = slices.Clone(c.Accounts), slices.Clone(c.Orders)
	return c, true
}

// change lets f change the customer, if one is logged in.
func (v *visits) change(id string, f func(*customer) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.find(id)
	if one == nil || one.customer == nil {
		return errLogin
	}
	return f(one.customer)
}
