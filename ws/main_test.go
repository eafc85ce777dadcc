package ws

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing is left of a node that has stopped.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
