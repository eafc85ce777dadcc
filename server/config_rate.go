package server

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// errRate is the one thing that can be wrong with the text of a Rate.
var errRate = errors.New("server: not a rate such as 30/m or 5/10m")

// Rate is a limit of N events in any window of Per: "30/m", "10/h", "5/10m".
type Rate struct {
	// N is the number of events allowed, at least 1.
	N int
	// Per is the window, whole seconds, at most 24h.
	Per time.Duration
}

// ParseRate reads "N/unit" or "N/duration" with the units s, m and h.
func ParseRate(s string) (Rate, error) {
	count, window, found := strings.Cut(s, "/")
	n, err := strconv.ParseUint(count, 10, 31)
	if !found || err != nil || n == 0 {
		return Rate{}, errRate
	}
	switch window {
	case "s", "m", "h":
		window = "1" + window
	}
	per, err := time.ParseDuration(window)
	if err != nil || per < time.Second || per > 24*time.Hour || per%time.Second != 0 {
		return Rate{}, errRate
	}
	return Rate{N: int(n), Per: per}, nil
}

// String gives the shortest text ParseRate reads back as the same Rate.
func (r Rate) String() string {
	window := shortDuration(r.Per)
	if r.Per == time.Second || r.Per == time.Minute || r.Per == time.Hour {
		window = window[1:]
	}
	return strconv.Itoa(r.N) + "/" + window
}

// MarshalText is String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRate.
func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err == nil {
		*r = parsed
	}
	return err
}

// shortDuration is d as people write it: 10m where Duration.String has 10m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
