package store

import (
	"errors"
	"testing"
)

// What moves between two looks was swapped meanwhile; what stays older than was
// seen was put back.
func TestSteadyTellsASwapFromARollback(t *testing.T) {
	older := func(b byte) error { return olderError{short{b}} }
	for name, tc := range map[string]struct {
		answers []error
		looks   int
		want    error
	}{
		"good at once":            {[]error{nil}, 1, nil},
		"swapped meanwhile":       {[]error{older(1), nil}, 2, nil},
		"swapped and again":       {[]error{older(1), older(2), older(3), nil}, 4, nil},
		"put back":                {[]error{older(1), older(1)}, 2, errOlder},
		"put back while swapping": {[]error{older(1), older(2), older(2)}, 3, errOlder},
		"another trouble":         {[]error{older(1), errRecord}, 2, errRecord},
	} {
		looks := 0
		_, err := steady(func() (int, error) {
			looks++
			return looks, tc.answers[min(looks, len(tc.answers))-1]
		})
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) || looks != tc.looks {
			t.Errorf("%s: %v after %d looks, want %v after %d", name, err, looks, tc.want, tc.looks)
		}
	}
}
