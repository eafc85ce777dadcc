package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// The bench shares the machine with what it measures, so it speaks HTTP and
// WebSocket by hand: it writes fixed texts and looks for the two or three things
// in an answer that it needs.

// loginWithin bounds one login; a server that stalls must not stall the bench.
const loginWithin = 15 * time.Second

// A benchLine is one connection to a node, from an address of its own in
// 127.0.0.0/8: the limits count addresses, and one may hold 1 % of all sessions.
type benchLine struct {
	conn net.Conn
	in   *bufio.Reader
	host string
	out  []byte // of the last request
	body []byte // of the last answer
}

// dialBench connects to a node from 127.0.0.2 and up.
func dialBench(node string, address, buffer int) (*benchLine, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, byte(address/250), byte(2+address%250))}
	d := net.Dialer{LocalAddr: from, Timeout: loginWithin, KeepAlive: -1}
	conn, err := d.Dial("tcp", node)
	if err != nil {
		return nil, err
	}
	return &benchLine{conn: conn, in: bufio.NewReaderSize(conn, buffer), host: node}, nil
}

func (l *benchLine) close() { l.conn.Close() }

// post sends a JSON body with more header lines, each ended by CRLF, and gives
// the answer's status and body. The body is good until the next call.
func (l *benchLine) post(path, header string, body []byte) (status int, answer []byte, err error) {
	if err := l.conn.SetDeadline(time.Now().Add(loginWithin)); err != nil {
		return 0, nil, err
	}
	b := append(l.out[:0], "POST "...)
	b = append(append(b, path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, l.host...), "\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n"...)
	b = append(append(append(b, header...), "\r\n"...), body...)
	l.out = b
	if _, err := l.conn.Write(b); err != nil {
		return 0, nil, err
	}
	status, length, err := l.head()
	if err != nil {
		return 0, nil, err
	}
	if cap(l.body) < length {
		l.body = make([]byte, length)
	}
	l.body = l.body[:length]
	_, err = io.ReadFull(l.in, l.body)
	return status, l.body, err
}

// maxBenchAnswer bounds a body; the servers are ours and send far less.
const maxBenchAnswer = 64 << 10

var errBenchHTTP = errors.New("not an HTTP answer of a known length")

// head reads the status line and the headers.
func (l *benchLine) head() (status, length int, err error) {
	for {
		line, err := l.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch {
		case len(line) <= 2: // the end
			if length < 0 || length > maxBenchAnswer {
				return 0, 0, errBenchHTTP
			}
			return status, length, nil
		case status == 0:
			if len(line) < len("HTTP/1.1 200\r\n") {
				return 0, 0, errBenchHTTP
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, 0, errBenchHTTP
			}
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, 0, errBenchHTTP
			}
		}
	}
}

// upgrade opens a WebSocket on a new line.
func (l *benchLine) upgrade(path, header string) error {
	if err := l.conn.SetDeadline(time.Now().Add(loginWithin)); err != nil {
		return err
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: " + l.host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + header + "\r\n"
	if _, err := io.WriteString(l.conn, request); err != nil {
		return err
	}
	status, _, err := l.head()
	if err == nil && status != 101 {
		err = fmt.Errorf("upgrade answered %d", status)
	}
	return err
}

// The opcodes of RFC 6455 §5.2 that a browser meets here.
const (
	textFrame  = 1
	closeFrame = 8
	pingFrame  = 9
	pongFrame  = 10
)

// frame reads one frame, answering pings on the way; what it gives is good
// until the next call.
func (l *benchLine) frame() (opcode byte, payload []byte, err error) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(l.in, head[:2]); err != nil {
			return 0, nil, err
		}
		length := int(head[1] & 127)
		if length == 126 {
			if _, err := io.ReadFull(l.in, head[2:]); err != nil {
				return 0, nil, err
			}
			length = int(head[2])<<8 | int(head[3])
		}
		if cap(l.body) < length {
			l.body = make([]byte, length)
		}
		l.body = l.body[:length]
		if _, err := io.ReadFull(l.in, l.body); err != nil {
			return 0, nil, err
		}
		if opcode = head[0] & 15; opcode != pingFrame {
			return opcode, l.body, nil
		}
		if err := l.control(pongFrame, l.body); err != nil {
			return 0, nil, err
		}
	}
}

// message reads the next text frame, which must be of one type.
func (l *benchLine) message(kind string) ([]byte, error) {
	opcode, payload, err := l.frame()
	if err != nil {
		return nil, err
	}
	if opcode != textFrame || !bytes.Contains(payload, []byte(`"type":"`+kind+`"`)) {
		return nil, fmt.Errorf("want the message %s, got opcode %d", kind, opcode)
	}
	return payload, nil
}

// control sends a control frame, masked with zeros (RFC 6455 §5.3 asks for a
// mask, not for a good one, and nobody between here and there is to be fooled).
func (l *benchLine) control(opcode byte, payload []byte) error {
	b := append([]byte{0x80 | opcode, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	_, err := l.conn.Write(b)
	return err
}

// goodbye takes the server's close frame, answers it and hangs up, as a browser
// does.
func (l *benchLine) goodbye() error {
	opcode, payload, err := l.frame()
	if err != nil {
		return err
	}
	if opcode != closeFrame || len(payload) < 2 {
		return fmt.Errorf("want a close frame, got opcode %d", opcode)
	}
	return l.control(closeFrame, payload[:2])
}

// textMember finds a string member of a JSON text whose value needs no escapes.
func textMember(body []byte, name string) string {
	_, rest, found := strings.Cut(string(body), `"`+name+`":"`)
	value, _, ended := strings.Cut(rest, `"`)
	if !found || !ended {
		return ""
	}
	return value
}
