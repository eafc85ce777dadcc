package session

// A MessageType is the kind of a message to the watcher.
type MessageType string

// The message types.
const (
	OTPReady         MessageType = "otp_ready"
	ClaimedMessage   MessageType = "claimed"
	RejectedMessage  MessageType = "rejected"
	ApprovedMessage  MessageType = "approved"
	ExpiredMessage   MessageType = "expired"
	CancelledMessage MessageType = "cancelled"
)

// A Message is one entry of a session's log. It holds no secret: codes and
// tokens are derived when it is written to a watcher.
type Message struct {
	ID        int // 1, 2, 3… per session, never reused for another message
	Type      MessageType
	Reason    Reason    // rejected
	Final     bool      // rejected
	Remaining int       // rejected: attempts
	By        Canceller // cancelled
}

// end says whether m ends the session.
func (m Message) end() bool {
	switch m.Type {
	case ApprovedMessage, ExpiredMessage, CancelledMessage:
		return true
	case RejectedMessage:
		return m.Final
	case OTPReady, ClaimedMessage:
	}
	return false
}

// say appends a message to the log under the next id; a new otp_ready takes
// the place of the one before it.
func (s *Session) say(m Message) {
	s.LastID++
	m.ID = s.LastID
	log := make([]Message, 0, len(s.Log)+1)
	for _, old := range s.Log {
		if m.Type != OTPReady || old.Type != OTPReady {
			log = append(log, old)
		}
	}
	s.Log = append(log, m)
}

// Greeting is what a new connection gets: otp_ready and claimed while the
// session is open, the final message alone once it has ended. Rejections with
// tries left are not repeated, because the plain client closes at any.
func (s Session) Greeting() []Message {
	var out []Message
	if ready, ok := s.Ready(); ok {
		out = append(out, ready)
	}
	for _, m := range s.Log {
		if s.State.Open() && m.Type == ClaimedMessage || !s.State.Open() && m.end() {
			out = append(out, m)
		}
	}
	return out
}

// Since is what a watcher that has seen the messages up to id after has
// missed. A code that no longer counts is not missed.
func (s Session) Since(after int) []Message {
	var out []Message
	for _, m := range s.Log {
		if m.ID > after && (m.Type != OTPReady || s.State.Open()) {
			out = append(out, m)
		}
	}
	return out
}

// Ready is the otp_ready in force; ok is false once the session has ended.
func (s Session) Ready() (m Message, ok bool) {
	for _, m := range s.Log {
		if m.Type == OTPReady && s.State.Open() {
			return m, true
		}
	}
	return Message{}, false
}
