package operation

import (
	"fmt"
	"strconv"
	"time"

	"countersign/operation/form"
)

// A Template is most of an order: a back end that names it gives the values alone.
type Template struct {
	Flow string // the name of the operations made of it
	Text form.Template
	// Expiry is how long such an operation may take; 0: as long as its flow says.
	Expiry time.Duration
	// Attempts is how often each method may be tried in it, at most; 0: as often as
	// the flow says.
	Attempts int
	// Factors is how many factors every way through the flow has to prove, at least;
	// 0: as many as the flow says.
	Factors int
}

// Check finds what is wrong with a template but for its text, which was parsed. What
// is wrong with its flow is told of that.
func (t Template) Check(flows map[string]Flow) (faults []Fault) {
	fail := func(at, what, hint string) { faults = append(faults, Fault{at, what, hint}) }
	if t.Expiry != 0 && (t.Expiry < expiryLeast || t.Expiry > expiryMost) {
		fail("expiry", "must be 30s to 24h", "or leave it out")
	}
	if t.Attempts < 0 || t.Attempts > attemptsMost {
		fail("attempts", fmt.Sprintf("must be 1 to %d", attemptsMost), "or leave it out")
	}
	if t.Factors < 0 || t.Factors > stepsMost {
		fail("factors", fmt.Sprintf("must be 1 to %d", stepsMost), "or leave it out")
		return faults
	}
	f, known := flows[t.Flow]
	if !known {
		fail("name", "there is no operation "+strconv.Quote(t.Flow), "countersign flow list shows those there are")
		return faults
	}
	if len(f.Check()) > 0 {
		return faults
	}
	f.Factors = max(f.Factors, t.Factors)
	for _, x := range f.Check() {
		fail("factors", "the flow "+x.What, x.Hint)
	}
	return faults
}
