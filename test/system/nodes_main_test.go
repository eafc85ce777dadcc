package system

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Nothing is left of the nodes once all have stopped. A peer may take a second
// to answer a close, so it is looked at for a while.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := left(5 * time.Second); err != nil {
			fmt.Fprintln(os.Stderr, "left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func left(patience time.Duration) error {
	for end := time.Now().Add(patience); ; {
		err := goleak.Find()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
