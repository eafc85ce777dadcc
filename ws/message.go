package ws

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"countersign/session"
)

// Wire is a message as watchers get it. Which members it has depends on its
// type (docs/protocol.md, Watch).
type Wire struct {
	Type session.MessageType `json:"type"`
	ID   int                 `json:"id"`

	AutoPassword string       `json:"autoPassword,omitempty"`
	Mode         session.Mode `json:"mode,omitempty"`
	Elapsed      *int64       `json:"elapsed,omitempty"`

	Platform   string `json:"platform,omitempty"`
	DeviceName string `json:"deviceName,omitempty"`

	Reason            session.Reason `json:"reason,omitempty"`
	Final             *bool          `json:"final,omitempty"`
	AttemptsRemaining *int           `json:"attemptsRemaining,omitempty"`

	JWT    string `json:"jwt,omitempty"`
	Hash   string `json:"hash,omitempty"`
	Random string `json:"random,omitempty"`

	ExpiresAt string            `json:"expiresAt,omitempty"`
	By        session.Canceller `json:"by,omitempty"`
}

// render writes a message of a session. Codes and tokens are made here, so that
// none is ever stored.
func (h *Hub) render(ctx context.Context, s session.Session, m session.Message) ([]byte, error) {
	w := Wire{Type: m.Type, ID: m.ID}
	switch m.Type {
	case session.OTPReady:
		h.ready(s, &w)
	case session.ClaimedMessage:
		w.Platform = s.Claim.Platform
		if s.ByService {
			w.DeviceName = s.Claim.DeviceName
		}
	case session.RejectedMessage:
		w.Reason, w.Final, w.AttemptsRemaining = m.Reason, &m.Final, &m.Remaining
	case session.ApprovedMessage:
		if s.Silent {
			break // who approved is nothing for a page
		}
		issued, err := h.Sessions.Issue(ctx, s)
		if err != nil {
			return nil, err
		}
		w.JWT, w.Hash, w.Random, w.ExpiresAt = issued.JWT, issued.Hash, issued.Random, issued.ExpiresAt
	case session.CancelledMessage:
		w.By = m.By
	case session.ExpiredMessage:
	}
	frame, err := json.Marshal(w) //nolint:gosec // the token is what the watcher waits for
	if err == nil && h.Sent != nil {
		h.Sent(s.ID, m.ID, frame)
	}
	return frame, err
}

func (h *Hub) ready(s session.Session, w *Wire) {
	code := h.Sessions.Secrets.Code(s, s.Period)
	w.AutoPassword = string(code)
	if p, ok := h.Sessions.Parties.Party(s.Service); ok && p.MaskLast2 && s.Mode != session.Enter {
		w.AutoPassword = code.MaskLast2()
	}
	elapsed := s.Elapsed(h.Sessions.Now())
	w.Mode, w.Elapsed, w.ExpiresAt = s.Mode, &elapsed, s.ExpiresAt.UTC().Format(time.RFC3339)
}

// jitter is a random time up to most.
func jitter(most time.Duration) time.Duration { return rand.N(most) } //nolint:gosec // spreads load, protects nothing
