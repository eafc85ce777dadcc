package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"countersign/api"
	"countersign/session"
	"countersign/ws"

	"rsc.io/qr"
)

// A screen is what try shows: lines that stay, and below them, on a terminal,
// the code and the moving QR code, drawn anew every second.
type screen struct {
	env     *environment
	started api.StartResponse
	begun   time.Time // of the session, by our clock
	code    string    // as the server last told it
	drawn   int       // lines of the moving part on the terminal now
	ended   bool
}

// typed is the code to type; empty in mode scan, where a typed one is wrong.
func (s *screen) typed() string {
	if s.started.Mode == string(session.Scan) {
		return ""
	}
	return s.code
}

// qrText is what the QR code says now.
func (s *screen) qrText() string {
	t := int64(time.Since(s.begun) / time.Second)
	key, err := base64.RawURLEncoding.DecodeString(s.started.QRKey)
	if err != nil {
		return s.started.QRURL // without its moving part it still names the session
	}
	return fmt.Sprintf("%s?t=%d&c=%s", s.started.QRURL, t, session.QRCode(key, session.ID(s.started.SessionID), t))
}

// show tells of a message, in words.
func (s *screen) show(m ws.Wire) {
	if m.Elapsed != nil {
		s.begun = time.Now().Add(-time.Duration(*m.Elapsed) * time.Second)
	}
	if m.Type == session.OTPReady && sameCode(s.code, m.AutoPassword) {
		return
	}
	s.erase()
	if m.Type == session.OTPReady {
		s.code = m.AutoPassword
	}
	s.ended = isFinal(m)
	fmt.Fprintln(s.env.Stdout, inWords(m))
	s.redraw()
}

// sameCode says whether b is a, be it masked.
func sameCode(a, b string) bool {
	return b == "" || a == b || strings.HasPrefix(a, strings.TrimRight(b, "*"))
}

// redraw draws the moving part anew.
func (s *screen) redraw() {
	if !isTerminal(s.env.Stdout) {
		return
	}
	s.erase()
	if s.ended {
		return
	}
	text := s.qrText()
	rows := s.beside(text)
	// A line that the terminal wraps would be two to erase.
	fmt.Fprint(s.env.Stdout, "\x1b[?7l"+strings.Join(rows, "\n")+"\n\x1b[?7h")
	s.drawn = len(rows)
}

// beside gives the rows of the moving part: the QR code, with the code to type
// at its side, because a terminal may have no more than 24 rows.
func (s *screen) beside(text string) []string {
	var rows []string
	if code, err := qr.Encode(text, qr.L); err == nil {
		rows = strings.Split(drawQR(code.Size, code.Black, s.env.colourful(s.env.Stdout)), "\n")
		rows = rows[:len(rows)-1]
	}
	if code := s.typed(); code != "" {
		for i, line := range bigDigits(grouped(code)) {
			for len(rows) <= i+2 {
				rows = append(rows, "")
			}
			rows[i+2] += "    " + line
		}
	}
	return append(rows, text)
}

// erase takes the moving part off the terminal.
func (s *screen) erase() {
	if s.drawn > 0 {
		fmt.Fprintf(s.env.Stdout, "\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
}

// inWords says what a message means.
func inWords(m ws.Wire) string {
	switch m.Type {
	case session.OTPReady:
		return "new code " + grouped(plain(m.AutoPassword))
	case session.ClaimedMessage:
		if m.DeviceName != "" {
			return fmt.Sprintf("opened on %s (%s)", plain(m.DeviceName), plain(m.Platform))
		}
		return fmt.Sprintf("opened on a phone (%s)", plain(m.Platform))
	case session.RejectedMessage:
		return rejectedInWords(m)
	case session.ApprovedMessage:
		return "approved"
	case session.ExpiredMessage:
		return "the time is up"
	case session.CancelledMessage:
		return "cancelled by " + plain(string(m.By))
	}
	return plain(string(m.Type))
}

func rejectedInWords(m ws.Wire) string {
	switch m.Reason {
	case session.InvalidOTP:
		if m.AttemptsRemaining != nil {
			return "wrong code, " + tries(*m.AttemptsRemaining) + " left"
		}
		return "wrong code"
	case session.InvalidSignature:
		return "somebody sent a bad signature"
	case session.TooManyAttempts:
		return "too many wrong codes"
	case session.Declined:
		return "declined on the phone"
	case session.Reported:
		return "reported on the phone: it was not its owner who asked"
	}
	return plain(string(m.Reason))
}

// grouped writes a code as people read it, in two halves.
func grouped(code string) string {
	if len(code) != 6 {
		return code
	}
	return code[:3] + " " + code[3:]
}

// bigDigits draws a code three lines high, in the way of a pocket calculator,
// and under it once more, to be copied.
func bigDigits(code string) []string {
	segments := map[rune][3]string{
		'0': {" _ ", "| |", "|_|"}, '1': {"   ", "  |", "  |"}, '2': {" _ ", " _|", "|_ "}, '3': {" _ ", " _|", " _|"},
		'4': {"   ", "|_|", "  |"}, '5': {" _ ", "|_ ", " _|"}, '6': {" _ ", "|_ ", "|_|"}, '7': {" _ ", "  |", "  |"},
		'8': {" _ ", "|_|", "|_|"}, '9': {" _ ", "|_|", " _|"}, '*': {"   ", " * ", "   "}, ' ': {"  ", "  ", "  "},
	}
	var lines []string
	for row := range 3 {
		line := ""
		for _, r := range code {
			line += segments[r][row] + " "
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return append(lines, "", code)
}
