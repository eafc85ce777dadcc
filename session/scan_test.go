package session

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A scan counts from so many seconds back to so many ahead, the edges included.
func TestScanWindow(t *testing.T) {
	for _, tc := range []struct {
		age  time.Duration // of the session
		t    int64         // scanned
		good bool
	}{
		{0, 0, true}, {0, 2, true}, {0, 3, false},
		{5 * time.Second, 0, true}, {5*time.Second + 999*time.Millisecond, 0, true}, {6 * time.Second, 0, false},
		{60 * time.Second, 55, true}, {60 * time.Second, 54, false}, {60 * time.Second, 62, true}, {60 * time.Second, 63, false},
	} {
		r := newRig(t)
		s := r.start(func(st *Start) { st.Mode = Scan })
		r.clock.pass(tc.age)
		_, err := r.svc.Claim(t.Context(), r.alice.claim(s.ID, r.scanAt(s, tc.t)))
		if good := err == nil; good != tc.good || !good && !errors.Is(err, ErrScan) {
			t.Errorf("scanned t=%d at %s: %v, want good %v", tc.t, tc.age, err, tc.good)
		}
		if after := r.get(s.ID); !tc.good && after.Version != s.Version {
			t.Error("a bad scan bound something")
		}
	}
}

// The window is a setting.
func TestScanWindowNarrowed(t *testing.T) {
	r := newRig(t)
	r.svc.Window = Window{Back: 3 * time.Second, Ahead: time.Second}
	s := r.start()
	r.clock.pass(10 * time.Second)
	for at, good := range map[int64]bool{6: false, 7: true, 11: true, 12: false} {
		if got := r.svc.Secrets.goodScan(s, r.scanAt(s, at), r.svc.Window, r.clock.now()); got != good {
			t.Errorf("t=%d at 10 s: %v, want %v", at, got, good)
		}
	}
}

// Forms that are no {t}:{c} of this session, in a mode that does not even need one.
func TestBadScans(t *testing.T) {
	r := newRig(t)
	s, other := r.start(), r.start()
	r.clock.pass(2 * time.Second)
	_, c, _ := strings.Cut(r.scan(s), ":")
	for _, scan := range []string{
		r.scan(other), "2:", ":" + c, c, "2", "+2:" + c, "02:" + c, "-2:" + c, "2:" + c[:15], "2:" + c + "A", "2:" + strings.ToLower(c),
		"1:" + c, "2.0:" + c, " 2:" + c, "2:" + c + "=", "h:" + c, "99999999999999999999:" + c, "2::" + c,
	} {
		if _, err := r.svc.Claim(t.Context(), r.alice.claim(s.ID, scan)); !errors.Is(err, ErrScan) {
			t.Errorf("scan %q: %v", scan, err)
		}
	}
	if after := r.get(s.ID); after.Version != s.Version {
		t.Error("a bad scan bound something")
	}
}

