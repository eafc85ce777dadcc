package session

import (
	"errors"
	"testing"
	"time"

	"countersign/device"
)

func quiet(st *Start) { st.Silent = true }

// No token is made of a silent session; that a phone approved it is proven all
// the same.
func TestSilentSessionGivesNoToken(t *testing.T) {
	r := newRig(t)
	for _, silent := range []bool{false, true} {
		s := r.claimed(func(st *Start) { st.Silent = silent })
		if err := r.svc.Proven(s); !errors.Is(err, ErrNotFound) {
			t.Errorf("proven before it was approved: %v", err)
		}
		if _, err := r.verify(r.alice.verification(s, Approve, r.code(s))); err != nil {
			t.Fatal(err)
		}
		s = r.get(s.ID)
		if s.Silent != silent {
			t.Errorf("silent is %v, want %v", s.Silent, silent)
		}
		issued, err := r.svc.Issue(t.Context(), s)
		if errors.Is(err, ErrNotFound) != silent || (issued == Issued{}) != silent {
			t.Errorf("silent %v: issued %v, %v", silent, issued, err)
		}
		if err := r.svc.Proven(s); err != nil {
			t.Errorf("silent %v: %v", silent, err)
		}
	}
}

// A silent session asks for the identity itself, also at a service with ids of
// its own.
func TestSilentSessionIsNotPairwise(t *testing.T) {
	r := newRig(t)
	r.party.Pairwise = true
	if s := r.start(quiet); s.Asked != r.alice.token {
		t.Errorf("asks for %s", s.Asked)
	}
	if s := r.start(); s.Asked == r.alice.token {
		t.Error("every session does")
	}
}

// It may compare without the service's secret, but it is not the service's: its
// phone is not named, and nobody learns who is enrolled.
func TestSilentSessionIsNotTheServices(t *testing.T) {
	r := newRig(t)
	r.party.RevealUnknown = true
	nobody := device.NewTokenID()
	s := r.start(quiet, func(st *Start) { st.Mode, st.Asked = Compare, &nobody })
	if s.Mode != Compare || s.ByService {
		t.Errorf("started %+v", s)
	}
	if _, err := r.svc.Start(t.Context(), Start{Party: *r.party, Asked: &nobody, Mode: Compare}); !errors.Is(err, ErrServiceAuth) {
		t.Errorf("compare for everybody: %v", err)
	}
}

// A legacy signature, which says nothing of what was shown, approves none.
func TestSilentSessionTakesNoLegacySignature(t *testing.T) {
	r, old := newLegacyRig(t)
	s := r.start(quiet)
	if _, err := r.verify(old.legacy(s, r.code(s), nil)); !errors.Is(err, ErrV0) {
		t.Errorf("a legacy signature: %v", err)
	}
}

// A session ends with what it is for, and no later than others.
func TestStartUntil(t *testing.T) {
	r := newRig(t)
	now := r.clock.now()
	for until, want := range map[time.Time]time.Time{
		{}:                        now.Add(2 * time.Minute),
		now.Add(time.Minute):      now.Add(time.Minute),
		now.Add(10 * time.Minute): now.Add(2 * time.Minute),
	} {
		if s := r.start(func(st *Start) { st.Until = until }); !s.ExpiresAt.Equal(want) {
			t.Errorf("until %s: %s, want %s", until, s.ExpiresAt, want)
		}
	}
}
