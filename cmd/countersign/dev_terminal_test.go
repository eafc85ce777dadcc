//go:build linux

package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// terminal gives a pseudo-terminal to write to, and what reads what was written.
func terminal(t *testing.T) (screen *os.File, written func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	var locked, number int32
	for request, argument := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(argument))); no != 0 {
			t.Fatal(no)
		}
	}
	screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&all, master) // ends with an error when the screen is closed
	}()
	return screen, func() string {
		screen.Close()
		<-done
		return strings.ReplaceAll(all.String(), "\r\n", "\n")
	}
}

func TestWelcomeOnATerminal(t *testing.T) {
	for _, test := range []struct {
		environ []string
		colours bool
	}{
		{[]string{"TERM=xterm"}, true},
		{[]string{"TERM=xterm", "NO_COLOR=1"}, false},
		{[]string{"TERM=dumb"}, false},
	} {
		screen, written := terminal(t)
		var trouble bytes.Buffer
		d := &development{env: &environment{Environ: test.environ, Stdout: screen, Stderr: &trouble}, issuer: devIssuer, bankSays: "no"}
		d.welcome(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
		text := written()
		yellow := strings.Contains(text, "\x1b[33meverything is kept in memory and lost at exit (Ctrl-C)\x1b[0m\n")
		if yellow != test.colours || strings.Contains(text, "\x1b") != test.colours {
			t.Errorf("%v: colours wrong:\n%q", test.environ, text)
		}
		var code bytes.Buffer
		if err := writeQR(&code, devIssuer+"/authenticator", test.colours); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, code.String()+"the authenticator, for a second tab here; for a real phone: countersign dev --lan\n") {
			t.Errorf("%v: no QR code of the authenticator:\n%s", test.environ, text)
		}
		if trouble.Len() > 0 {
			t.Error(&trouble)
		}
	}
}
