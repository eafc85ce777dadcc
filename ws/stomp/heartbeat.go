package stomp

import (
	"strconv"
	"strings"
	"time"
)

// HeartBeatHeader is the header of CONNECT and CONNECTED that tells a
// [HeartBeat].
const HeartBeatHeader = "heart-beat"

// A HeartBeat is what one side of a connection says of itself (Heart-beating).
type HeartBeat struct {
	Send time.Duration // how often it can send something; 0: it promises nothing
	Want time.Duration // how often it wants to hear something; 0: it does not care
}

// longestBeat bounds what anybody says: a connection that is silent for longer
// has other ways to end.
const longestBeat = 24 * time.Hour

// ParseHeartBeat reads the header's value, two numbers of milliseconds. An absent
// one is as good as 0,0.
func ParseHeartBeat(text string, given bool) (h HeartBeat, err error) {
	if !given {
		return h, nil
	}
	send, want, found := strings.Cut(text, ",")
	if !found {
		return h, malformed("a heart-beat that is not two numbers")
	}
	if h.Send, err = beat(send); err == nil {
		h.Want, err = beat(want)
	}
	return h, err
}

func beat(text string) (time.Duration, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, malformed("a heart-beat that is not two numbers")
	}
	return time.Duration(min(n, uint64(longestBeat/time.Millisecond))) * time.Millisecond, nil
}

// String is the header's value.
func (h HeartBeat) String() string {
	return strconv.FormatInt(h.Send.Milliseconds(), 10) + "," + strconv.FormatInt(h.Want.Milliseconds(), 10)
}

// Agree says how often this side has to send something, and how often it may
// expect to hear something; 0 is never.
func (h HeartBeat) Agree(peer HeartBeat) (send, hear time.Duration) {
	if h.Send > 0 && peer.Want > 0 {
		send = max(h.Send, peer.Want)
	}
	if h.Want > 0 && peer.Send > 0 {
		hear = max(h.Want, peer.Send)
	}
	return send, hear
}