// What a mode takes: a typed code, the scan it claimed with, or both; and what
// the token says of it.
func TestModes(t *testing.T) {
	type try struct{ acr string } // acr empty: a wrong code
	for _, tc := range []struct {
		mode       Mode
		scanned    bool
		typed, qr  try
		amr        string
		claimFails bool
	}{
		{mode: Enter, typed: try{acr: Typed}, qr: try{}},
		{mode: Enter, scanned: true, typed: try{acr: Typed}, qr: try{acr: Scanned}},
		{mode: Scan, claimFails: true},
		{mode: Scan, scanned: true, typed: try{}, qr: try{acr: Scanned}},
		{mode: Compare, typed: try{acr: Compared}, qr: try{}},
		{mode: Compare, scanned: true, typed: try{acr: Compared}, qr: try{acr: Scanned}},
	} {
		for _, byQR := range []bool{false, true} {
			r := newRig(t)
			s := r.start(func(st *Start) { st.Mode, st.Authenticated = tc.mode, true })
			scan, want := "", tc.typed
			if tc.scanned {
				scan = r.scan(s)
			}
			claimed, err := r.svc.Claim(t.Context(), r.alice.claim(s.ID, scan))
			if tc.claimFails {
				if !errors.Is(err, ErrScan) {
					t.Errorf("%s claimed without a scan: %v", tc.mode, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			code := r.code(s)
			if byQR {
				code, want = "qr:"+r.scan(s), tc.qr
			}
			_, err = r.verify(r.alice.verification(claimed, Approve, code))
			if want.acr == "" {
				if !errors.Is(err, ErrCode) {
					t.Errorf("%s, scanned %v, by QR %v: %v, want a wrong code", tc.mode, tc.scanned, byQR, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, scanned %v, by QR %v: %v", tc.mode, tc.scanned, byQR, err)
				continue
			}
			g := r.get(s.ID).Grant
			amr := "swk"
			if want.acr == Typed {
				amr = "swk otp"
			}
			if g.ACR != want.acr || strings.Join(g.AMR, " ") != amr {
				t.Errorf("%s, scanned %v, by QR %v: acr %s, amr %v", tc.mode, tc.scanned, byQR, g.ACR, g.AMR)
			}
		}
	}
}

// The scan at verify is the claimed one, not merely a good one; a repeated
// claim with another scan puts it in its place, one without leaves it.
func TestScanAtVerifyIsTheClaimedOne(t *testing.T) {
	r := newRig(t)
	s := r.start()
	first := r.scan(s)
	s = r.mustClaim(r.alice, s, first)
	s = r.mustClaim(r.alice, s, "")
	if s.Claim.Scan != first {
		t.Errorf("a repeated claim without a scan left %q", s.Claim.Scan)
	}
	r.clock.pass(time.Second)
	second := r.scan(s)
	if _, err := r.verify(r.alice.verification(s, Approve, "qr:"+second)); !errors.Is(err, ErrCode) {
		t.Errorf("a good scan that was not claimed with: %v", err)
	}
	shown := s.Claim.Display
	s = r.mustClaim(r.alice, s, second)
	if s.Claim.Display != shown || s.LastID != 3 {
		t.Errorf("a repeated claim showed another text or told the watcher again (last id %d)", s.LastID)
	}
	if _, err := r.verify(r.alice.verification(s, Approve, "qr:"+first)); !errors.Is(err, ErrCode) {
		t.Errorf("the scan claimed with before: %v", err)
	}
	r.clock.pass(time.Minute) // the scan was fresh at the claim, that is enough
	if _, err := r.verify(r.alice.verification(s, Approve, "qr:"+second)); err != nil {
		t.Errorf("the claimed scan: %v", err)
	}
}

// With rotation on, the codes of this period and of the tolerated ones before
// it are right, and no others.
func TestCodePeriods(t *testing.T) {
	for _, tc := range []struct {
		period    time.Duration
		tolerance int
		at        time.Duration
		right     map[int64]bool
	}{
		{0, 1, 100 * time.Second, map[int64]bool{0: true, 1: false}},
		{30 * time.Second, 0, 29 * time.Second, map[int64]bool{0: true, 1: false}},
		{30 * time.Second, 0, 30 * time.Second, map[int64]bool{0: false, 1: true, 2: false}},
		{30 * time.Second, 1, 0, map[int64]bool{0: true, 1: false}},
		{30 * time.Second, 1, 59 * time.Second, map[int64]bool{0: true, 1: true, 2: false}},
		{30 * time.Second, 1, 60 * time.Second, map[int64]bool{0: false, 1: true, 2: true, 3: false}},
		{30 * time.Second, 9, 119 * time.Second, map[int64]bool{0: true, 3: true, 4: false}},
	} {
		r := newRig(t)
		r.svc.Period, r.svc.Tolerance = tc.period, tc.tolerance
		s := r.claimed()
		r.clock.pass(tc.at)
		for period, want := range tc.right {
			code := string(r.svc.Secrets.Code(s, period))
			if got := r.svc.right(s, code, r.clock.now()); got != want {
				t.Errorf("period %s, tolerance %d, at %s: code of period %d right %v, want %v", tc.period, tc.tolerance, tc.at, period, got, want)
			}
		}
	}
}
