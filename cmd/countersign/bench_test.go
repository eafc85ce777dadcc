package main

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// peer gives a line and the server's end of it.
func peer(t *testing.T) (*benchLine, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	return &benchLine{conn: here, in: bufio.NewReader(here), host: "127.0.0.1"}, there
}

// TestBenchPost: the bench reads the answers of any server that tells their
// length, and refuses others.
func TestBenchPost(t *testing.T) {
	for _, tt := range []struct{ name, answer, body, err string }{
		{"good", "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 2\r\n\r\nok", "ok", ""},
		{"refused", "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", "", ""},
		{"no HTTP", "hello\r\n\r\n", "", errBenchHTTP.Error()},
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "", errBenchHTTP.Error()},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "", "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line, server := peer(t)
			asked := make(chan string, 1)
			go func() {
				b := make([]byte, 4096)
				n, _ := server.Read(b)
				asked <- string(b[:n])
				_, _ = server.Write([]byte(tt.answer))
				server.Close()
			}()
			_, body, err := line.post("/x", "A: b\r\n", []byte("{}"))
			if got := <-asked; !strings.HasPrefix(got, "POST /x HTTP/1.1\r\n") || !strings.HasSuffix(got, "A: b\r\n\r\n{}") {
				t.Errorf("asked %q", got)
			}
			if tt.err == "" && (err != nil || string(body) != tt.body) || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
}

// TestBenchFrames: a page answers pings and the close, or the server would give
// it up.
func TestBenchFrames(t *testing.T) {
	line, server := peer(t)
	wrote := make(chan []byte, 1)
	go func() {
		long := append([]byte(`{"type":"approved"`), bytes.Repeat([]byte(" "), 200)...)
		_, _ = server.Write([]byte{0x89, 1, 'p'})
		pong := make([]byte, 7)
		_, _ = server.Read(pong)
		_, _ = server.Write(append([]byte{0x81, 126, 0, byte(len(long))}, long...))
		_, _ = server.Write([]byte{0x88, 2, 3, 232})
		end := make([]byte, 8)
		_, _ = server.Read(end)
		wrote <- bytes.Join([][]byte{pong, end}, nil)
	}()
	if _, err := line.message("approved"); err != nil {
		t.Fatal(err)
	}
	if err := line.goodbye(); err != nil {
		t.Fatal(err)
	}
	want := []byte{0x8a, 0x81, 0, 0, 0, 0, 'p', 0x88, 0x82, 0, 0, 0, 0, 3, 232}
	if got := <-wrote; !bytes.Equal(got, want) {
		t.Errorf("wrote % x, want % x", got, want)
	}
}

// TestBenchFigures: medians, percentiles and what others print.
func TestBenchFigures(t *testing.T) {
	if got := median([]float64{1, 2, 9}); got != 2 {
		t.Errorf("median of three: %v", got)
	}
	if got := median([]float64{1, 2, 4, 9}); got != 3 {
		t.Errorf("median of four: %v", got)
	}
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Microsecond)
	}
	if got := []float64{percentile(times, 50), percentile(times, 99), percentile(nil, 50)}; !slices.Equal(got, []float64{51, 100, 0}) {
		t.Errorf("percentiles: %v", got)
	}
	if got := parseInfo("# CPU\r\nused_cpu_user:1.5\r\nname:x\r\n"); len(got) != 1 || got["used_cpu_user"] != 1.5 {
		t.Errorf("info: %v", got)
	}
	f, err := parseFloor("logins=20 fails=0 rate=0 c=2 713 logins/s whole p50=2640us p99=5880us verify->approved p50=913us p99=2088us" +
		" cpu[0]=500us cpu[1]=1000us cpu[2]=0us cpu_sum=1500us/login\n")
	if err != nil || f[loginsPerSecond] != 713 || f[wholeP99] != 5880 || f[pushP50] != 913 || f[pushP99] != 2088 || f[cpuPerLogin] != 1500 {
		t.Errorf("floor: %v, %v", f, err)
	}
	for _, bad := range []string{"", "fail verify \nlogins=1 fails=1 9 logins/s"} {
		if _, err := parseFloor(bad); err == nil {
			t.Errorf("accepted as figures: %q", bad)
		}
	}
}

// TestBenchProcess: the counters are those of the process asked about.
func TestBenchProcess(t *testing.T) {
	p := &benchProcess{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}
	if size, err := p.resident(); err != nil || size < 1<<20 {
		t.Errorf("resident: %v, %v", size, err)
	}
	before, err := p.cpu()
	if err != nil {
		t.Fatal(err)
	}
	for { // until the clock of /proc has ticked
		now, err := p.cpu()
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			break
		}
	}
}
